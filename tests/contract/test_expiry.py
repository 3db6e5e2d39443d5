"""Expiry of old interactions in every store: documents, registers, counts and histories."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from shared.adapters.firestore import Database
from shared.adapters.firestore.histories import Histories
from shared.adapters.firestore.personal import FirestorePersonal
from shared.adapters.sqlite.personal import _OLD, _OLD_OF_VISITORS
from shared.adapters.sqlite.users import SqliteUsers
from shared.adapters.stores import open_documents
from shared.entities import Interaction, InteractionType
from shared.feedback.counts import contribution
from shared.ports import TOMBSTONE_LIFE, VISITOR_LIFE, Documents, Recorded, Register
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, NOW, SECOND, did
from tests.examples import an_interaction
from tests.stores import keys

if TYPE_CHECKING:
    from google.cloud.firestore import WriteBatch
    from google.cloud.firestore_v1.types import WriteResult

T = InteractionType
LIMIT = NOW - 100 * DAY
LONG_AGO = NOW - 200 * DAY


def expire(store: Documents, *, limit: int = 1_000) -> int:
    return store.personal.expire(LIMIT, limit=limit, now=NOW)


def put(store: Documents, state: Interaction, *, at: datetime = LONG_AGO) -> Interaction:
    """The stored state, counted."""
    store.interactions.append([state], now=at)
    stored = store.interactions.get([state.interaction_id])[state.interaction_id]
    assert store.counters.put(stored, contribution(stored), now=at) is Recorded.NEW
    return stored


def ids(store: Documents) -> list[str]:
    return [interaction.interaction_id for interaction in store.interactions.since(None)]


def test_the_oldest_interactions_expire_first_up_to_the_limit_of_a_run(stores: Stores) -> None:
    store = stores.documents
    old = [did(f"old_{n}", at=LIMIT - (9 - n) * DAY) for n in range(7)]
    store.interactions.append([did("first_kept", at=LIMIT), *reversed(old), did("new")], now=NOW - 50 * DAY)
    assert [expire(store, limit=3), ids(store)[2:]] == [3, ["old_3", "old_4", "old_5", "old_6"]]
    assert [expire(store), ids(store)] == [4, ["first_kept", "new"]]
    assert expire(store) == 0


def test_nothing_expires_without_a_limit(stores: Stores) -> None:
    stores.documents.interactions.append([did("old", at=LONG_AGO)], now=LONG_AGO)
    assert stores.documents.personal.expire(None, limit=1_000, now=NOW) == 0
    assert ids(stores.documents) == ["old"]


def test_more_documents_expire_than_a_page_and_a_commit_hold(stores: Stores) -> None:
    store = stores.documents
    loaded = [an_interaction("u", f"e{n}", T.SAVE, occurred_at=LONG_AGO) for n in range(1_050)]
    store.counters.load([(state, contribution(state)) for state in loaded], now=NOW)
    assert expire(store, limit=2_000) == 1_050
    assert ids(store) == []
    assert all(register.is_deleted for register in store.counters.registers(loaded).values())


def test_an_expired_state_leaves_a_tombstone_and_its_counts(stores: Stores) -> None:
    store = stores.documents
    booking = put(store, an_interaction(occurred_at=LONG_AGO - DAY))
    counted = list(store.counters.changed_since(None))
    assert counted
    assert counted[0][1].by_type == {T.BOOKING: 1}
    assert expire(store) == 1
    key = booking.expected_id()
    assert store.counters.registers([booking]) == {key: Register(LONG_AGO, is_deleted=True)}
    # Neither the event of the deletion nor a late one of the creation changes anything.
    assert store.counters.withdraw(booking, now=NOW) is Recorded.KNOWN
    assert store.counters.put(booking, contribution(booking), now=NOW) is Recorded.KNOWN
    assert list(store.counters.changed_since(None)) == counted
    again = put(store, an_interaction(occurred_at=NOW - SECOND), at=NOW)
    assert store.counters.registers([again])[key] == Register(NOW, contribution(again))


def test_a_state_that_was_not_counted_leaves_a_tombstone(stores: Stores) -> None:
    store = stores.documents
    store.interactions.append([an_interaction(occurred_at=LONG_AGO)], now=LONG_AGO)
    [booking] = store.interactions.since(None)
    assert expire(store) == 1
    assert store.counters.withdraw(booking, now=NOW) is Recorded.KNOWN
    assert list(store.counters.changed_since(None)) == []


def test_a_register_of_a_later_state_in_another_document_stays(stores: Stores) -> None:
    store = stores.documents
    put(store, an_interaction(interaction_id="user_1_event_1_booking", occurred_at=LONG_AGO))
    cancel = put(store, an_interaction(kind=T.CANCEL, occurred_at=NOW - SECOND), at=NOW)
    counted = list(store.counters.changed_since(None))
    assert expire(store) == 1
    assert ids(store) == [cancel.interaction_id]
    assert store.counters.registers([cancel])[cancel.expected_id()] == Register(NOW, contribution(cancel))
    assert list(store.counters.changed_since(None)) == counted


def test_the_later_of_two_documents_of_a_state_leaves_the_tombstone(stores: Stores) -> None:
    store = stores.documents
    for kind, at in ((T.BOOKING, LONG_AGO), (T.CANCEL, LONG_AGO + DAY)):
        former = an_interaction(kind=kind, interaction_id=f"user_1_event_1_{kind}", occurred_at=at)
        store.interactions.append([former], now=at)
    assert expire(store) == 2
    [register] = store.counters.registers([an_interaction()]).values()
    assert register == Register(LONG_AGO + DAY, is_deleted=True)


def test_an_old_document_that_cannot_be_read_expires(stores: Stores) -> None:
    store = stores.documents
    store.interactions.append([did("old", at=LONG_AGO), did("new")], now=NOW)
    for key in ("old", "new"):
        stores.spoil("interactions", key, {"type": "yawn"})
    assert expire(store) == 1
    assert store.interactions.known(["old", "new"]) == {"new"}


def test_histories_lose_the_expired_entries_and_end_with_the_last(stores: Stores) -> None:
    store = stores.documents
    old = [did(f"old_{user}", user_id=user, event_id="old", at=LONG_AGO) for user in ("gone", "still_here")]
    done = [*old, did("new", user_id="still_here", event_id="new"), did("other", user_id="other", event_id="new")]
    store.interactions.append(done, now=NOW)
    store.users.remember(done)
    assert expire(store) == 2
    assert list(store.personal.of("gone")) == []
    for user in ("still_here", "other"):
        assert [entry.event_id for entry in store.users.profile(user, timeout_s=10).history] == ["new"]


def test_the_history_entry_of_a_later_state_stays(stores: Stores) -> None:
    store = stores.documents
    put(store, an_interaction(kind=T.BOOKING, interaction_id="user_1_event_1_booking", occurred_at=LONG_AGO))
    put(store, an_interaction(kind=T.CANCEL, occurred_at=NOW - SECOND), at=NOW)
    assert expire(store) == 1
    assert [entry.type for entry in store.users.profile("user_1", timeout_s=10).history] == [T.CANCEL]


@pytest.mark.parametrize("before", [None, LIMIT])
def test_documents_of_visitors_expire_in_sqlite_as_they_do_by_the_policy_of_firestore(before: datetime | None) -> None:
    store = open_documents("sqlite::memory:", keys)
    recorded = NOW - VISITOR_LIFE - SECOND
    visits = [
        an_interaction("~visitor", "e1"),
        an_interaction("fresh", "e2", anonymous=True),
        an_interaction("u", "e3"),
    ]
    store.interactions.append(visits, now=recorded)
    store.users.remember([replace(entry, occurred_at=recorded) for entry in visits])
    store.interactions.append([an_interaction("~visitor", "e4")], now=recorded + SECOND)
    assert store.personal.expire(before, limit=1, now=NOW) == 1
    assert store.personal.expire(before, limit=1_000, now=NOW) == 1
    assert {(entry.user_id, entry.event_id) for entry in store.interactions.since(None)} == {
        ("u", "e3"),
        ("~visitor", "e4"),
    }
    assert [len(store.users.profile(user, timeout_s=1).history) for user in ("~visitor", "fresh", "u")] == [0, 1, 1]
    store.close()


def test_tombstones_expire_in_sqlite_as_they_do_by_the_policy_of_firestore() -> None:
    store = open_documents("sqlite::memory:", keys)
    kept, erased, withdrawn = (an_interaction("u", f"e{n}", T.SAVE, occurred_at=NOW - DAY) for n in range(3))
    for state in (kept, erased, withdrawn):
        put(store, state, at=NOW)
    [stored] = store.interactions.get([withdrawn.interaction_id]).values()
    assert store.counters.withdraw(stored, now=NOW) is Recorded.NEW
    [stored] = store.interactions.get([erased.interaction_id]).values()
    store.personal.erase_late([stored], now=NOW + DAY)
    for moment, left in ((NOW + TOMBSTONE_LIFE, 3), (NOW + TOMBSTONE_LIFE + SECOND, 2), (NOW + 32 * DAY, 1)):
        store.personal.expire(None, limit=1_000, now=moment)
        assert len(store.counters.registers([kept, erased, withdrawn])) == left
    store.close()


@pytest.mark.parametrize(
    ("sql", "index"), [(_OLD, "interactions_by_age"), (_OLD_OF_VISITORS, "interactions_of_visitors")]
)
def test_sqlite_finds_old_documents_by_an_index_alone(sql: str, index: str) -> None:
    store = open_documents("sqlite::memory:", keys)
    assert isinstance(store.users, SqliteUsers)
    [step] = [row[3] for row in store.users._database.rows(f"EXPLAIN QUERY PLAN {sql}", ("", 1))]
    assert step.startswith(f"SEARCH interactions USING INDEX {index} ")
    store.close()


class _Contested(Database):
    """Firestore connection on which another program writes before the first commit of the named documents."""

    def __init__(self, project: str, what: str, rival: Callable[[], object]) -> None:
        super().__init__(project, keys)
        self._what = what
        self._rivals = [rival]

    def commit(self, batch: "WriteBatch", what: str) -> "list[WriteResult]":
        if self._what in what and self._rivals:
            self._rivals.pop()()
        return super().commit(batch, what)


@pytest.mark.emulator
def test_a_state_that_is_replaced_meanwhile_does_not_expire(firestore_project: str) -> None:
    store = open_documents(f"firestore:{firestore_project}", keys)
    put(store, an_interaction(occurred_at=LONG_AGO))
    put(store, an_interaction(event_id="event_2", occurred_at=LONG_AGO))
    cancel = an_interaction(kind=T.CANCEL, occurred_at=NOW - SECOND)
    contested = _Contested(firestore_project, "expired", lambda: put(store, cancel, at=NOW))
    assert FirestorePersonal(contested).expire(LIMIT, limit=10, now=NOW) == 1
    [left] = store.interactions.since(None)
    assert (left.type, left.event_id) == (T.CANCEL, "event_1")
    assert store.counters.registers([left])[left.expected_id()] == Register(NOW, contribution(left))
    contested.close()
    store.close()


@pytest.mark.emulator
def test_a_history_that_grows_meanwhile_keeps_the_new_entry(firestore_project: str) -> None:
    store = open_documents(f"firestore:{firestore_project}", keys)
    old = an_interaction(occurred_at=LONG_AGO)
    put(store, old)
    new = an_interaction(event_id="event_2", occurred_at=NOW - timedelta(hours=1))
    contested = _Contested(firestore_project, "histories", lambda: put(store, new, at=NOW))
    assert FirestorePersonal(contested).expire(LIMIT, limit=10, now=NOW) == 1
    assert [entry.event_id for entry in store.users.profile("user_1", timeout_s=10).history] == ["event_2"]
    contested.close()
    store.close()


@pytest.mark.emulator
def test_the_history_of_a_visitor_tells_firestore_when_it_expires(database: Database) -> None:
    histories = Histories(database)
    histories.remember([an_interaction(user, "e1", occurred_at=NOW - DAY) for user in ("~visitor", "u")])
    histories.remember([an_interaction("~visitor", "e2", occurred_at=NOW)])
    found = database.read(database.document("histories", user) for user in ("~visitor", "u"))
    assert found["histories", "~visitor"]["expires_at"] == NOW + VISITOR_LIFE
    assert found["histories", "u"].keys() == {"entries"}
