"""Comparison of the load test: it must see whatever is lost, doubled or counted twice, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.comparison import WRONG, Told, compared, counts_by_event, settle
from benchmarks.traffic import Request
from shared.entities import EventCounts, InteractionType
from shared.ports import Documents
from shared.services.ingest.record import count
from tests.examples import an_interaction
from tests.stores import documents

NOW = datetime.now(UTC)
DONE = [
    an_interaction(f"guest_{n}", "e", kind, occurred_at=NOW, recorded_at=NOW)
    for n, kind in enumerate((InteractionType.BOOKING, InteractionType.VIEW))
]


@pytest.fixture
def store() -> Iterator[Documents]:
    made = documents()
    yield made
    made.close()


def differences(store: Documents, told: Told) -> list[str]:
    settle(store, NOW)
    found = compared(store, {}, told, NOW)
    return [key.removeprefix(f"{WRONG}: ") for key, number in found.items() if key.startswith(WRONG) and number]


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("", []),
        ("lost", ["accepted without a document"]),
        ("doubled", ["documents that nobody was told of"]),
        ("counted twice", ["counts of an event"]),
        ("counted for another", ["counts of an event"]),
        ("forgotten", ["histories"]),
    ],
)
def test_every_fault_of_a_store_is_a_difference(store: Documents, fault: str, what: list[str]) -> None:
    store.interactions.append(DONE, now=NOW)
    count(store, DONE[0], now=NOW)
    told = Told({entry.interaction_id for entry in DONE})
    if fault == "lost":
        told.accepted.add("other")
    elif fault == "doubled":
        again = replace(DONE[1], interaction_id=f"{DONE[1].interaction_id}:again")
        store.interactions.append([again], now=NOW)
    elif fault.startswith("counted"):
        again = an_interaction("guest_2", "e" if fault.endswith("twice") else "f", InteractionType.BOOKING)
        store.counters.load([(again, EventCounts({InteractionType.BOOKING: 1}))], now=NOW - timedelta(days=1))
    elif fault == "forgotten":
        store.users.remember([an_interaction("guest_1", "other", InteractionType.SAVE, occurred_at=NOW)])
    assert differences(store, told) == what


@pytest.mark.parametrize("recorded", [1, 2])
def test_what_got_no_answer_may_be_recorded_or_not(store: Documents, recorded: int) -> None:
    booked, viewed = DONE
    store.interactions.append(DONE[:recorded], now=NOW)
    told, entry = Told(), {"type": "view", "event_id": viewed.event_id}
    told.add(
        {booked.interaction_id},
        [Request("/lists"), Request("/interactions", {"user_id": viewed.user_id, "interactions": [entry]})],
    )
    assert differences(store, told) == []


def test_counts_of_before_the_load_are_no_difference(store: Documents) -> None:
    settle(store, NOW - timedelta(days=1))
    earlier = an_interaction("guest_0", "e", InteractionType.BOOKING, occurred_at=NOW - timedelta(days=1))
    store.counters.load([(earlier, EventCounts({InteractionType.BOOKING: 1}))], now=NOW - timedelta(days=1))
    before = counts_by_event(store)
    assert before
    settle(store, NOW)
    assert not any(number for key, number in compared(store, before, Told(), NOW).items() if key.startswith(WRONG))
