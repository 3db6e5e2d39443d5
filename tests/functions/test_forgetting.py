"""Forgetting is complete: nothing stored or logged holds a forgotten user, whatever they did and whenever it came."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b, md5, sha1, sha256
from pathlib import Path

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from pyarrow import parquet

from functions.interaction import interaction
from functions.wiring import Services
from shared.adapters import counts, history
from shared.adapters.firestore.events import FirestoreEvents
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.sqlite.events import SqliteEvents
from shared.adapters.sqlite.interactions import store as write
from shared.adapters.stores import open_documents
from shared.entities import EventCounts, Interaction, InteractionType, User
from shared.entities.erasures import former_pseudonym, pseudonym
from shared.models.artifact import unpack
from shared.ports import TOMBSTONE_LIFE, Documents
from shared.services.ingest.erasure import CLOCKS
from shared.services.registry import FOLDER, read_manifest
from tests import laws
from tests.deployment import Clock, created
from tests.examples import DAY, NOW, an_interaction
from tests.known import known
from tests.stores import keys

Wire = Callable[..., Services]
GONE = "Rosalind-8c41"
TOKEN = {"Authorization": f"Bearer user:{GONE}"}
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["sqlite", pytest.param("firestore", marks=pytest.mark.emulator)])
def store(request: pytest.FixtureRequest) -> Iterator[Documents]:
    place = "sqlite::memory:"
    if request.param == "firestore":
        place = f"firestore:{request.getfixturevalue('firestore_project')}"
    opened, data = open_documents(place, keys), laws.city()
    opened.events.put(data.events, now=NOW - DAY)
    opened.users.put([*data.users.values()], now=NOW - DAY)
    opened.counters.load([(entry, EventCounts()) for entry in data.interactions], now=NOW - DAY)
    yield opened
    opened.close()


def made(kind: InteractionType, number: int, at: datetime) -> Interaction:
    """Interaction of the user of some type, distinct by number."""
    target = kind.meaning.target
    given = an_interaction(GONE, f"jazz_{number}" if target == "event_id" else "", kind, occurred_at=at)
    return _named(
        replace(
            given,
            organizer_id=f"organizer_{number}" if target == "organizer_id" else "",
            query=f"jazz {number}" if target == "query" else "",
            category=f"music {number}" if target == "category" else "",
            value=4.0 if kind is InteractionType.RATING else None,
        )
    )


def page(number: int, at: datetime) -> Interaction:
    """Page of impressions of the user."""
    shown = an_interaction(GONE, "", InteractionType.IMPRESSION, event_ids=("jazz_1", "yoga_1"), occurred_at=at)
    return _named(replace(shown, recommendation_id=f"list_{number}", position=0))


def _named(made_up: Interaction) -> Interaction:
    return replace(made_up, interaction_id=made_up.expected_id())


def all_made(number: int, at: datetime) -> list[Interaction]:
    tick = timedelta(microseconds=1)
    kinds = enumerate(InteractionType)
    return [*(made(kind, number, at + place * tick) for place, kind in kinds), page(number, at)]


def write_directly(store: Documents, done: Sequence[Interaction], *, now: datetime) -> list[Interaction]:
    """Documents as an app writes them itself, stamped by the store; nothing asks whether the user is erased."""
    stamped = [replace(entry, recorded_at=now + place * timedelta(milliseconds=1)) for place, entry in enumerate(done)]
    if isinstance(store.events, SqliteEvents):
        with store.events._database.transaction() as connection:
            for entry in stamped:
                write(connection, entry, now=known(entry.recorded_at), counted=False)
        return stamped
    assert isinstance(store.events, FirestoreEvents)
    for entry in stamped:
        store.events._database.document("interactions", entry.interaction_id).set(entry.to_document())
    return stamped


def deliver(done: Sequence[Interaction]) -> None:
    for entry in done:
        interaction(created(entry.interaction_id, entry.to_document()))


@dataclass
class Contents:
    """Texts of everything that is stored, by place."""

    texts: dict[str, str] = field(default_factory=dict)

    def places_of(self, needle: str) -> set[str]:
        return {place for place, text in self.texts.items() if needle in text}


def contents(store: Documents, folder: Path) -> Contents:
    """Contents of all documents, objects, files of the ledger and arrays of models."""
    found = Contents()
    if isinstance(store.events, SqliteEvents):
        database = store.events._database
        for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'", ()):
            for number, row in enumerate(database.rows(f"SELECT * FROM {name}", ())):  # noqa: S608  # of the schema
                found.texts[f"{name}/{number}"] = repr(row)
    else:
        assert isinstance(store.events, FirestoreEvents)
        for collection in store.events._database.client.collections():
            for document in collection.stream():
                found.texts[f"{collection.id}/{document.id}"] = f"{document.id} {document.to_dict()!r}"
    objects = FolderObjects(folder)
    for name in objects.names(""):
        data = known(objects.read(name)).data
        text = repr(data)
        if name.endswith(".parquet"):
            text = repr(parquet.read_table(pa.BufferReader(data)).to_pylist())
        if name.endswith("model.npz"):
            arrays = unpack(data, read_manifest(objects, name.removeprefix(FOLDER).split("/")[0]))
            text = repr([(key, array.tolist(), array.tobytes()) for key, array in arrays.items()])
        found.texts[name] = text
    return found


def open_hashes(done: Sequence[Interaction]) -> set[str]:
    """Hashes of the user's id and of the ids of what they did, which everybody can compute."""
    names = {GONE, *(entry.interaction_id for entry in done), *(entry.expected_id() for entry in done)}
    hashes = {former_pseudonym(GONE), *(history.key_of(entry)[1:] for entry in done)}
    for name in names:
        for digest in (sha256, sha1, md5, blake2b):
            hashes.add(digest(name.encode()).hexdigest()[:16])
        for size in (8, 16, 20, 32):
            whole = blake2b(name.encode(), digest_size=size)
            hashes |= {whole.hexdigest(), f"{int.from_bytes(whole.digest()[:8], 'little')}"}
            hashes |= {f"{int.from_bytes(whole.digest()[:8], 'big')}", repr(whole.digest()[:8])[2:-1]}
    return hashes


def keyed_hashes(done: Sequence[Interaction]) -> set[str]:
    """Keyed hashes about the user: of the note, and of the registers."""
    return {pseudonym(keys(), GONE), *(counts.register_key(keys(), entry.expected_id()) for entry in done)}


def expires(store: Documents, place: str) -> bool:
    """End of life of a document: True for a tombstone with a time at which it expires."""
    collection, _, key = place.partition("/")
    if isinstance(store.events, SqliteEvents):
        [(text,)] = store.events._database.rows("SELECT expires_at FROM counted LIMIT 1 OFFSET ?", (int(key),))
        return text is not None
    assert isinstance(store.events, FirestoreEvents)
    document = store.events._database.document(collection, key).get().to_dict() or {}
    return document["is_deleted"] is True and isinstance(document["expires_at"], datetime)


def test_nothing_holds_a_forgotten_user(
    store: Documents, wire: Wire, client: FlaskClient, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("shared", "functions"):
        caplog.set_level(logging.DEBUG, logger=name)
    wired = wire(model="blend", challengers_s=0.0, require_auth=True)
    bucket = FolderObjects(tmp_path)
    done: list[Interaction] = []

    # Before: stored and counted, of all types; some deliveries are still on their way, and some are lost.
    store.users.put([User(user_id=GONE, city="Reykjavik", preferred_tags=("lindy hop",))], now=NOW - DAY)
    delivered_before, on_the_way, lost_before = (all_made(number, NOW - DAY) for number in (1, 2, 3))
    delivered_before = write_directly(store, delivered_before, now=NOW - DAY)
    on_the_way = write_directly(store, on_the_way, now=NOW - MINUTE)
    lost_before = write_directly(store, lost_before, now=NOW - MINUTE)
    deliver(delivered_before)
    done += [*delivered_before, *on_the_way, *lost_before]
    sent = {"interactions": [{"type": "save", "event_id": "jazz_7"}, {"type": "search", "query": "swing"}]}
    assert client.post("/api/v1/interactions", json=sent, headers=TOKEN).status_code == 200
    interaction(created(f"save:{len(GONE)}:{GONE}:x", {"user_id": GONE, "type": "dance"}))
    assert client.get("/api/v1/recommendations", headers=TOKEN).status_code == 200
    assert client.post("/retrain").get_json()["decision"] == "published"
    assert len(contents(store, tmp_path).places_of(GONE)) > 10

    # During: documents that apps write themselves, with and without a delivery, and calls.
    clock.forward(timedelta(seconds=1))
    assert client.delete(f"/api/v1/users/{GONE}", headers=TOKEN).status_code == 200
    clock.forward(timedelta(seconds=1))
    assert client.post("/api/v1/interactions", json=sent, headers=TOKEN).status_code == 429
    during, half, lost_during = (write_directly(store, all_made(n, clock.now), now=clock.now) for n in (4, 5, 6))
    done += [*during, *half, *lost_during]
    deliver([*during, *half[::2]])

    # After: what was on its way arrives, with what cannot be used; a training reads what monitor has not found yet.
    clock.forward(2 * CLOCKS)
    deliver([*on_the_way, *delivered_before])
    interaction(created(f"save:{len(GONE)}:{GONE}:y", {"user_id": GONE, "type": "dance", "recorded_at": NOW}))
    interaction(created(f"save:{len(GONE)}:{GONE}:z", {"type": "dance", "recorded_at": NOW}))
    assert client.post("/retrain").status_code == 200
    clock.forward(2 * MINUTE)
    assert client.post("/retrain").status_code == 200
    for _ in range(3):
        clock.forward(30 * MINUTE)
        assert client.post("/monitor").status_code == 200
    assert client.post("/retrain").status_code == 200
    clock.forward(DAY)
    assert client.post("/monitor").status_code == 200
    assert client.post("/retrain").status_code == 200

    held = contents(store, tmp_path)
    assert {place: held.texts[place] for place in held.places_of(GONE)} == {}
    for value in ("Reykjavik", "lindy hop"):
        assert not any(place.startswith(("users", "ledger", "runs")) for place in held.places_of(value))
    assert {needle: places for needle in open_hashes(done) if (places := held.places_of(needle))} == {}
    assert GONE not in caplog.text
    # Keyed hashes are in the note and in tombstones, which end.
    keyed = {place for needle in keyed_hashes(done) for place in held.places_of(needle)}
    assert {place.split("/")[0] for place in keyed} == {"forgotten", "counted"}
    assert all(expires(store, place) for place in keyed if place.startswith("counted/"))
    assert not any(total.by_type for key, total, _ in store.counters.changed_since(None) if key.startswith("jazz"))
    assert bucket.names("models/")

    clock.forward(TOMBSTONE_LIFE)
    assert client.post("/monitor").status_code == 200
    held = contents(store, tmp_path)
    left = {place for needle in keyed_hashes(done) for place in held.places_of(needle)}
    # Firestore deletes tombstones by a policy, which the emulator does not have.
    is_firestore = isinstance(store.events, FirestoreEvents)
    assert left == {place for place in keyed if place.startswith("counted/") and is_firestore}
    assert wired.documents is store
