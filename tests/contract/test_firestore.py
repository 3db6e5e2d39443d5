"""Firestore specifics: documents written by other programs, request limits and markers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import pytest

from benchmarks.meter import Meter
from shared.adapters import history
from shared.adapters.firestore import (
    Database,
    FirestoreCounters,
    FirestoreEvents,
    FirestoreInteractions,
    FirestoreUsers,
)
from shared.adapters.firestore.client import Refused
from shared.adapters.firestore.histories import Histories, is_due
from shared.adapters.firestore.pages import Listing, documents
from shared.adapters.firestore.spread import Spread
from shared.adapters.stores import open_documents
from shared.entities import Event, EventCounts, HistoryEntry, Interaction, InteractionType, Status
from shared.entities.profile import MAX_HISTORY
from shared.ports import Recorded, Written
from tests.contract.examples import DAY, FULL_EVENT, NOW, SECOND, did, event
from tests.stores import keys

pytestmark = pytest.mark.emulator
ONE = EventCounts({InteractionType.SAVE: 1}, {0: 1})
SAVED = did("a", kind=InteractionType.SAVE, recorded_at=NOW)


def test_events_written_by_organizers_programs_are_live_and_changed(database: Database) -> None:
    from google.cloud.firestore import GeoPoint

    written: dict[str, dict[str, object]] = {
        "without status": {"starts_at": NOW + DAY},
        "under way": {"starts_at": NOW - DAY, "ends_at": NOW + DAY, "status": "published", "location": GeoPoint(1, 2)},
        "over": {"starts_at": NOW - DAY, "ends_at": NOW},
        "undated": {"title": "some day"},
        "text for a time": {"starts_at": (NOW + DAY).isoformat()},
    }
    for event_id, fields in written.items():
        database.document("events", event_id).set(fields)
    events = FirestoreEvents(database)
    live = ["text for a time", "under way", "without status"]
    assert sorted(stored.event_id for stored in events.live(NOW)) == live
    assert [stored.event_id for stored in events.changed_since(None)] == sorted(written)
    assert list(events.changed_since(NOW - 100 * DAY)) == []
    # The change feed decides, not the documents' own `updated_at`.
    database.document("events", "over").set({"updated_at": NOW + 100 * DAY}, merge=True)
    events.touch("over", now=NOW)
    events.touch("deleted", now=NOW + SECOND)
    changed = [(stored.event_id, stored.status, stored.updated_at) for stored in events.changed_since(NOW)]
    assert changed == [("over", Status.PUBLISHED, NOW), ("deleted", Status.HIDDEN, NOW + SECOND)]


def test_events_are_written_with_a_status_so_that_apps_can_list_them(database: Database) -> None:
    FirestoreEvents(database).put([event("a")], now=NOW)
    assert database.read([database.document("events", "a")])["events", "a"]["status"] == "published"


def test_large_events_are_split_into_requests_within_firestore_s_limit(database: Database) -> None:
    large = [event(f"{n:03}", description="x" * 100_000) for n in range(130)]
    events = FirestoreEvents(database)
    assert events.put(large, now=NOW) == Written(loaded=130)
    assert events.put([*large, FULL_EVENT], now=NOW) == Written(loaded=1, unchanged=130)


@pytest.mark.parametrize("size", [0, 1, 6, 7])
def test_pagination_has_no_gap_or_repeat(database: Database, size: int) -> None:
    ids = [f"{n}" for n in range(size)]
    for key in ids:
        database.document("things", key).set({"at": NOW})
    for listing in (Listing("things"), Listing("things", "at")):
        found = documents(database, listing, NOW, page=3)
        assert [document_id for document_id, _ in found] == ids


def test_a_history_document_stays_bounded(database: Database) -> None:
    users = FirestoreUsers(database)
    done = [did(f"{n}", event_id=f"event_{n}", at=NOW + n * SECOND) for n in range(2_400)]
    for start in range(0, len(done), 200):
        users.remember(done[start : start + 200])
    entries = database.read([database.document("histories", "user_1")])["histories", "user_1"]["entries"]
    assert MAX_HISTORY <= len(entries) <= MAX_HISTORY + 200
    expected = tuple(HistoryEntry.of(interaction) for interaction in reversed(done[-MAX_HISTORY:]))
    assert users.profile("user_1", timeout_s=10).history == expected


def test_a_long_history_is_trimmed_when_counts_are_settled_and_record_reads_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, counters = FirestoreUsers(database), FirestoreCounters(database)
    old = [did(f"old {n}", at=NOW - n * SECOND) for n in range(MAX_HISTORY + 100)]
    for part in (old[:300], old[300:]):
        users._histories.remember([interaction for interaction in part if not is_due([history.key_of(interaction)])])
    reference = database.document("histories", "user_1")

    def size() -> int:
        return len(database.read([reference])["histories", "user_1"]["entries"])

    before = size()
    assert before > MAX_HISTORY
    new = [did(f"new {n}", at=NOW + (n + 1) * SECOND, recorded_at=NOW) for n in range(70)]
    assert any(is_due([history.key_of(interaction)]) for interaction in new)
    with monkeypatch.context() as blind:
        blind.setattr(database.client._firestore_api, "batch_get_documents", None)
        for interaction in new:
            counters.remember(interaction, now=NOW)
    assert size() == before + 70
    assert users.trim_histories([new[0]]) == []
    assert size() == MAX_HISTORY
    kept = users.profile("user_1", timeout_s=10).history
    assert kept[:70] == tuple(HistoryEntry.of(interaction) for interaction in reversed(new))


def test_a_history_that_is_too_large_to_grow_is_trimmed_and_grows(database: Database) -> None:
    users, counters = FirestoreUsers(database), FirestoreCounters(database)
    histories = Histories(database)

    def dismissed(number: int) -> Interaction:
        event_id = f"{number:04}".ljust(128, "x")
        made = did("", kind=InteractionType.DISMISS, event_id=event_id, at=NOW + number * SECOND, recorded_at=NOW)
        return replace(made, interaction_id=made.expected_id())

    def fill(number: int) -> None:
        """Growth of the history until nothing fits into its document any more."""
        size = 512
        while size:
            batch = database.client.batch()
            part = [dismissed(number + n) for n in range(size)]
            histories.merge(batch, "user_1", {history.key_of(entry): history.text_of(entry) for entry in part})
            try:
                database.commit(batch, "a history")
                number += size
            except Refused:
                size //= 4

    fill(0)
    state = dismissed(6_000)
    assert counters.put(state, EventCounts(), now=NOW) is Recorded.NEW
    assert users.profile("user_1", timeout_s=20).history[0] == HistoryEntry.of(state)
    fill(7_000)
    view = did("", event_id="x" * 128, at=NOW + DAY, recorded_at=NOW + DAY)
    assert counters.remember(view, now=NOW) is Recorded.NEW
    assert users.profile("user_1", timeout_s=20).history[0] == HistoryEntry.of(view)
    fill(13_000)
    loaded = [dismissed(20_000 + number) for number in range(2_500)]
    users.remember(loaded)
    assert users.profile("user_1", timeout_s=20).history[1] == HistoryEntry.of(loaded[-1])


def test_a_full_history_keeps_what_was_taken_first_and_loses_what_is_over(firestore_project: str) -> None:
    store = open_documents(f"firestore:{firestore_project}", keys)
    now = datetime.now(UTC)
    booked = [
        did("", kind=InteractionType.BOOKING, event_id=f"{n:04}".ljust(90, "x"), at=NOW + n * SECOND)
        for n in range(5_600)
    ]
    is_over = [n % 2 > 0 for n in range(len(booked))]
    times = {entry.event_id: now + (-2 * DAY if over else DAY) for entry, over in zip(booked, is_over, strict=True)}
    store.events.put([Event(event_id=key, title=key, starts_at=at) for key, at in times.items()], now=now)

    def kept() -> list[str]:
        return [entry.event_id for entry in store.users.profile("user_1", timeout_s=20).history]

    store.users.remember(booked[:3_000])
    assert len(kept()) == 3_000
    store.users.remember(booked[3_000:])
    older = booked[: -MAX_HISTORY - 1]
    assert [key for key in kept() if times[key] > now] == [entry.event_id for entry in reversed(booked[::2])]
    assert not {entry.event_id for entry in older if times[entry.event_id] < now} & set(kept())
    # More about events to come than a document holds: what was first stays, and no event is read again the same day.
    meter = Meter(store)
    later = [
        did("", kind=InteractionType.DISMISS, event_id=f"later {n:04}".ljust(90, "x"), at=NOW + DAY + n * SECOND)
        for n in range(4_000)
    ]
    for part in (later[:2_000], later[2_000:]):
        store.users.remember(part)
    assert meter.take()["reads"] < 100
    assert set(kept()) >= {entry.event_id for entry in [*booked[:3_000:2], *later[-1:]]}
    store.close()


def test_about_one_interaction_in_64_triggers_trimming() -> None:
    turns = sum(is_due([history.key_of(did(f"{n}"))]) for n in range(64_000))
    assert 800 < turns < 1_200


def test_a_first_state_is_counted_without_a_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = FirestoreCounters(database)
    with monkeypatch.context() as blind:
        blind.setattr(database.client._firestore_api, "batch_get_documents", None)
        assert counters.put(SAVED, ONE, now=NOW) is Recorded.NEW


def test_operations_of_a_state_and_of_its_change_stay_within_their_budget(firestore_project: str) -> None:
    store = open_documents(f"firestore:{firestore_project}", keys)
    meter = Meter(store)
    # A calm event: ten seconds pass between two counts.
    vars(store.counters)["_spread"] = Spread(partial(next, count(step=10)))

    def operations(state: Interaction) -> dict[str, int]:
        store.interactions.append([state], now=NOW)
        accepted = meter.take()
        [stored] = store.interactions.get([state.interaction_id]).values()
        meter.take()
        counts = EventCounts({InteractionType.SAVE: 1}, {0: state.occurred_at.second})
        assert store.counters.put(stored, counts, now=NOW) is Recorded.NEW
        return {name: n for name, n in (accepted + meter.take()).items() if n}

    states = [did("x", kind=InteractionType.SAVE, at=NOW - DAY + n * SECOND) for n in range(2)]
    assert operations(states[0]) == {"writes": 4, "deletes": 1}
    assert operations(states[1]) == {"reads": 2, "writes": 4, "deletes": 1}
    store.close()


def test_the_register_of_a_deleted_state_expires_after_30_days(database: Database) -> None:
    counters = FirestoreCounters(database)
    counters.put(SAVED, ONE, now=NOW)
    [(_, register)] = documents(database, Listing("counted"))
    assert "expires_at" not in register
    counters.withdraw(SAVED, now=NOW)
    [(_, register)] = documents(database, Listing("counted"))
    assert register["expires_at"] == NOW + timedelta(days=30)
    later = replace(SAVED, recorded_at=NOW + SECOND)
    counters.put(later, ONE, now=NOW)
    [(_, register)] = documents(database, Listing("counted"))
    assert set(register) == {"version", "n", "d"}


def test_documents_of_visitors_expire_and_others_do_not(database: Database) -> None:
    FirestoreInteractions(database).append([did("a"), did("b", user_id="~visitor"), did("c", anonymous=True)], now=NOW)
    found = {key: document.get("expires_at") for key, document in documents(database, Listing("interactions"))}
    assert found == {"a": None, "b": NOW + timedelta(days=30), "c": NOW + timedelta(days=30)}
    FirestoreInteractions(database).append([did("c")], now=NOW)
    found = {key: document.get("expires_at") for key, document in documents(database, Listing("interactions"))}
    assert found["c"] is None


def test_a_closed_database_opens_again(database: Database) -> None:
    events = FirestoreEvents(database)
    events.put([event("a")], now=NOW)
    database.close()
    database.close()
    assert events.get("a") == event("a", updated_at=NOW)
