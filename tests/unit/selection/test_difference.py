"""Intervals for the difference of two models, user by user."""

import numpy as np
import pytest

from shared.selection.gate import Difference, difference


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_without_users_there_is_no_difference() -> None:
    assert difference(np.zeros(0), np.zeros(0)) == Difference(0, 0.0, 0.0, 0.0)


def test_a_lead_that_is_the_same_for_everybody_is_certain() -> None:
    lead = difference(np.full(30, 0.75), np.full(30, 0.5))
    assert (lead.users, lead.mean, lead.low, lead.high) == (30, 0.25, 0.25, 0.25)


def test_the_interval_is_as_wide_as_the_standard_error_says(rng: np.random.Generator) -> None:
    paired = rng.normal(0.1, 1.0, 400)
    lead = difference(paired, np.zeros(400))
    error = paired.std(ddof=1) / np.sqrt(400)
    assert lead.mean == pytest.approx(paired.mean())
    assert lead.low == pytest.approx(paired.mean() - 1.96 * error, abs=0.2 * error)
    assert lead.high == pytest.approx(paired.mean() + 1.96 * error, abs=0.2 * error)


def test_asking_the_same_users_four_times_makes_nothing_more_certain(rng: np.random.Generator) -> None:
    cached = rng.normal(0.1, 1.0, 100)
    often, nothing = np.tile(cached, 4), np.zeros(400)
    single = difference(cached, np.zeros(100))
    whole = difference(often, nothing, owners=np.tile(np.arange(100), 4))
    assert whole.users == 100
    assert (whole.mean, whole.low, whole.high) == pytest.approx((single.mean, single.low, single.high))
    apart = difference(often, nothing)
    assert apart.high - apart.low < 0.7 * (single.high - single.low)


def test_users_weigh_by_how_often_they_are_judged() -> None:
    lead = difference(np.array([1.0, 1.0, 1.0, 0.0]), np.zeros(4), owners=np.array([0, 0, 0, 1]))
    # Of two users drawn, the mean is 1, 3/4 or 0.
    assert (lead.users, lead.mean, lead.low, lead.high) == (2, 0.75, 0.0, 1.0)
