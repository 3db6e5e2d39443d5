"""Capacity table: what it must be whatever the prices."""

from itertools import pairwise

import pytest

from benchmarks.capacity import capacity
from shared.entities.prices import Prices

SIZES = [(10, 5), (1_000, 500), (100_000, 20_000), (1_000_000, 100_000), (10_000_000, 1_000_000)]


def test_more_users_need_more_of_everything() -> None:
    found = [capacity(active, events, Prices(), 30.0) for active, events in SIZES]
    for small, large in pairwise(found):
        assert small.peak_per_s < large.peak_per_s
        assert small.instances <= large.instances
        assert small.usd < large.usd
    assert found[0].instances == 1
    # Documents cost the same for each user.
    assert found[-1].interactions_usd == pytest.approx(found[0].interactions_usd * 1_000_000)


def test_no_deployment_is_billed_for_more_than_one_instance_that_it_needs() -> None:
    idle = capacity(1, 1, Prices(), 30.0)
    assert 0.5 < idle.run_usd < 1, "a training a day"


def test_counts_cost_less_where_instances_look_less_often() -> None:
    often, seldom = (capacity(1_000_000, 100_000, Prices(), seconds).counts_usd for seconds in (30.0, 300.0))
    assert seldom < often / 1.5
