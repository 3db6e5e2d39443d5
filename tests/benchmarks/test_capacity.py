"""Capacity table: what it must be whatever the prices, and the load test's comparison, which must see every loss."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from benchmarks.capacity import capacity
from benchmarks.instances import checked
from shared.entities import EventCounts, InteractionType
from shared.entities.prices import Prices
from shared.ports import Documents
from shared.services.ingest.record import count
from tests.examples import an_interaction
from tests.stores import documents

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


@pytest.fixture
def store() -> Iterator[Documents]:
    made = documents()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("", ""),
        ("lost", "wrong: accepted without a document"),
        ("unknown", "wrong: documents that nobody was told of"),
        ("counted twice", "wrong: counts of an event"),
        ("forgotten", "wrong: histories"),
    ],
)
def test_the_load_test_sees_what_is_lost_or_counted_twice(store: Documents, fault: str, what: str) -> None:
    now = datetime.now(UTC)
    done = [
        an_interaction(f"guest_{n}", "e", kind, occurred_at=now, recorded_at=now)
        for n, kind in enumerate((InteractionType.BOOKING, InteractionType.VIEW))
    ]
    store.interactions.append(done, now=now)
    count(store, done[0], now=now)
    accepted = {entry.interaction_id for entry in done}
    if fault == "lost":
        accepted.add("other")
    elif fault == "unknown":
        accepted.remove(done[0].interaction_id)
    elif fault == "counted twice":
        again = an_interaction("guest_2", "e", InteractionType.BOOKING, occurred_at=now, recorded_at=now)
        store.counters.load([(again, EventCounts({InteractionType.BOOKING: 1}))], now=now - timedelta(days=1))
    elif fault == "forgotten":
        store.users.remember([an_interaction("guest_1", "other", InteractionType.SAVE, occurred_at=now)])
    found = checked(store, {}, accepted, now)
    assert [key for key, number in found.items() if key.startswith("wrong") and number] == ([what] if what else [])
