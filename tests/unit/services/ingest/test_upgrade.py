"""Upgrade: what earlier versions counted gets registers, once, and is counted on as what is new."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.sqlite.counters import SqliteCounters
from shared.adapters.sqlite.database import iso
from shared.entities import EventCounts, Interaction, InteractionType
from shared.entities.erasures import former_pseudonym, is_former
from shared.feedback.counts import SETTLED_AFTER, SLOT, slot_of, start_of
from shared.feedback.popularity import counts_of
from shared.ports import Documents
from shared.services.ingest.bulk_load import load_interactions
from shared.services.ingest.reconcile import reconcile
from shared.services.ingest.record import count
from shared.services.ingest.upgrade import RECONCILED, Registers, former_id, upgrade
from tests.examples import NOW, an_interaction
from tests.stores import documents

T = InteractionType
MINUTE = timedelta(minutes=1)
LATER = NOW + SLOT + SETTLED_AFTER


def _former(kind: InteractionType, user_id: str = "u", **given: Any) -> Interaction:
    entry = an_interaction(user_id, "e", kind, **{"occurred_at": NOW - 30 * MINUTE} | given)
    return replace(entry, interaction_id=former_id(entry))


def _counted(store: Documents) -> dict[str, EventCounts]:
    return {event_id: counts for event_id, counts, _ in store.counters.changed_since(None) if counts}


def _as_an_earlier_version(store: Documents, settled: EventCounts, by_slot: dict[int, EventCounts]) -> None:
    """Counts and bookmark as an earlier version leaves them: `settled` ones, and those of open slots besides."""
    assert isinstance(store.counters, SqliteCounters)
    fence = store.bookmarks.claim("other")
    store.counters.settle({"e": EventCounts.total([settled, *by_slot.values()])}, fence, fence.progress, now=NOW)
    slots = {
        f"{slot}": {"n": {kind.value: n for kind, n in counts.by_type.items()}, "d": dict(counts.decayed)}
        for slot, counts in by_slot.items()
    }
    with store.counters._database.transaction() as connection:
        text = json.dumps(slots)
        connection.execute("UPDATE event_counts SET slots = ?", (text,))
    store.bookmarks.move(RECONCILED, start_of(slot_of(NOW)))


def test_former_ids_hold_user_target_type_and_day() -> None:
    search = an_interaction("u", "", T.SEARCH, query="Rock & Roll!", occurred_at=NOW)
    page = an_interaction("u", "", T.IMPRESSION, event_ids=("a",), recommendation_id="r", occurred_at=NOW)
    assert former_id(an_interaction("u", "e")) == "u_e_booking"
    assert former_id(search) == "u_rock-roll_search_20260501"
    assert former_id(page) == "u_r_impression_20260501"


def test_what_is_settled_stays_counted_and_its_next_state_replaces_it(store: Documents) -> None:
    rating, view = _former(T.RATING, value=5.0), _former(T.VIEW)
    store.interactions.append([rating, view], now=NOW - SLOT)
    settled = EventCounts.total([counts_of(rating), counts_of(view)])
    _as_an_earlier_version(store, settled, {})
    assert upgrade(store, now=LATER) == 1
    assert upgrade(store, now=LATER) == 0
    reconcile(store, now=LATER)
    assert _counted(store) == {"e": settled}
    later = an_interaction("u", "e", T.RATING, value=1.0, occurred_at=NOW)
    store.interactions.append([later], now=NOW + MINUTE)
    count(store, replace(later, recorded_at=NOW + MINUTE), now=NOW + MINUTE)
    assert _counted(store) == {"e": EventCounts.total([counts_of(later), counts_of(view)])}


@pytest.mark.parametrize(("cancelled_after", "expected"), [(MINUTE, T.CANCEL), (-MINUTE, T.BOOKING)])
def test_a_booking_and_its_cancellation_get_one_register(
    store: Documents, cancelled_after: timedelta, expected: InteractionType
) -> None:
    booking = _former(T.BOOKING, occurred_at=NOW - 30 * MINUTE)
    cancel = _former(T.CANCEL, occurred_at=booking.occurred_at + cancelled_after)
    store.interactions.append([booking, cancel], now=NOW - SLOT)
    parts = [counts_of(cancel)] if expected is T.CANCEL else [counts_of(booking), counts_of(cancel)]
    _as_an_earlier_version(store, EventCounts.total(parts), {})
    assert upgrade(store, now=LATER) == 1
    [register] = store.counters.registers([booking]).values()
    assert register.counts == EventCounts.total(parts)
    again = an_interaction("u", "e", T.BOOKING, occurred_at=NOW)
    count(store, replace(again, recorded_at=NOW), now=NOW)
    assert _counted(store) == {"e": counts_of(again)}


def test_open_slots_are_taken_back_and_counted_from_documents(store: Documents) -> None:
    done = [_former(T.BOOKING), _former(T.SAVE, "v"), _former(T.VIEW)]
    store.interactions.append(done, now=NOW)
    # The trigger of the earlier version had counted one of the two states, twice.
    _as_an_earlier_version(store, EventCounts(), {slot_of(NOW): EventCounts.total([counts_of(done[0])] * 2)})
    report = reconcile(store, now=LATER)
    assert _counted(store) == {"e": EventCounts.total(map(counts_of, done))}
    assert (report.settled, report.lost) == (1, 0)
    assert reconcile(store, now=LATER + SLOT).events == 0


def test_until_the_upgrade_states_are_left_to_it(store: Documents) -> None:
    registers = Registers(store)
    store.bookmarks.move(RECONCILED, NOW)
    assert not registers.are_there()
    upgrade(store, now=LATER)
    assert registers.are_there()
    assert Registers(documents()).are_there()


def test_a_file_that_an_earlier_version_loaded_changes_nothing(store: Documents) -> None:
    rows = [_former(kind, value=3.0) for kind in (T.BOOKING, T.RATING, T.VIEW, T.CLICK)]
    store.interactions.append(rows, now=NOW + MINUTE)
    assert isinstance(store.counters, SqliteCounters)
    with store.counters._database.transaction() as connection:
        connection.execute("UPDATE interactions SET counted = 1")
    _as_an_earlier_version(store, EventCounts.total(map(counts_of, rows)), {})
    before = _counted(store)
    again = [replace(row, interaction_id=row.expected_id()) for row in rows]
    assert load_interactions(store, again, now=NOW).loaded == 0
    assert _counted(store) == before
    later = replace(again[1], value=5.0, occurred_at=NOW)
    assert load_interactions(store, [later], now=NOW).loaded == 1
    assert _counted(store)["e"].by_type == before["e"].by_type
    assert _counted(store) != before


def test_notes_of_earlier_versions_are_renamed_in_bounded_steps(
    store: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.services.ingest.upgrade.MAX_KEYED", 2)
    assert isinstance(store.counters, SqliteCounters)
    users = [f"user_{number}" for number in range(5)]
    with store.counters._database.transaction() as connection:
        rows = [(former_pseudonym(user_id), iso(NOW)) for user_id in users]
        connection.executemany("INSERT INTO forgotten (pseudonym, at) VALUES (?, ?)", rows)
    for left in (3, 1, 0, 0):
        upgrade(store, now=LATER)
        forgotten = store.personal.forgotten()
        assert sum(map(is_former, forgotten.times)) == left
        assert [forgotten.at(user_id) for user_id in users] == [NOW] * 5
