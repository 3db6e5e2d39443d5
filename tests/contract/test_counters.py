from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from shared.entities import EventCounts, HistoryEntry, Interaction, InteractionType, Origin
from shared.errors import Conflict
from shared.feedback.counts import loaded_counts
from shared.ports import Appended, Progress, Recorded, Register
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, NOW, SECOND, did

VIEW, SAVE, UNSAVE, FOLLOW = (
    InteractionType.VIEW,
    InteractionType.SAVE,
    InteractionType.UNSAVE,
    InteractionType.FOLLOW,
)
QUARTER = 2**18
ONE = EventCounts({SAVE: 1}, {4: QUARTER})
NOTHING = EventCounts()


def saved(user_id: str = "user_1", *, event_id: str = "event_1", recorded_at: datetime = NOW) -> Interaction:
    made = did("", user_id=user_id, event_id=event_id, kind=SAVE, recorded_at=recorded_at)
    return replace(made, interaction_id=made.expected_id())


def settle(stores: Stores, counts: dict[str, EventCounts], *, now: datetime = NOW) -> None:
    fence = stores.documents.bookmarks.claim("job")
    stores.documents.counters.settle(counts, fence, fence.progress, now=now)


def counted(stores: Stores) -> dict[str, EventCounts]:
    return {event_id: counts for event_id, counts, _ in stores.documents.counters.changed_since(None) if counts}


def test_put_counts_a_state_once_and_adds_it_to_the_history(stores: Stores) -> None:
    counters = stores.documents.counters
    assert counters.put(saved(), ONE, now=NOW) is Recorded.NEW
    assert counters.put(saved(), ONE, now=NOW + DAY) is Recorded.KNOWN
    assert list(counters.changed_since(None)) == [("event_1", ONE, NOW)]
    assert counters.registers([saved(), saved("user_2")]) == {saved().interaction_id: Register(NOW, ONE)}
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(saved()),)


def test_a_later_state_takes_back_what_was_added_for_the_earlier_one(stores: Stores) -> None:
    counters = stores.documents.counters
    undone = replace(saved(recorded_at=NOW + SECOND), type=UNSAVE)
    counters.put(saved(), ONE, now=NOW)
    assert counters.put(undone, EventCounts({UNSAVE: 1}), now=NOW) is Recorded.NEW
    assert counters.put(saved(), ONE, now=NOW) is Recorded.KNOWN
    assert counted(stores) == {"event_1": EventCounts({UNSAVE: 1})}
    again = saved(recorded_at=NOW + 2 * SECOND)
    # The numbers that are taken back are those that were added, whatever they would be today.
    assert counters.put(again, EventCounts({SAVE: 1}, {5: 7}), now=NOW) is Recorded.NEW
    assert counted(stores) == {"event_1": EventCounts({SAVE: 1}, {5: 7})}
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(again),)


def test_a_state_that_counts_nothing_enters_the_history(stores: Stores) -> None:
    follow = did("a", kind=FOLLOW, event_id="", organizer_id="org_1", recorded_at=NOW)
    assert stores.documents.counters.put(follow, NOTHING, now=NOW) is Recorded.NEW
    assert list(stores.documents.counters.changed_since(None)) == []
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(follow),)


def test_withdraw_takes_back_a_deleted_state_in_any_order(stores: Stores) -> None:
    counters = stores.documents.counters
    counters.put(saved(), ONE, now=NOW)
    assert counters.withdraw(saved(), now=NOW) is Recorded.NEW
    assert counters.withdraw(saved(), now=NOW) is Recorded.KNOWN
    assert counters.put(saved(), ONE, now=NOW) is Recorded.KNOWN
    assert counted(stores) == {}
    later = saved(recorded_at=NOW + SECOND)
    assert counters.put(later, ONE, now=NOW) is Recorded.NEW
    assert counters.withdraw(saved(), now=NOW) is Recorded.KNOWN
    assert counted(stores) == {"event_1": ONE}
    assert counters.withdraw(saved("unknown"), now=NOW) is Recorded.NEW
    assert counters.put(saved("unknown"), ONE, now=NOW) is Recorded.KNOWN


def test_remember_adds_to_the_history_on_every_delivery(stores: Stores) -> None:
    view = did("a", recorded_at=NOW)
    for _ in range(2):
        assert stores.documents.counters.remember(view, now=NOW) is Recorded.NEW
    assert list(stores.documents.counters.changed_since(None)) == []
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(view),)


def test_only_one_of_concurrent_deliveries_is_counted(stores: Stores) -> None:
    with ThreadPoolExecutor(8) as pool:
        put = stores.documents.counters.put
        done = list(pool.map(lambda _: put(saved(), ONE, now=NOW), range(8)))
    assert sorted(done) == [Recorded.KNOWN] * 7 + [Recorded.NEW]
    assert counted(stores) == {"event_1": ONE}


def test_of_concurrent_states_the_last_one_is_counted(stores: Stores) -> None:
    states = [saved(recorded_at=NOW + n * SECOND) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda item: stores.documents.counters.put(item[1], EventCounts({SAVE: 1}, {4: item[0] + 1}), now=NOW),
                enumerate(states),
            )
        )
    assert counted(stores) == {"event_1": EventCounts({SAVE: 1}, {4: 8})}


@pytest.mark.parametrize("moment", [NOW, None])
def test_concurrent_interactions_with_a_hot_event_all_count(stores: Stores, moment: datetime | None) -> None:
    kinds = (SAVE, InteractionType.BOOKING)
    done = [did("", user_id=f"user_{n // 2}", kind=kinds[n % 2], recorded_at=NOW) for n in range(48)]

    def put(state: Interaction) -> Recorded:
        return stores.documents.counters.put(state, EventCounts({state.type: 1}, {4: 1, 5: 2}), now=NOW)

    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(put, done)} == {Recorded.NEW}
    ((_, counts, _),) = stores.documents.counters.changed_since(moment)
    assert counts == EventCounts(dict.fromkeys(kinds, 24), {4: 48, 5: 96})
    assert len(stores.documents.users.profile("user_0", timeout_s=10).history) == 2


def test_changed_since_sums_all_shards_of_a_hot_event(stores: Stores) -> None:
    counters = stores.documents.counters
    for number in range(80):
        counters.put(saved(f"user_{number}"), ONE, now=NOW)
    for number in range(80, 83):
        counters.put(saved(f"user_{number}"), ONE, now=NOW + DAY)
        ((_, counts, updated_at),) = counters.changed_since(NOW + SECOND)
        assert (counts.by_type, updated_at) == ({SAVE: number + 1}, NOW + DAY)


def test_counts_add_up(stores: Stores) -> None:
    stores.documents.counters.put(saved(), EventCounts({SAVE: 1}, {1: 5}), now=NOW)
    settle(
        stores, {"event_1": EventCounts({VIEW: 2, SAVE: 1}, {1: 4}), "event_2": EventCounts({SAVE: 3})}, now=NOW + DAY
    )
    settle(stores, {"event_1": EventCounts({}, {-2: 25})}, now=NOW + DAY)
    settle(stores, {}, now=NOW + DAY)
    assert list(stores.documents.counters.changed_since(NOW)) == [
        ("event_1", EventCounts({VIEW: 2, SAVE: 2}, {1: 9, -2: 25}), NOW + DAY),
        ("event_2", EventCounts({SAVE: 3}), NOW + DAY),
    ]


def test_settling_moves_the_bookmark_and_stops_when_another_run_claims_it(stores: Stores) -> None:
    counters, bookmarks = stores.documents.counters, stores.documents.bookmarks
    first = bookmarks.claim("job")
    assert first.progress == Progress()
    first = counters.settle({"event_1": ONE}, first, Progress(None, NOW, "event_1"), now=NOW)
    second = bookmarks.claim("job")
    assert second.progress == Progress(None, NOW, "event_1")
    with pytest.raises(Conflict, match="job: another run has begun"):
        counters.settle({"event_2": ONE}, first, Progress(NOW), now=NOW)
    second = counters.settle({"event_2": ONE}, second, Progress(NOW), now=NOW)
    counters.settle({}, second, Progress(NOW + DAY), now=NOW)
    assert counted(stores) == {"event_1": ONE, "event_2": ONE}
    assert bookmarks.read("job") == NOW + DAY


def test_load_stores_and_counts_what_is_new(stores: Stores) -> None:
    documents = stores.documents
    view = did("view", recorded_at=None)
    page = did(
        "page",
        kind=InteractionType.IMPRESSION,
        event_id="",
        event_ids=("event_1", "event_2"),
        recommendation_id="list_1",
    )
    ones = [(saved(f"user_{n}"), ONE) for n in range(3)]
    given = [*ones, (view, EventCounts({VIEW: 1})), (page, EventCounts({InteractionType.IMPRESSION: 1}))]
    assert documents.counters.load(given, now=NOW) == [Appended.NEW] * 5
    assert documents.counters.load(given, now=NOW + DAY) == [Appended.KNOWN] * 5
    shown = EventCounts({InteractionType.IMPRESSION: 1})
    assert counted(stores) == {
        "event_1": EventCounts.total([ONE, ONE, ONE, shown, EventCounts({VIEW: 1})]),
        "event_2": shown,
    }
    assert {entry.recorded_at for entry in documents.interactions.since(None)} == {NOW}
    assert [entry.type for entry in documents.interactions.uncounted(NOW)] == [SAVE] * 3
    assert documents.counters.put(saved("user_1"), ONE, now=NOW) is Recorded.KNOWN


def test_load_replaces_what_it_supersedes_and_keeps_later_states(stores: Stores) -> None:
    documents = stores.documents
    stored = saved()
    documents.interactions.append([stored], now=NOW)
    documents.counters.put(stored, ONE, now=NOW)
    earlier = replace(stored, type=UNSAVE, occurred_at=NOW - DAY)
    later = replace(stored, type=UNSAVE, occurred_at=NOW + SECOND)
    undone = EventCounts({UNSAVE: 1})
    assert documents.counters.load([(earlier, undone)], now=NOW) == [Appended.SUPERSEDED]
    assert counted(stores) == {"event_1": ONE}
    assert documents.counters.load([(later, undone)], now=NOW) == [Appended.NEW]
    assert counted(stores) == {"event_1": undone}
    [found] = documents.interactions.since(None)
    assert found.type is UNSAVE
    assert found.recorded_at
    assert found.recorded_at > NOW
    assert documents.counters.put(found, undone, now=NOW) is Recorded.KNOWN


def test_load_puts_an_earlier_row_in_the_place_of_a_loaded_one_of_its_day(stores: Stores) -> None:
    documents = stores.documents
    made = did("", kind=InteractionType.IMPRESSION, recommendation_id="list_1", origin=Origin.LOAD)
    page = replace(made, event_id="", event_ids=("event_1", "event_2"))
    late = replace(page, interaction_id=page.expected_id())
    early = replace(late, occurred_at=late.occurred_at - SECOND, event_ids=("event_2", "event_3"))
    view = replace(did("", kind=VIEW, origin=Origin.LOAD), interaction_id="view_1")
    early_view = replace(view, occurred_at=view.occurred_at - SECOND)
    for rows in ([late, view], [early, early_view]):
        assert documents.counters.load([(row, loaded_counts(row)) for row in rows], now=NOW) == [Appended.NEW] * 2
    # Impressions are in no counts.
    assert {key: EventCounts.total([counts]) for key, counts in counted(stores).items()} == {
        "event_1": loaded_counts(early_view),
    }
    found = {entry.interaction_id: entry for entry in documents.interactions.since(None)}
    assert found == {row.interaction_id: replace(row, recorded_at=NOW) for row in (early, early_view)}
    again = [(row, loaded_counts(row)) for row in (late, view)]
    assert documents.counters.load(again, now=NOW + DAY) == [Appended.KNOWN] * 2
    assert list(documents.interactions.uncounted(NOW)) == []


def test_adopt_creates_only_missing_registers_and_counts_nothing(stores: Stores) -> None:
    counters = stores.documents.counters
    counters.put(saved(), ONE, now=NOW)
    key, other = saved().expected_id(), saved("user_2").expected_id()
    counters.adopt({key: Register(NOW + DAY), other: Register(NOW, ONE)})
    counters.adopt({other: Register(NOW + DAY)})
    assert counters.registers([saved(), saved("user_2")]) == {key: Register(NOW, ONE), other: Register(NOW, ONE)}
    assert counted(stores) == {"event_1": ONE}


def test_changed_since_includes_the_moment_and_is_ordered_by_time_then_id(stores: Stores) -> None:
    counters = stores.documents.counters
    settle(stores, {"d": ONE, "b": ONE}, now=NOW + SECOND)
    settle(stores, {"c": ONE, "a": ONE}, now=NOW)
    settle(stores, {"a": ONE}, now=NOW + 2 * SECOND)
    settle(stores, {"old": ONE}, now=NOW - SECOND)
    assert [event_id for event_id, _, _ in counters.changed_since(NOW)] == ["c", "b", "d", "a"]
    assert [event_id for event_id, _, _ in counters.changed_since(NOW + SECOND)] == ["b", "d", "a"]
    assert {event_id for event_id, _, _ in counters.changed_since(None)} == {"a", "b", "c", "d", "old"}


@pytest.mark.parametrize("moment", [NOW, None])
def test_pagination_lists_each_event_once(stores: Stores, moment: datetime | None) -> None:
    ids = [f"event_{number:04}" for number in range(1_010)]
    for start in range(0, len(ids), 200):
        settle(stores, dict.fromkeys(ids[start : start + 200], ONE))
    assert sorted(event_id for event_id, _, _ in stores.documents.counters.changed_since(moment)) == ids


def test_interactions_before_an_erasure_are_deleted_and_later_ones_count(stores: Stores) -> None:
    store = stores.documents
    late, later = saved(), saved(event_id="event_2", recorded_at=NOW + SECOND)
    seen = did("seen", recorded_at=NOW)
    for interaction in (late, seen, later):
        store.interactions.append([interaction], now=interaction.recorded_at or NOW)
    store.personal.mark("user_1", at=NOW)
    assert store.counters.put(late, ONE, now=NOW) is Recorded.NEW
    store.personal.erase_late([late], now=NOW)
    assert store.counters.remember(seen, now=NOW) is Recorded.FORGOTTEN
    assert store.counters.put(later, ONE, now=NOW) is Recorded.NEW
    assert store.counters.put(later, ONE, now=NOW) is Recorded.KNOWN
    assert store.counters.put(saved("user_2"), ONE, now=NOW) is Recorded.NEW
    assert [interaction.interaction_id for interaction in store.interactions.since(None)] == [later.interaction_id]
    assert store.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(later),)
    assert counted(stores) == {"event_1": ONE, "event_2": ONE}


def test_a_late_delivery_leaves_what_a_user_did_again_after_an_erasure(stores: Stores) -> None:
    store = stores.documents
    seen = did("", kind=VIEW, recorded_at=NOW)
    seen = replace(seen, interaction_id=seen.expected_id())
    before = [saved(), seen]
    store.interactions.append(before, now=NOW)
    store.personal.mark("user_1", at=NOW)
    store.personal.erase("user_1", now=NOW)
    store.interactions.append(before, now=NOW + SECOND)
    again = store.interactions.get([entry.interaction_id for entry in before])
    assert len(again) == 2
    assert store.counters.put(saved(), ONE, now=NOW + SECOND) is Recorded.KNOWN
    assert store.counters.remember(seen, now=NOW + SECOND) is Recorded.FORGOTTEN
    assert store.interactions.get(list(again)) == again
    assert store.counters.put(again[saved().interaction_id], ONE, now=NOW + SECOND) is Recorded.NEW
    assert counted(stores) == {"event_1": ONE}


def test_a_repeated_delivery_in_the_middle_of_an_erasure_leaves_the_count_to_it(stores: Stores) -> None:
    store = stores.documents
    store.interactions.append([saved()], now=NOW)
    store.counters.put(saved(), ONE, now=NOW)
    store.personal.mark("user_1", at=NOW)
    assert store.counters.put(saved(), ONE, now=NOW) is Recorded.KNOWN
    store.personal.erase("user_1", now=NOW)
    assert store.counters.put(saved(), ONE, now=NOW) is Recorded.KNOWN
    assert store.counters.withdraw(saved(), now=NOW) is Recorded.KNOWN
    assert counted(stores) == {}


def test_late_states_of_an_erased_user_are_erased_and_those_of_after_it_stay(stores: Stores) -> None:
    store = stores.documents
    late, kept, replaced = (saved(event_id=f"event_{n}") for n in range(3))
    again = replace(replaced, occurred_at=NOW - SECOND)
    store.interactions.append([late, kept, replace(replaced, occurred_at=NOW - DAY)], now=NOW)
    store.interactions.append([again], now=NOW + SECOND)
    versions = store.interactions.get([late.interaction_id, kept.interaction_id, replaced.interaction_id])
    for state in versions.values():
        store.counters.put(state, ONE, now=NOW)
    store.personal.erase_late([late, replace(replaced, occurred_at=NOW - DAY)], now=NOW)
    assert counted(stores) == {"event_1": ONE, "event_2": ONE}
    assert {entry.event_id for entry in store.interactions.since(None)} == {"event_1", "event_2"}
    assert {entry.event_id for entry in store.users.profile("user_1", timeout_s=10).history} == {"event_1", "event_2"}
    assert store.counters.put(versions[late.interaction_id], ONE, now=NOW) is Recorded.KNOWN
    for state in versions.values():
        store.personal.erase_late([state], now=NOW)
    assert list(store.personal.of("user_1")) == []
    assert counted(stores) == {}


def test_an_erasure_takes_back_states_and_leaves_their_late_deliveries_without_effect(stores: Stores) -> None:
    store = stores.documents
    mine, theirs = saved(), saved("user_2")
    for state in (mine, theirs):
        store.interactions.append([state], now=NOW)
        store.counters.put(state, ONE, now=NOW)
    undelivered = saved(event_id="event_2")
    store.interactions.append([undelivered, did("seen", recorded_at=NOW)], now=NOW)
    assert store.personal.erase("user_1", now=NOW + SECOND) == 4
    assert counted(stores) == {"event_1": ONE}
    assert store.counters.put(mine, ONE, now=NOW) is Recorded.KNOWN
    assert store.counters.put(undelivered, ONE, now=NOW) is Recorded.KNOWN
    assert store.counters.withdraw(mine, now=NOW) is Recorded.KNOWN
    assert counted(stores) == {"event_1": ONE}
