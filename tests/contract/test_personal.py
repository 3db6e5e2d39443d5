"""Personal data of a user in every store: export and erasure."""

from dataclasses import replace
from datetime import datetime

import pytest
from google.cloud.firestore import GeoPoint

from shared.adapters.firestore import Database, FirestorePersonal
from shared.adapters.sqlite.database import iso
from shared.adapters.sqlite.personal import SqlitePersonal
from shared.entities import EventCounts, InteractionType, User
from shared.entities.erasures import former_pseudonym, pseudonym
from shared.errors import TooMany
from shared.ports import DeadLetter, Recorded
from shared.services.ingest.erasure import export
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_INTERACTION, FULL_USER, NOW, SECOND, did
from tests.stores import keys

GONE = FULL_USER.user_id


def fill(stores: Stores) -> None:
    store = stores.documents
    store.users.put([FULL_USER, User(user_id="other", friends=(GONE, "user_2")), User(user_id="third")], now=NOW)
    mine = [did(f"{number:04}", user_id=GONE, event_id=f"event_{number}") for number in range(1_010)]
    for part in ([FULL_INTERACTION, did("theirs")], mine):
        store.interactions.append(part, now=NOW)
        store.users.remember(part)
    store.dead_letters.put(DeadLetter("a", "interactions", "x", "bad", user_id=GONE, data="{}"), now=NOW)
    store.dead_letters.put(DeadLetter("b", "interactions", "y", "bad"), now=NOW)


def test_export_lists_every_document_about_a_user_unchanged(stores: Stores) -> None:
    fill(stores)
    held = list(stores.documents.personal.of(GONE))
    by_collection = {document.collection: document for document in held}
    assert len([document for document in held if document.collection == "interactions"]) == 1_011
    assert by_collection["users"].fields.keys() == FULL_USER.to_document().keys() | {"updated_at"}
    assert by_collection["users"].fields["friends"] == [*FULL_USER.friends]
    assert len(by_collection["histories"].fields["entries"]) >= 500
    assert by_collection["dead_letters"].fields["reason"] == "bad"
    rating = next(document for document in held if document.document_id == FULL_INTERACTION.interaction_id)
    assert (rating.fields["user_id"], rating.fields["value"]) == (GONE, 4.0)
    assert list(stores.documents.personal.of("nobody")) == []


@pytest.mark.emulator
def test_an_export_of_odd_values_names_what_they_refer_to(database: Database) -> None:
    written = {
        "friends": [database.document("users", "bob"), "carol"],
        "city": database.document("cities", "bern"),
        "location": GeoPoint(46.9, 7.4),
        "max_price": float("nan"),
        "gender": b"raw",
    }
    database.document("users", GONE).set(written)
    (document,) = export(FirestorePersonal(database), user_id=GONE).documents
    assert document["fields"] == {
        "friends": ["users/bob", "carol"],
        "city": "cities/bern",
        "location": {"lat": 46.9, "lng": 7.4},
        "max_price": "nan",
        "gender": "b'raw'",
    }


def test_erase_deletes_a_user_s_documents_and_keeps_all_others(stores: Stores) -> None:
    fill(stores)
    store = stores.documents
    assert store.personal.erase(GONE, now=NOW + SECOND) == 1_015
    assert list(store.personal.of(GONE)) == []
    assert store.users.profile(GONE, timeout_s=10).history == ()
    assert [interaction.interaction_id for interaction in store.interactions.since(None)] == ["theirs"]
    assert [letter.key for letter in store.dead_letters.since(NOW)] == ["b"]
    assert {user.user_id: user.friends for user in store.users.changed_since(None)} == {
        "other": ("user_2",),
        "third": (),
    }
    assert len(store.users.profile("user_1", timeout_s=10).history) == 1
    assert store.personal.erase(GONE, now=NOW) == 0


def test_discard_deletes_documents_as_they_were_read_and_no_later_version(stores: Stores) -> None:
    fill(stores)
    store = stores.documents
    held = list(store.personal.of(GONE))
    view = did("view", user_id=GONE)
    later = replace(FULL_INTERACTION, occurred_at=FULL_INTERACTION.occurred_at + SECOND, value=1.0)
    assert later.replaces(FULL_INTERACTION)
    store.interactions.append([view, later], now=NOW + SECOND)
    store.personal.discard(held, now=NOW + SECOND)
    left = {entry.interaction_id: entry for entry in store.interactions.since(None)}
    assert set(left) == {"theirs", "view", later.interaction_id}
    assert left[later.interaction_id].value == later.value
    assert {document.collection for document in store.personal.of(GONE)} == {"interactions"}
    assert {user.user_id: user.friends for user in store.users.changed_since(None)}["other"] == (GONE, "user_2")


def test_forgotten_gives_the_last_erasure_of_a_user(stores: Stores) -> None:
    personal = stores.documents.personal
    assert not personal.forgotten()
    personal.mark("user_1", at=NOW)
    personal.mark("user_2", at=NOW)
    personal.mark("user_1", at=NOW + DAY)
    found = personal.forgotten()
    assert [found.at(user_id) for user_id in ("user_1", "user_2", "user_3")] == [NOW + DAY, NOW, None]
    assert found.latest() == NOW + DAY
    assert len(found.times) == 2
    assert not set(found.times) & {former_pseudonym("user_1"), former_pseudonym("user_2")}


def test_dead_letters_are_unique_by_key_and_listed_by_time(stores: Stores) -> None:
    letters = stores.documents.dead_letters
    first = DeadLetter("a", "interactions", "x", "bad", user_id="user_1", data='{"type": 5}')
    letters.put(first, now=NOW - SECOND)
    letters.put(DeadLetter("b", "events", "y", "worse"), now=NOW)
    letters.put(first, now=NOW + SECOND)
    assert [letter.key for letter in letters.since(NOW)] == ["b", "a"]
    assert list(letters.since(NOW + SECOND)) == [first]
    assert [letters.count(NOW), letters.count(NOW + SECOND), letters.count(NOW + DAY)] == [2, 1, 0]
    assert [letters.count(NOW, NOW + SECOND), letters.count(NOW, NOW)] == [1, 0]
    assert letters.newest(1) == [(NOW + SECOND, first)]
    assert [(at, letter.key) for at, letter in letters.newest(9)] == [(NOW + SECOND, "a"), (NOW, "b")]
    for _ in range(2):
        letters.remove("a")
    assert [letter.key for letter in letters.since(NOW)] == ["b"]


def test_a_watermark_is_read_as_written(stores: Stores) -> None:
    bookmarks = stores.documents.bookmarks
    assert bookmarks.read("job") is None
    bookmarks.move("job", NOW)
    bookmarks.move("job", NOW + DAY)
    bookmarks.move("other", NOW)
    assert bookmarks.read("job") == NOW + DAY


def test_trim_histories_returns_the_interactions_that_histories_lack(stores: Stores) -> None:
    store = stores.documents
    done = [did(f"{number}", user_id=f"user_{number % 3}") for number in range(9)]
    store.users.remember(done[:5])
    impression = did("shown", kind=InteractionType.IMPRESSION)
    assert store.users.trim_histories([*done, impression]) == done[5:]
    assert store.users.trim_histories([]) == []


def test_get_returns_interactions_by_id(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("a"), did("b"), did("bad")], now=NOW)
    stores.spoil("interactions", "bad", {"type": "yawn"})
    found = log.get(["b", "bad", "none"])
    assert [(key, interaction.recorded_at) for key, interaction in found.items()] == [("b", NOW)]
    assert log.get([]) == {}


def test_uncounted_leaves_out_interactions_that_their_writer_counted(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("a"), did("b")], now=NOW)
    stores.documents.counters.load([(did("loaded"), EventCounts())], now=NOW)
    log.append([did("old")], now=NOW - SECOND)
    assert [interaction.interaction_id for interaction in log.uncounted(NOW)] == ["a", "b"]
    assert [interaction.interaction_id for interaction in log.uncounted(NOW - DAY)] == ["old", "a", "b"]


def test_dismissals_outlast_500_newer_entries(stores: Stores) -> None:
    users = stores.documents.users
    hidden = [did(f"d{n}", kind=InteractionType.DISMISS, event_id=f"hidden_{n}", at=NOW - DAY) for n in range(3)]
    done = [did(f"{n}", event_id=f"event_{n}", at=NOW + n * SECOND) for n in range(700)]
    for part in (hidden, done[:350], done[350:]):
        users.remember(part)
    history = users.profile("user_1", timeout_s=10).history
    assert len(history) == 503
    assert {entry.event_id for entry in history[500:]} == {"hidden_0", "hidden_1", "hidden_2"}


def test_notes_of_erasures_end(stores: Stores) -> None:
    personal = stores.documents.personal
    for number in range(3):
        personal.mark(f"user_{number}", at=NOW + number * DAY)
    assert personal.drop_notes(NOW) == 0
    assert personal.drop_notes(NOW + DAY + SECOND) == 2
    assert [personal.forgotten().at(f"user_{number}") for number in range(3)] == [None, None, NOW + 2 * DAY]


def note(stores: Stores, name: str, at: datetime) -> None:
    """Note of an erasure under a name, as another version writes it."""
    personal = stores.documents.personal
    if isinstance(personal, SqlitePersonal):
        with personal._database.transaction() as connection:
            connection.execute("INSERT INTO forgotten (pseudonym, at) VALUES (?, ?)", (name, iso(at)))
        return
    assert isinstance(personal, FirestorePersonal)
    personal._database.document("forgotten", name).set({"at": at})
    personal._database.document("processed", f"mark of {name}").set({"expires_at": at})


def test_notes_of_earlier_versions_hold_and_get_keyed_names(stores: Stores) -> None:
    store, personal = stores.documents, stores.documents.personal
    for user_id in ("a", "b", "c"):
        note(stores, former_pseudonym(user_id), NOW + SECOND)
    personal.mark("b", at=NOW)
    personal.mark("c", at=NOW + DAY)
    expected = {"a": NOW + SECOND, "b": NOW + SECOND, "c": NOW + DAY, "d": None}
    assert {user_id: personal.forgotten().at(user_id) for user_id in expected} == expected
    assert personal.key_former(limit=2) == 2
    while personal.key_former(limit=2):
        continue
    found = personal.forgotten()
    assert {user_id: found.at(user_id) for user_id in expected} == expected
    assert set(found.times) == {pseudonym(keys(), user_id) for user_id in ("a", "b", "c")}
    if isinstance(personal, FirestorePersonal):
        assert list(personal._database.client.collection("processed").stream()) == []
    late = did("late", user_id="a", recorded_at=NOW)
    store.interactions.append([late], now=NOW + DAY)
    assert store.counters.remember(late, now=NOW + DAY) is Recorded.FORGOTTEN


def test_a_ring_with_a_new_key_finds_what_the_old_one_wrote(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    store = stores.documents
    view = did("view", user_id="a", recorded_at=NOW)
    booking = did("booking:1:a:event_1", user_id="a", kind=InteractionType.BOOKING, recorded_at=NOW)
    store.counters.put(booking, EventCounts(), now=NOW)
    store.personal.mark("a", at=NOW)
    assert isinstance(store.personal, SqlitePersonal | FirestorePersonal)
    # All ports share a database.
    monkeypatch.setattr(store.personal._database, "keys", lambda: keys().with_new(bytes(range(32, 64))))
    assert store.counters.remember(view, now=NOW) is Recorded.FORGOTTEN
    assert store.counters.put(booking, EventCounts(), now=NOW) is Recorded.KNOWN
    assert store.personal.forgotten().at("a") == NOW
    with pytest.raises(TooMany):
        store.interactions.append([did("another", user_id="a", kind=InteractionType.SAVE)], now=NOW)


def test_the_entry_of_an_earlier_state_goes_with_a_late_one_and_that_of_a_later_state_stays(stores: Stores) -> None:
    store, kind = stores.documents, InteractionType.BOOKING
    earlier, late, later = (
        did(f"booking:1:a:event_{number}", user_id="a", event_id=f"event_{number}", kind=kind, at=NOW + shift)
        for number, shift in ((1, -SECOND), (1, 0 * SECOND), (2, SECOND))
    )
    store.users.remember([earlier, later])
    lates = [replace(late, recorded_at=NOW), replace(later, occurred_at=NOW, recorded_at=NOW)]
    store.personal.erase_late(lates, now=NOW)
    assert [entry.event_id for entry in store.users.profile("a", timeout_s=10).history] == ["event_2"]


def test_the_dead_letter_of_a_forgotten_user_is_not_kept(stores: Stores) -> None:
    letters, personal = stores.documents.dead_letters, stores.documents.personal
    personal.mark("a", at=NOW)
    about = [DeadLetter(f"{n}", "interactions", "x", "bad", user_id=user) for n, user in enumerate(("a", "a", "b", ""))]
    for letter in about:
        letters.put(letter, now=NOW + SECOND, recorded_at=NOW)
    assert [letter.key for letter in letters.since(NOW)] == ["2", "3"]
    letters.put(about[0], now=NOW + DAY)
    assert [letter.key for letter in letters.since(NOW)] == ["2", "3"]
    # What the user did since is their own, and so is what cannot have been on its way.
    letters.put(about[0], now=NOW + 2 * SECOND, recorded_at=NOW + SECOND)
    letters.put(about[1], now=NOW + DAY + SECOND)
    assert {letter.key for letter in letters.since(NOW)} == {"0", "1", "2", "3"}
