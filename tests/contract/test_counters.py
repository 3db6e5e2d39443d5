from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from shared.entities import HistoryEntry, InteractionType
from shared.ports import EventCounts
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, NOW, SECOND, did

VIEW, SAVE, FOLLOW, SEARCH = (
    InteractionType.VIEW,
    InteractionType.SAVE,
    InteractionType.FOLLOW,
    InteractionType.SEARCH,
)


def test_an_interaction_is_counted_and_remembered_once(stores: Stores) -> None:
    counters = stores.documents.counters
    assert counters.record(did("a"), 0.25, now=NOW) is True
    assert counters.record(did("a"), 0.25, now=NOW + DAY) is False
    assert list(counters.changed_since(None)) == [("event_1", EventCounts({VIEW: 1}, 0.25), NOW)]
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(did("a")),)


def test_of_concurrent_deliveries_one_counts(stores: Stores) -> None:
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda _: stores.documents.counters.record(did("a"), 1.0, now=NOW), range(8)))
    assert sorted(counted) == [False] * 7 + [True]
    assert [counts for _, counts, _ in stores.documents.counters.changed_since(None)] == [EventCounts({VIEW: 1}, 1.0)]


def test_concurrent_interactions_all_count(stores: Stores) -> None:
    done = [did(f"{n}", user_id=f"user_{n % 3}", kind=(VIEW, SAVE)[n % 2]) for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda one: stores.documents.counters.record(one, 0.5, now=NOW), done))
    ((_, counts, _),) = stores.documents.counters.changed_since(None)
    assert counts == EventCounts({VIEW: 12, SAVE: 12}, 12.0)
    assert len(stores.documents.users.profile("user_0", timeout_s=10).history) == 8


def test_what_has_no_event_counts_for_none(stores: Stores) -> None:
    follow = did("a", kind=FOLLOW, event_id="", organizer_id="org_1")
    assert stores.documents.counters.record(follow, 1.0, now=NOW)
    assert stores.documents.counters.record(did("b", kind=SEARCH, event_id="", query="jazz"), 1.0, now=NOW)
    assert not stores.documents.counters.record(follow, 1.0, now=NOW)
    assert list(stores.documents.counters.changed_since(None)) == []
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(follow),)


def test_counts_add_up(stores: Stores) -> None:
    counters = stores.documents.counters
    counters.record(did("a"), 0.5, now=NOW)
    counters.add(
        {"event_1": EventCounts({VIEW: 2, SAVE: 1}, 4.0), "event_2": EventCounts({SAVE: 3})}, key="add-1", now=NOW + DAY
    )
    counters.add({"event_1": EventCounts({}, 0.25)}, key="add-2", now=NOW + DAY)
    counters.add({}, key="add-3", now=NOW + DAY)
    assert list(counters.changed_since(NOW)) == [
        ("event_1", EventCounts({VIEW: 3, SAVE: 1}, 4.75), NOW + DAY),
        ("event_2", EventCounts({SAVE: 3}, 0.0), NOW + DAY),
    ]


def test_changed_since_begins_at_the_moment_and_goes_by_time_then_id(stores: Stores) -> None:
    counters = stores.documents.counters
    one = EventCounts({VIEW: 1}, 1.0)
    counters.add({"d": one, "b": one}, key="add-4", now=NOW + SECOND)
    counters.add({"c": one, "a": one}, key="add-5", now=NOW)
    counters.add({"a": one}, key="add-6", now=NOW + 2 * SECOND)
    counters.add({"old": one}, key="add-7", now=NOW - SECOND)
    assert [event_id for event_id, _, _ in counters.changed_since(NOW)] == ["c", "b", "d", "a"]
    assert [event_id for event_id, _, _ in counters.changed_since(NOW + SECOND)] == ["b", "d", "a"]
    assert {event_id for event_id, _, _ in counters.changed_since(None)} == {"a", "b", "c", "d", "old"}


@pytest.mark.parametrize("moment", [NOW, None])
def test_lists_longer_than_a_page_hold_each_event_once(stores: Stores, moment: datetime | None) -> None:
    ids = [f"event_{number:04}" for number in range(1_010)]
    stores.documents.counters.add({one: EventCounts({VIEW: 1}, 1.0) for one in ids}, key="add-8", now=NOW)
    assert sorted(event_id for event_id, _, _ in stores.documents.counters.changed_since(moment)) == ids


def test_what_was_added_under_a_key_is_not_added_again(stores: Stores) -> None:
    counters = stores.documents.counters
    counts = {f"event_{n}": EventCounts({VIEW: 1}, 0.5) for n in range(700)}
    assert counters.add(counts, key="load-1", now=NOW)
    assert not counters.add(counts, key="load-1", now=NOW)
    assert counters.add(counts, key="load-2", now=NOW)
    found = {
        event_id: (counts.by_type[VIEW], counts.popularity) for event_id, counts, _ in counters.changed_since(None)
    }
    assert found == dict.fromkeys(counts, (2, 1.0))
