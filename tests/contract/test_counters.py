from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from shared.entities import EventCounts, HistoryEntry, Interaction, InteractionType
from shared.ports import OpenCounts, Recorded, Settlement
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, NOW, SECOND, did

VIEW, SAVE, FOLLOW, SEARCH = (
    InteractionType.VIEW,
    InteractionType.SAVE,
    InteractionType.FOLLOW,
    InteractionType.SEARCH,
)
QUARTER = 2**18
ONE = EventCounts({SAVE: 1}, {4: QUARTER})
NOTHING = EventCounts()


def saved(interaction_id: str, *, user_id: str = "user_1", event_id: str = "event_1") -> Interaction:
    return did(interaction_id, user_id=user_id, event_id=event_id, kind=SAVE, recorded_at=NOW)


def open_counts(stores: Stores) -> dict[str, dict[int, EventCounts]]:
    """Unsettled counts by event and slot, summed over shards."""
    found: dict[str, list[OpenCounts]] = {}
    for counts in stores.documents.counters.open_since(NOW - DAY):
        found.setdefault(counts.event_id, []).append(counts)
    return {
        event_id: {
            slot: EventCounts.total(counts.slots[slot] for counts in parts if slot in counts.slots)
            for slot in {slot for counts in parts for slot in counts.slots}
        }
        for event_id, parts in found.items()
    }


def test_record_counts_an_interaction_once_and_adds_it_to_the_history(stores: Stores) -> None:
    counters = stores.documents.counters
    assert counters.record(saved("a"), ONE, slot=7, now=NOW) is Recorded.NEW
    assert counters.record(saved("a"), ONE, slot=7, now=NOW + DAY) is Recorded.KNOWN
    assert list(counters.changed_since(None)) == [("event_1", ONE, NOW)]
    assert open_counts(stores) == {"event_1": {7: ONE}}
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(saved("a")),)


def test_an_interaction_without_counts_enters_the_history_on_every_delivery(stores: Stores) -> None:
    counters = stores.documents.counters
    for _ in range(2):
        assert counters.record(did("a", recorded_at=NOW), NOTHING, slot=7, now=NOW) is Recorded.NEW
    assert list(counters.changed_since(None)) == []
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(did("a")),)


def test_only_one_of_concurrent_deliveries_is_counted(stores: Stores) -> None:
    with ThreadPoolExecutor(8) as pool:
        record = stores.documents.counters.record
        counted = list(pool.map(lambda _: record(saved("a"), ONE, slot=7, now=NOW), range(8)))
    assert sorted(counted) == [Recorded.KNOWN] * 7 + [Recorded.NEW]
    assert [counts for _, counts, _ in stores.documents.counters.changed_since(None)] == [ONE]


@pytest.mark.parametrize("moment", [NOW, None])
def test_concurrent_interactions_with_a_hot_event_all_count(stores: Stores, moment: datetime | None) -> None:
    kinds = (SAVE, InteractionType.BOOKING)
    done = [did(f"{n}", user_id=f"user_{n % 3}", kind=kinds[n % 2], recorded_at=NOW) for n in range(48)]

    def record(interaction: Interaction) -> Recorded:
        added = EventCounts({interaction.type: 1}, {4: 1, 5: 2})
        return stores.documents.counters.record(interaction, added, slot=7, now=NOW)

    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(record, done)} == {Recorded.NEW}
    ((_, counts, _),) = stores.documents.counters.changed_since(moment)
    assert counts == EventCounts(dict.fromkeys(kinds, 24), {4: 48, 5: 96})
    assert open_counts(stores) == {"event_1": {7: counts}}
    assert len(stores.documents.users.profile("user_0", timeout_s=10).history) == 16


def test_changed_since_sums_all_shards_of_a_hot_event(stores: Stores) -> None:
    counters = stores.documents.counters
    for number in range(40):
        counters.record(saved(f"{number}"), ONE, slot=7, now=NOW)
    for number in range(40, 43):
        counters.record(saved(f"{number}"), ONE, slot=8, now=NOW + DAY)
        ((_, counts, updated_at),) = counters.changed_since(NOW + SECOND)
        assert (counts.by_type, updated_at) == ({SAVE: number + 1}, NOW + DAY)


def test_interactions_without_an_event_change_no_counts(stores: Stores) -> None:
    follow = did("a", kind=FOLLOW, event_id="", organizer_id="org_1", recorded_at=NOW)
    search = did("b", kind=SEARCH, event_id="", query="jazz", recorded_at=NOW)
    for interaction in (follow, search):
        assert stores.documents.counters.record(interaction, NOTHING, slot=7, now=NOW) is Recorded.NEW
    assert list(stores.documents.counters.changed_since(None)) == []
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(follow),)


def test_counts_add_up(stores: Stores) -> None:
    counters = stores.documents.counters
    counters.record(saved("a"), EventCounts({SAVE: 1}, {1: 5}), slot=7, now=NOW)
    counters.add(
        {"event_1": EventCounts({VIEW: 2, SAVE: 1}, {1: 4}), "event_2": EventCounts({SAVE: 3})},
        key="add-1",
        now=NOW + DAY,
    )
    counters.add({"event_1": EventCounts({}, {-2: 25})}, key="add-2", now=NOW + DAY)
    counters.add({}, key="add-3", now=NOW + DAY)
    assert list(counters.changed_since(NOW)) == [
        ("event_1", EventCounts({VIEW: 2, SAVE: 2}, {1: 9, -2: 25}), NOW + DAY),
        ("event_2", EventCounts({SAVE: 3}), NOW + DAY),
    ]
    assert open_counts(stores)["event_1"] == {7: EventCounts({SAVE: 1}, {1: 5})}


def test_settle_corrects_totals_and_slots_and_drops_closed_slots(stores: Stores) -> None:
    counters = stores.documents.counters
    for slot in (6, 7):
        counters.record(saved(f"{slot}"), ONE, slot=slot, now=NOW)
    more = EventCounts({VIEW: 3}, {4: 10})
    counters.settle(
        [
            Settlement("event_1", 0, {7: ONE.negative(), 8: more}, closed=[5, 6]),
            Settlement("event_2", 0, {8: more}),
        ],
        now=NOW + SECOND,
    )
    assert list(counters.changed_since(NOW + SECOND)) == [
        ("event_1", EventCounts.total([ONE, more]), NOW + SECOND),
        ("event_2", more, NOW + SECOND),
    ]
    found = open_counts(stores)
    assert {slot: counts for slot, counts in found["event_1"].items() if counts} == {8: more}
    assert 6 not in found["event_1"]
    counters.settle([Settlement("event_2", 0, {}, closed=[8])], now=NOW + DAY)
    assert list(counters.changed_since(NOW + 2 * SECOND)) == []
    assert open_counts(stores)["event_2"] == {}


def test_changed_since_includes_the_moment_and_is_ordered_by_time_then_id(stores: Stores) -> None:
    counters = stores.documents.counters
    counters.add({"d": ONE, "b": ONE}, key="add-4", now=NOW + SECOND)
    counters.add({"c": ONE, "a": ONE}, key="add-5", now=NOW)
    counters.add({"a": ONE}, key="add-6", now=NOW + 2 * SECOND)
    counters.add({"old": ONE}, key="add-7", now=NOW - SECOND)
    assert [event_id for event_id, _, _ in counters.changed_since(NOW)] == ["c", "b", "d", "a"]
    assert [event_id for event_id, _, _ in counters.changed_since(NOW + SECOND)] == ["b", "d", "a"]
    assert {event_id for event_id, _, _ in counters.changed_since(None)} == {"a", "b", "c", "d", "old"}
    assert {counts.event_id for counts in counters.open_since(NOW + SECOND)} == {"a", "b", "d"}


@pytest.mark.parametrize("moment", [NOW, None])
def test_pagination_lists_each_event_once(stores: Stores, moment: datetime | None) -> None:
    ids = [f"event_{number:04}" for number in range(1_010)]
    stores.documents.counters.add(dict.fromkeys(ids, ONE), key="add-8", now=NOW)
    assert sorted(event_id for event_id, _, _ in stores.documents.counters.changed_since(moment)) == ids


def test_add_is_idempotent_by_key(stores: Stores) -> None:
    counters = stores.documents.counters
    counts = dict.fromkeys((f"event_{n}" for n in range(700)), ONE)
    assert counters.add(counts, key="load-1", now=NOW)
    assert not counters.add(counts, key="load-1", now=NOW)
    assert counters.add(counts, key="load-2", now=NOW)
    found = {event_id: counts for event_id, counts, _ in counters.changed_since(None)}
    assert found == dict.fromkeys(counts, EventCounts.total([ONE, ONE]))


def test_interactions_before_an_erasure_are_deleted_and_later_ones_count(stores: Stores) -> None:
    store = stores.documents
    late, later = saved("late"), did("later", kind=SAVE, recorded_at=NOW + SECOND)
    for interaction in (late, later):
        store.interactions.append([interaction], now=interaction.recorded_at or NOW, counted=False)
    store.personal.mark("user_1", at=NOW)
    assert store.counters.record(late, ONE, slot=7, now=NOW) is Recorded.FORGOTTEN
    assert store.counters.record(later, ONE, slot=7, now=NOW) is Recorded.NEW
    assert store.counters.record(later, ONE, slot=7, now=NOW) is Recorded.KNOWN
    assert store.counters.record(saved("b", user_id="user_2"), ONE, slot=7, now=NOW) is Recorded.NEW
    assert [interaction.interaction_id for interaction in store.interactions.since(None)] == ["later"]
    assert store.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(later),)
    ((_, counts, _),) = store.counters.changed_since(None)
    assert counts.by_type == {SAVE: 2}
