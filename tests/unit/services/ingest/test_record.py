"""Recording: batches from clients, and counting by the trigger."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from shared.entities import EventCounts, Interaction, InteractionType, Origin
from shared.errors import InvalidField
from shared.feedback.popularity import counts_of
from shared.ports import Documents
from shared.services.ingest.record import MAX_AHEAD, Outcome, Received, Rejection, count, receive, withdraw
from tests.examples import DAY, NOW, an_interaction
from tests.stores import documents

REPEATING = [kind for kind in InteractionType if kind.meaning.repeats and kind.meaning.target == "event_id"]


def _receive(store: Documents, *batch: Any) -> Received:
    return receive(store.interactions, batch, user_id="u", now=NOW)


def _stored(store: Documents) -> dict[str, Interaction]:
    return {interaction.interaction_id: interaction for interaction in store.interactions.since(None)}


def test_a_batch_stores_valid_entries_and_lists_rejected_ones(store: Documents) -> None:
    received = _receive(
        store,
        {"type": "click", "event_id": "e"},
        {"type": "dance", "event_id": "e"},
        "click",
        None,
        {"type": "rating", "event_id": "e", "value": 9},
        {"type": "booking", "event_id": "e"},
        {"type": "booking"},
    )
    assert received.accepted == ["click:1:u:20260501:e", "booking:1:u:e"]
    assert [(rejection.index, rejection.field) for rejection in received.rejected] == [
        (1, "type"),
        (2, "interactions"),
        (3, "interactions"),
        (4, "value"),
        (6, "event_id"),
    ]
    assert received.rejected[3] == Rejection(4, "value", "expected a number in 1..5, got 9")
    assert set(_stored(store)) == set(received.accepted)


def test_every_field_of_an_entry_is_stored(store: Documents) -> None:
    entry = {
        "type": "rating",
        "event_id": "e",
        "value": 4.5,
        "occurred_at": "2026-04-30T10:00:00+02:00",
        "session_id": "s",
        "recommendation_id": "r",
        "position": 3,
    }
    _receive(store, entry)
    assert _stored(store)["rating:1:u:e"] == an_interaction(
        "u",
        "e",
        InteractionType.RATING,
        value=4.5,
        occurred_at=NOW - timedelta(days=1, hours=4),
        recorded_at=NOW,
        session_id="s",
        recommendation_id="r",
        position=3,
    )


def test_occurred_at_defaults_to_now(store: Documents) -> None:
    _receive(store, {"type": "click", "event_id": "e"})
    assert _stored(store)["click:1:u:20260501:e"].occurred_at == NOW


@pytest.mark.parametrize("ahead", [timedelta(microseconds=1), timedelta(seconds=1), MAX_AHEAD])
def test_what_a_clock_that_runs_ahead_calls_the_future_occurs_now(store: Documents, ahead: timedelta) -> None:
    received = _receive(store, {"type": "click", "event_id": "e", "occurred_at": (NOW + ahead).isoformat()})
    assert (received.accepted, received.rejected) == (["click:1:u:20260501:e"], [])
    assert _stored(store)["click:1:u:20260501:e"].occurred_at == NOW


def test_what_a_clock_ahead_dates_on_the_next_day_has_the_id_of_today(store: Documents) -> None:
    midnight = NOW.replace(hour=0) + DAY
    entry = {"type": "click", "event_id": "e", "occurred_at": (midnight + timedelta(seconds=30)).isoformat()}
    before = receive(store.interactions, [entry], user_id="u", now=midnight - timedelta(seconds=30))
    assert before.accepted == ["click:1:u:20260501:e"]
    after = receive(store.interactions, [entry], user_id="u", now=midnight + timedelta(seconds=60))
    assert after.accepted == ["click:1:u:20260502:e"]


@pytest.mark.parametrize("ahead", [MAX_AHEAD + timedelta(microseconds=1), DAY, 9_999 * DAY])
def test_a_time_in_the_future_is_rejected(store: Documents, ahead: timedelta) -> None:
    received = _receive(store, {"type": "click", "event_id": "e", "occurred_at": (NOW + ahead).isoformat()})
    assert [(rejection.index, rejection.field) for rejection in received.rejected] == [(0, "occurred_at")]
    assert not _stored(store)


@pytest.mark.parametrize("age", [7 * DAY + timedelta(microseconds=1), 30 * DAY])
def test_a_time_beyond_the_age_limit_is_rejected(store: Documents, age: timedelta) -> None:
    received = _receive(store, {"type": "click", "event_id": "e", "occurred_at": (NOW - age).isoformat()})
    assert [(rejection.field, "of the last 7 days" in rejection.reason) for rejection in received.rejected] == [
        ("occurred_at", True)
    ]
    week_old = {"type": "click", "event_id": "e", "occurred_at": (NOW - 7 * DAY).isoformat()}
    assert _receive(store, week_old).accepted == ["click:1:u:20260424:e"]


def test_clients_cannot_forge_user_id_interaction_id_or_recorded_at(store: Documents) -> None:
    forged = {"user_id": "victim", "interaction_id": "mine", "recorded_at": "long ago", "counted": True}
    _receive(store, {"type": "click", "event_id": "e"} | forged)
    (stored,) = _stored(store).values()
    assert (stored.user_id, stored.interaction_id, stored.recorded_at) == ("u", "click:1:u:20260501:e", NOW)


def test_a_repeat_is_accepted_and_stays_one_document(store: Documents) -> None:
    entry = {"type": "click", "event_id": "e"}
    name = "click:1:u:20260501:e"
    assert _receive(store, entry, entry).accepted == [name, name]
    assert _receive(store, entry).accepted == [name]
    assert list(_stored(store)) == [name]
    yesterday = entry | {"occurred_at": (NOW - DAY).isoformat()}
    assert _receive(store, yesterday).accepted == ["click:1:u:20260430:e"]
    assert len(_stored(store)) == 2


def test_an_empty_or_entirely_rejected_batch_writes_nothing(store: Documents) -> None:
    assert _receive(store) == Received([], [], [])
    assert [rejection.index for rejection in _receive(store, {}, []).rejected] == [0, 1]
    assert not _stored(store)


def _count(store: Documents, interaction: Interaction, *, after: timedelta = timedelta(0)) -> Outcome:
    """Outcome of an interaction that is recorded at `NOW` and delivered `after` that."""
    store.interactions.append([interaction], now=NOW)
    return count(store, replace(interaction, recorded_at=NOW), now=NOW + after)


def _by_type(store: Documents) -> dict[str, dict[str, int]]:
    return {
        event_id: {kind.value: n for kind, n in counts.by_type.items()}
        for event_id, counts, _ in store.counters.changed_since(None)
    }


def _history(store: Documents, user_id: str = "u") -> list[str]:
    return [entry.type.value for entry in store.users.profile(user_id, timeout_s=1).history]


def test_counting_twice_counts_once(store: Documents) -> None:
    save = an_interaction("u", "e", InteractionType.SAVE)
    assert _count(store, save) is Outcome.COUNTED
    assert _count(store, save, after=timedelta(minutes=3)) is Outcome.KNOWN
    ((event_id, counts, _),) = store.counters.changed_since(None)
    assert (event_id, counts) == ("e", counts_of(save))
    assert _history(store) == ["save"]


def test_counts_add_up_by_type(store: Documents) -> None:
    given = [
        an_interaction(user, "e", kind) for user in "uvw" for kind in (InteractionType.BOOKING, InteractionType.SAVE)
    ]
    for interaction in given:
        _count(store, interaction)
    ((_, counts, _),) = store.counters.changed_since(None)
    assert counts == EventCounts.total(map(counts_of, given))
    assert counts.by_type == {InteractionType.BOOKING: 3, InteractionType.SAVE: 3}


@pytest.mark.parametrize(
    "kind", [kind for kind in InteractionType if kind.meaning.repeats and kind.meaning.target == "event_id"]
)
def test_repeating_types_are_remembered_and_counted_only_by_settling(store: Documents, kind: InteractionType) -> None:
    seen = kind is not InteractionType.IMPRESSION
    for _ in range(2):
        outcome = _count(store, an_interaction("u", "e", kind))
        assert outcome is (Outcome.REMEMBERED if seen else Outcome.NOTHING)
    assert _history(store) == [kind.value] * seen
    assert _by_type(store) == {}


def test_interactions_without_an_event_count_for_no_event(store: Documents) -> None:
    follow = an_interaction("u", "", InteractionType.FOLLOW, organizer_id="o")
    search = an_interaction("u", "", InteractionType.SEARCH, query="jazz")
    assert (_count(store, follow), _count(store, search)) == (Outcome.REMEMBERED, Outcome.NOTHING)
    assert _by_type(store) == {}
    assert [entry.organizer_id for entry in store.users.profile("u", timeout_s=1).history] == ["o"]


def test_states_are_left_to_reconciling_until_the_store_has_registers(store: Documents) -> None:
    booking = an_interaction("u", "e", recorded_at=NOW)
    store.interactions.append([booking], now=NOW)
    assert count(store, booking, now=NOW, has_registers=False) is Outcome.LEFT
    assert (_by_type(store), _history(store)) == ({}, ["booking"])


def test_what_only_a_bulk_load_can_have_written_costs_its_trigger_nothing(store: Documents) -> None:
    old = an_interaction("u", "e", occurred_at=NOW - 8 * DAY)
    assert _count(store, old) is Outcome.LEFT
    assert (_by_type(store), _history(store)) == ({}, [])


@pytest.mark.parametrize("age", [DAY, 8 * DAY])
@pytest.mark.parametrize(("origin", "outcome"), [(Origin.LOAD, Outcome.LEFT), (Origin.JOIN, Outcome.COUNTED)])
def test_the_trigger_leaves_what_was_loaded_and_counts_what_was_joined(
    store: Documents, origin: Origin, outcome: Outcome, age: timedelta
) -> None:
    assert _count(store, an_interaction("u", "e", occurred_at=NOW - age, origin=origin)) is outcome


def test_a_client_does_not_choose_the_origin(store: Documents) -> None:
    entry = {"type": "booking", "event_id": "e", "origin": "load"}
    assert _receive(store, entry).rejected == []
    [stored] = _stored(store).values()
    assert stored.origin is Origin.CLIENT


def test_a_late_delivery_counts_as_one_in_time(store: Documents) -> None:
    booking = an_interaction("u", "e", occurred_at=NOW - DAY)
    assert _count(store, booking, after=30 * DAY) is Outcome.COUNTED
    assert (_by_type(store), _history(store)) == ({"e": {"booking": 1}}, ["booking"])


def test_a_cancellation_replaces_the_booking(store: Documents) -> None:
    booking, cancel = an_interaction("u", "e"), an_interaction("u", "e", InteractionType.CANCEL, occurred_at=NOW)
    store.interactions.append([booking], now=NOW)
    assert count(store, replace(booking, recorded_at=NOW), now=NOW) is Outcome.COUNTED
    store.interactions.append([cancel], now=NOW)
    [stored] = store.interactions.since(None)
    assert (stored.type, stored.recorded_at) == (InteractionType.CANCEL, NOW + timedelta(microseconds=1))
    assert count(store, stored, now=NOW) is Outcome.COUNTED
    assert count(store, stored, now=NOW) is Outcome.KNOWN
    assert count(store, replace(booking, recorded_at=NOW), now=NOW) is Outcome.KNOWN
    ((_, counts, _),) = store.counters.changed_since(None)
    assert counts == EventCounts({InteractionType.CANCEL: 1})
    assert counts.popularity == 0
    assert _history(store) == ["cancel"]


def test_the_last_state_of_a_batch_wins_and_the_others_are_accepted_as_superseded(store: Documents) -> None:
    times = [(NOW - timedelta(minutes=minutes)).isoformat() for minutes in (1, 3, 2)]
    batch = [{"type": "rating", "event_id": "e", "value": n, "occurred_at": at} for n, at in enumerate(times, 1)]
    received = _receive(store, *batch)
    key = "rating:1:u:e"
    assert received == Received([key] * 3, [], [key] * 2)
    assert _stored(store)[key].value == 1
    later = {"type": "rating", "event_id": "e", "value": 5}
    assert _receive(store, later).superseded == []
    assert _receive(store, later, batch[0]) == Received([key] * 2, [], [key])
    assert _stored(store)[key].value == 5


Entry = tuple[InteractionType, str, float, timedelta | None]

STATES = [kind for kind in InteractionType if not kind.meaning.repeats]
# Few distinct times, so that equal ones are frequent; the last are ahead of the server's clock.
_TIMES = [None, *(timedelta(seconds=s) for s in (-7 * 86_400, -1, -1e-6, 0, 1e-6, 30, 60, 120))]
_entries: st.SearchStrategy[Entry] = st.tuples(
    st.sampled_from(STATES), st.sampled_from(["a", "b"]), st.sampled_from([1.0, 2.0, 5.0]), st.sampled_from(_TIMES)
)


def _sent(entry: Entry) -> dict[str, Any]:
    kind, target, value, ahead = entry
    given: dict[str, Any] = {"type": kind.value, kind.meaning.target: target}
    if kind is InteractionType.RATING:
        given["value"] = value
    return given if ahead is None else given | {"occurred_at": (NOW + ahead).isoformat()}


@given(st.lists(_entries, min_size=1, max_size=12))
@example([(InteractionType.RATING, "a", 5.0, None), (InteractionType.RATING, "a", 2.0, None)])
@example([(InteractionType.CANCEL, "a", 1.0, None), (InteractionType.BOOKING, "a", 1.0, None)])
@example(
    [(InteractionType.UNSAVE, "a", 1.0, timedelta(seconds=30)), (InteractionType.SAVE, "a", 1.0, timedelta(minutes=1))]
)
@example(
    [(InteractionType.SAVE, "a", 1.0, timedelta(minutes=1)), (InteractionType.UNSAVE, "a", 1.0, timedelta(seconds=30))]
)
def test_the_last_word_of_a_batch_is_the_latest_by_the_client_s_times_then_by_place(batch: list[Entry]) -> None:
    last: dict[tuple[str, str], tuple[timedelta, int]] = {}
    for place, (kind, target, _, ahead) in enumerate(batch):
        about = kind.family, target
        last[about] = max(last.get(about, (-DAY * 9, 0)), (ahead or timedelta(0), place))
    expected = {
        (
            kind,
            target,
            value if kind is InteractionType.RATING else None,
            NOW + min(ahead or timedelta(0), timedelta(0)),
        )
        for ahead, (kind, target, value, _) in ((at, batch[place]) for at, place in last.values())
    }
    store = documents()
    received = _receive(store, *map(_sent, batch))
    stored = _stored(store)
    assert {
        (one.type, one.event_id or one.organizer_id, one.value, one.occurred_at) for one in stored.values()
    } == expected
    assert len(received.accepted) == len(batch)
    assert not received.rejected
    for key in stored:
        same = [entry for entry, name in zip(batch, received.accepted, strict=True) if name == key]
        n_other = sum((entry[0], _sent(entry).get("value")) != (stored[key].type, stored[key].value) for entry in same)
        assert n_other <= received.superseded.count(key) < len(same)
    for state in stored.values():
        count(store, state, now=NOW)
    booked = {(event_id, kind) for event_id, by_type in _by_type(store).items() for kind in by_type}
    assert booked == {(target, kind.value) for kind, target, _, _ in expected if kind.meaning.target == "event_id"}
    history = store.users.profile("u", timeout_s=1).history
    assert {(one.type, one.event_id or one.organizer_id, one.value, one.occurred_at) for one in history} == expected
    assert _receive(store, *map(_sent, batch)).accepted == received.accepted
    assert _stored(store) == stored
    store.close()


@pytest.mark.parametrize("does", ["save", "follow", "dismiss"])
def test_what_was_done_can_be_undone_and_done_again(store: Documents, does: str) -> None:
    target = {"organizer_id": "o"} if does == "follow" else {"event_id": "e"}
    for minute, kind in enumerate((does, f"un{does}", does), 1):
        at = NOW - timedelta(minutes=10 - minute)
        [key] = _receive(store, {"type": kind, "occurred_at": at.isoformat()} | target).accepted
        stored = _stored(store)[key]
        assert (stored.type.value, len(_stored(store))) == (kind, 1)
        count(store, stored, now=NOW)
        assert _history(store) == [kind]
    assert _by_type(store) == ({} if does == "follow" else {"e": {does: 1}})


def test_a_deleted_state_is_taken_back_and_a_late_delivery_of_it_changes_nothing(store: Documents) -> None:
    booking = an_interaction("u", "e", recorded_at=NOW)
    assert _count(store, booking) is Outcome.COUNTED
    assert withdraw(store, booking, now=NOW, has_registers=True) is Outcome.WITHDRAWN
    assert withdraw(store, booking, now=NOW, has_registers=True) is Outcome.KNOWN
    assert count(store, booking, now=NOW) is Outcome.KNOWN
    assert _by_type(store) == {"e": {}}
    again = replace(booking, recorded_at=NOW + DAY)
    assert count(store, again, now=NOW + DAY) is Outcome.COUNTED
    assert _by_type(store) == {"e": {"booking": 1}}


@pytest.mark.parametrize("recorded", [False, True])
def test_a_deletion_that_is_delivered_before_its_document_leaves_nothing_counted(
    store: Documents,
    recorded: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    booking = an_interaction("u", "e", recorded_at=NOW)
    if recorded:
        _count(store, an_interaction("v", "e"))
    withdraw(store, booking, now=NOW, has_registers=True)
    assert count(store, booking, now=NOW) is Outcome.KNOWN
    assert _by_type(store).get("e", {}) == ({"booking": 1} if recorded else {})


def test_a_cancellation_without_a_booking_undoes_nothing(store: Documents) -> None:
    _count(store, an_interaction("v", "e"))
    _count(store, an_interaction("u", "e", InteractionType.CANCEL, occurred_at=NOW))
    assert _by_type(store) == {"e": {"booking": 1, "cancel": 1}}


def test_an_unstamped_document_is_refused(store: Documents) -> None:
    with pytest.raises(InvalidField, match="recorded_at: expected the server's time"):
        count(store, an_interaction("u", "e"), now=NOW)


def test_a_page_of_impressions_is_one_document(store: Documents) -> None:
    page = {"type": "impression", "event_ids": ["a", "b", "c"], "recommendation_id": "list_1"}
    assert _receive(store, page, page).accepted == ["page:1:u:20260501:0:list_1"] * 2
    (interaction,) = _stored(store).values()
    assert interaction.events() == ("a", "b", "c")


def test_a_page_of_impressions_keeps_its_usable_ids(store: Documents) -> None:
    page = {"type": "impression", "event_ids": ["a", "a/b", "..", "b"], "recommendation_id": "list_1"}
    assert _receive(store, page).rejected == []
    (interaction,) = _stored(store).values()
    assert interaction.events() == ("a", "b")


def test_the_second_page_of_a_list_is_a_document_of_its_own(store: Documents) -> None:
    pages = [
        {"type": "impression", "event_ids": [f"e{first}"], "recommendation_id": "list_1", "position": first}
        for first in (0, 10)
    ]
    assert len({*_receive(store, *pages).accepted}) == len(_stored(store)) == 2


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"type": "impression", "event_ids": ["a"]}, "recommendation_id"),
        ({"type": "impression", "event_ids": ["a"], "event_id": "b", "recommendation_id": "r"}, "event_id"),
        ({"type": "impression", "event_ids": [], "recommendation_id": "r"}, "event_id"),
        ({"type": "impression", "event_ids": ["a/b"], "recommendation_id": "r"}, "event_ids"),
        ({"type": "impression", "event_ids": [f"{n}" for n in range(101)], "recommendation_id": "r"}, "event_ids"),
        ({"type": "click", "event_ids": ["a"], "recommendation_id": "r"}, "event_ids"),
    ],
)
def test_an_invalid_impression_page_is_rejected(store: Documents, entry: dict[str, Any], field: str) -> None:
    assert [rejection.field for rejection in _receive(store, entry).rejected] == [field]


def test_the_register_of_a_visitor_s_state_is_deleted_with_its_document(store: Documents) -> None:
    state = replace(an_interaction("u", "e"), recorded_at=NOW, anonymous=True)
    store.interactions.append([state], now=NOW)
    count(store, state, now=NOW)
    assert withdraw(store, state, now=NOW) is Outcome.WITHDRAWN
    assert store.counters.registers([state])[state.interaction_id].is_deleted
    assert not list(store.counters.changed_since(None))
