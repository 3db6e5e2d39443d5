"""Upgrade tests: this version serves, trains, erases and rolls back on data stored by earlier versions.

The fixtures are the stored bytes of those versions, see `make_fixture.py`. A failure here means that an update would
break a deployment. The order of personal lists is not checked, since it may change with the signals.
"""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from google.cloud.firestore_v1._helpers import decode_dict
from google.cloud.firestore_v1.types import Document
from google.protobuf.json_format import ParseDict
from pyarrow import parquet

from functions import wiring
from functions.interaction import interaction
from shared.adapters import counts, history
from shared.adapters.firestore import counters, deadletters
from shared.adapters.firestore.client import chunks
from shared.adapters.firestore.events import FirestoreEvents
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.entities import (
    Event,
    EventCounts,
    Interaction,
    InteractionType,
    Rules,
    User,
    fields,
    is_anonymous,
)
from shared.entities.erasures import is_former
from shared.ledger.index import FEEDS, OVERLAP
from shared.ports import Documents
from shared.services.registry import load_version, versions
from shared.services.serving.snapshot import load
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.run import FAILED, PUBLISHED, REFUSED, RunDocument
from tests import deployment
from tests.deployment import Clock, created
from tests.examples import DAY
from tests.jobs.state import state
from tests.known import known
from tests.stores import keys

FIXTURES: Final = sorted(path for path in (Path(__file__).parent / "fixture").iterdir() if path.is_dir())
HOUR: Final = timedelta(hours=1)

Fields = dict[str, Any]
Exported = dict[str, dict[str, Fields]]
"""Collection → document id → fields."""


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """Fixture folder as committed; read-only."""
    assert isinstance(request.param, Path)
    return request.param


@pytest.fixture
def expected(folder: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((folder / "expected.json").read_bytes())
    return parsed


@pytest.fixture
def bucket(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder / "bucket", tmp_path / "bucket")


@pytest.fixture
def objects(bucket: Path) -> FolderObjects:
    return FolderObjects(bucket)


@pytest.fixture
def sqlite(folder: Path, tmp_path: Path) -> Iterator[Documents]:
    path = tmp_path / "documents.db"
    path.write_bytes(gzip.decompress((folder / "documents.db.gz").read_bytes()))
    opened = open_documents(f"sqlite:{path}", keys)
    yield opened
    opened.close()


@pytest.fixture
def exported(folder: Path) -> Exported:
    """Firestore documents of the fixture, with values as decoded by the client library."""
    found: Exported = {}
    for path, values in json.loads(gzip.decompress((folder / "firestore.json.gz").read_bytes())).items():
        collection, _, document_id = path.partition("/")
        message = ParseDict({"fields": values}, Document.pb(Document()))
        decoded = decode_dict(message.fields, None)
        assert isinstance(decoded, dict)
        found.setdefault(collection, {})[document_id] = decoded
    return found


@pytest.fixture
def firestore(exported: Exported, firestore_project: str) -> Iterator[Documents]:
    """Firestore emulator with the unchanged documents of the fixture."""
    opened = open_documents(f"firestore:{firestore_project}", keys)
    assert isinstance(opened.events, FirestoreEvents)
    database = opened.events._database
    items = [(collection, *item) for collection, found in exported.items() for item in found.items()]
    for part in chunks(items, lambda item: len(repr(item))):
        batch = database.client.batch()
        for collection, document_id, values in part:
            batch.set(database.document(collection, document_id), values)
        database.commit(batch, "a part of the fixture")
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", pytest.param("firestore", marks=pytest.mark.emulator)])
def store(request: pytest.FixtureRequest) -> Documents:
    opened: Documents = request.getfixturevalue(request.param)
    return opened


@pytest.fixture
def clock(expected: dict[str, Any]) -> Clock:
    return Clock(datetime.fromisoformat(expected["asked_at"]))


@pytest.fixture
def client(store: Documents, bucket: Path, clock: Clock) -> Iterator[FlaskClient]:
    with wiring.use(deployment.wire(store, bucket, clock, model="blend", challengers_s=0.0)):
        yield deployment.client()


def test_every_version_and_run_can_be_read(objects: FolderObjects, expected: dict[str, Any]) -> None:
    listed = versions(objects)
    assert [version.version for version in listed] == sorted(expected["versions"], reverse=True)
    assert [version.version for version in listed if version.is_current] == [expected["model_version"]]
    for version in expected["versions"]:
        recommender, manifest = load_version(objects, version)
        assert manifest.version == version
        assert manifest.counts["events"] <= len(recommender.catalog)
        assert len(recommender.recommend(now=manifest.trained_at, k=5)) == 5
    for run_id, version in zip(expected["runs"], expected["versions"], strict=True):
        document = RunDocument.from_json(known(objects.read(f"runs/{run_id}.json")).data)
        assert (document.run_id, document.version, document.decision) == (run_id, version, PUBLISHED)


def test_the_published_model_recommends_from_python(objects: FolderObjects, expected: dict[str, Any]) -> None:
    now = datetime.fromisoformat(expected["trained_at"])
    liked = expected["popular"][0]
    items = load(objects).recommend([(liked, "booking")], now=now, k=5)
    assert len(items) == 5
    assert liked not in {item.event_id for item in items}


def test_the_ledger_has_all_stored_rows_and_models_learn_from_those_of_accounts(
    bucket: Path, objects: FolderObjects, expected: dict[str, Any]
) -> None:
    now = datetime.fromisoformat(expected["trained_at"])
    files = LedgerFiles(objects)
    assert {name: feed.rows for name, feed in files.ledger.feeds.items()} == expected["ledger"]
    assert files.ledger.watermark() == now
    n_learned = sum(_is_learned(rows, now) * len(rows) for rows in _by_user(_rows(bucket, "interactions")).values())
    assert n_learned < expected["ledger"]["interactions"]
    learned = expected["ledger"] | {"interactions": n_learned}
    assert TrainingSet.of_ledger(files, now=now).counts() == learned


def test_the_store_has_all_stored_documents(store: Documents, expected: dict[str, Any]) -> None:
    stored = state(store)
    assert {name: len(stored[name]) for name in expected["documents"]} == expected["documents"]
    forgotten = store.personal.forgotten()
    assert all(forgotten.at(expected[name]) for name in ("gone", "leaving"))
    assert store.rules.read() != Rules()
    letters = list(store.dead_letters.since(datetime.fromisoformat(expected["trained_at"]) - DAY))
    assert sorted(letter.collection for letter in letters) == ["events", "interactions"]


@pytest.mark.emulator
def test_both_stores_have_equal_content(firestore: Documents, sqlite: Documents) -> None:
    assert state(firestore) == state(sqlite)
    assert firestore.personal.forgotten().times == sqlite.personal.forgotten().times
    assert firestore.rules.read() == sqlite.rules.read()
    assert firestore.bookmarks.read("reconciled") == sqlite.bookmarks.read("reconciled")


def test_firestore_documents_are_read_as_those_of_sqlite(exported: Exported, sqlite: Documents) -> None:
    """Compatibility of stored Firestore documents, tested without the emulator."""
    stored = state(sqlite)
    events = [Event.from_document(*item) for item in exported.pop("events").items()]
    assert {event.event_id: replace(event, updated_at=None) for event in events} == {
        key: replace(event, updated_at=None) for key, event in stored["events"].items()
    }
    users = [User.from_document(*item) for item in exported.pop("users").items()]
    assert {user.user_id: user for user in users} == stored["users"]
    done = [Interaction.from_document(*item) for item in exported.pop("interactions").items()]
    assert {entry.interaction_id: replace(entry, recorded_at=None) for entry in done} == {
        key: replace(entry, recorded_at=None) for key, entry in stored["interactions"].items()
    }
    histories = exported.pop("histories")
    for user_id, entries in stored["histories"].items():
        found = history.newest(user_id, histories.pop(user_id, {}).get("entries", {}))
        assert sorted(map(repr, found)) == entries, user_id
    assert histories == {}
    parts: dict[str, list[EventCounts]] = {}
    for values in exported.pop(counters.COLLECTION).values():
        parts.setdefault(values["event_id"], []).append(counts.from_document(values))
        assert isinstance(values["shard"], int)
        assert all(counts.from_document(slot) for slot in values.get("slots", {}).values())
        assert fields.required_time(values, "updated_at") is not None
    totals = {event_id: EventCounts.total(found) for event_id, found in parts.items()}
    assert {key: (dict(total.by_type), round(total.popularity, 9)) for key, total in totals.items()} == stored["counts"]
    forgotten = {key: fields.required_time(tombstone, "at") for key, tombstone in exported.pop("forgotten").items()}
    assert forgotten == sqlite.personal.forgotten().times
    assert Rules.from_document(exported.pop("rules")["current"]) == sqlite.rules.read()
    for name, values in exported.pop("bookmarks").items():
        assert fields.required_time(values, "at") == sqlite.bookmarks.read(name)
    # Marks of counted deliveries are left to expire.
    assert all(fields.required_time(marker, "expires_at") for marker in exported.pop("processed").values())
    assert all(fields.required_time(change, "changed_at") for change in exported.pop("event_changes").values())
    for values in exported.pop(deadletters.COLLECTION).values():
        assert {*deadletters._FIELDS, "at", "expires_at"} == set(values)
    assert exported == {}, "no collection that nobody reads"


def _by_user(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["user_id"], []).append(row)
    return found


def _is_learned(rows: list[dict[str, Any]], now: datetime) -> bool:
    """Whether models learn from a user's rows: no visitor, and not all of them of the last day."""
    times = [
        row["occurred_at"] if row["recorded_at"] - row["occurred_at"] > 7 * DAY else row["recorded_at"] for row in rows
    ]
    is_old = min(times) <= now - DAY or len({time.date() for time in times}) > 1
    return is_old and not is_anonymous(rows[0]["user_id"])


def _cancelled(store: Documents) -> dict[str, set[str]]:
    """Events by user whose booking was cancelled and not made again."""
    found: dict[str, set[str]] = {}
    for entry in store.interactions.since(None):
        if entry.type is InteractionType.CANCEL:
            found.setdefault(entry.user_id, set()).add(entry.event_id)
    return found


def test_the_stored_model_is_served(client: FlaskClient, store: Documents, expected: dict[str, Any]) -> None:
    """Compatibility of stored models: an update keeps them in service, even if a signal with a weight was removed."""
    health = _get(client, "health")
    assert (health["status"], health["degraded"]) == ("ok", [])
    assert (health["model_version"], health["live_events"]) == (expected["model_version"], expected["live_events"])
    cancelled = _cancelled(store)
    lists = {user_id: _shown(client, f"recommendations?user_id={user_id}") for user_id in expected["lists"] if user_id}
    cold_start = _shown(client, "recommendations")
    live = {*_shown(client, "events/popular?limit=100&per_series=100")}
    for user_id, shown in lists.items():
        assert len(shown) == len(set(shown)) == 10
        assert set(shown) <= live
        taken = {*expected["taken"][user_id]} - cancelled.get(user_id, set())
        assert not set(shown) & {*taken, expected["cancelled_event"]}, user_id
        assert shown != cold_start, "the list of a warm user is not personalized"
    # Popularity depends on the counts alone.
    assert _shown(client, "events/popular") == expected["popular"]
    assert _shown(client, f"events/{expected['popular'][0]}/similar")
    assert client.get("/api/v1/events/trending?window=week").status_code == 200
    ranked = client.post("/api/v1/rank", json={"user_id": "user_1", "event_ids": sorted(live)}).get_json()
    assert sorted([*ranked["left_out"], *(item["event_id"] for item in ranked["items"])]) == sorted(live)
    assert ranked["degraded"] == []


def test_counted_interactions_are_not_counted_again(
    client: FlaskClient, store: Documents, clock: Clock, expected: dict[str, Any]
) -> None:
    before, trained_at = state(store), datetime.fromisoformat(expected["trained_at"])
    # Recent enough that the triggers would count an interaction that was not counted before.
    clock.now = trained_at + timedelta(minutes=14)
    for entry in store.interactions.uncounted(trained_at - 3 * HOUR):
        interaction(created(entry.interaction_id, entry.to_document()))
    assert state(store) == before
    clock.forward(HOUR)
    report = client.post("/monitor").get_json()
    assert report["settled"] > 0
    assert (report["lost"], report["remembered"]) == (0, 0)
    assert report["upgraded"] > 0
    forgotten = store.personal.forgotten()
    assert all(forgotten.at(expected[name]) for name in ("gone", "leaving"))
    assert not any(is_former(name) for name in forgotten.times)
    # Of what earlier versions counted nothing was lost, and nothing counts twice.
    assert _of_types(state(store), lasting=True) == _of_types(before, lasting=True)
    again = state(store)
    clock.forward(HOUR)
    idle = client.post("/monitor").get_json()
    read = {name: found["read"] for name, found in idle["documents"].items()}
    assert read == {"events": 0, "users": 0}
    nothing = {"types": {}, "monitoring": {"parts": 0, "alerts": [], "closed": []}, "documents": idle["documents"]}
    assert idle | {"until": None} == dict.fromkeys(report, 0) | {"until": None, **nothing}
    assert state(store) == again


def _of_types(stored: dict[str, Any], *, lasting: bool) -> dict[str, dict[str, int]]:
    return {
        event_id: {kind: n for kind, n in by_type.items() if kind.meaning.repeats != lasting}
        for event_id, (by_type, _) in stored["counts"].items()
    }


def test_a_training_run_continues_from_the_stored_ledger(
    client: FlaskClient, store: Documents, bucket: Path, clock: Clock, expected: dict[str, Any]
) -> None:
    columns = {name: _schema(bucket, name) for name in FEEDS}
    since = datetime.fromisoformat(expected["trained_at"]) - OVERLAP
    before = store.listed()
    for listed in (store.events.changed_since, store.users.changed_since, store.interactions.since):
        assert sum(1 for _ in listed(since))
    # Listed for what is read, and again for what the ledger holds.
    assert store.personal.forgotten(since).times
    assert store.personal.forgotten()
    new = store.listed() - before
    run = _retrain(client, clock)
    assert run["decision"] in {PUBLISHED, REFUSED}
    assert run["reason"]
    assert run["reads"] <= new
    assert {name: run["rows"][f"new_{name}"] for name in FEEDS} == expected["new"]
    total = expected["documents"]["interactions"]
    assert total == len(_rows(bucket, "interactions"))
    assert total - 30 < run["rows"]["interactions"] < total
    for name in FEEDS:
        # External programs read these files by column name.
        assert set(columns[name]) <= set(_schema(bucket, name))
    clock.forward()
    served = run["version"] or expected["model_version"]
    health = _get(client, "health")
    assert (health["status"], health["degraded"], health["model_version"]) == ("ok", [], served)
    assert len(_shown(client, "recommendations?user_id=user_1")) == 10


def test_a_finished_run_is_not_repeated(client: FlaskClient, expected: dict[str, Any]) -> None:
    scheduled = {"X-CloudScheduler-ScheduleTime": expected["trained_at"]}
    run = client.post("/retrain", headers=scheduled).get_json()
    assert (run["decision"], run["version"]) == (PUBLISHED, expected["model_version"])


def test_a_user_is_erased_everywhere(
    client: FlaskClient, store: Documents, bucket: Path, clock: Clock, expected: dict[str, Any]
) -> None:
    erased = next(user_id for user_id in expected["lists"] if user_id not in {"", "user_1"})
    leaving = expected["leaving"]
    assert {erased, leaving} <= {row["user_id"] for row in _rows(bucket, "interactions")}
    assert expected["gone"] not in {row["user_id"] for row in _rows(bucket, "interactions")}
    counted = state(store)["counts"]
    assert client.delete(f"/api/v1/users/{erased}").get_json()["erased"] > 0
    assert _get(client, f"users/{erased}/data")["documents"] == []
    stored = state(store)
    assert erased not in stored["users"]
    assert erased not in stored["histories"]
    assert not any(erased in user.friends for user in stored["users"].values())
    assert erased not in {entry.user_id for entry in stored["interactions"].values()}
    # Counts are not personal data and stay unchanged.
    assert stored["counts"] == counted
    assert _retrain(client, clock)["decision"] != FAILED
    for user_id in (erased, leaving, expected["gone"]):
        assert user_id not in {row["user_id"] for name in ("users", "interactions") for row in _rows(bucket, name)}
        assert not any(user_id in (row["friends"] or ()) for row in _rows(bucket, "users"))
    clock.forward()
    assert _get(client, "health")["degraded"] == []


def test_each_stored_version_can_be_activated_after_a_later_training_run(
    client: FlaskClient, clock: Clock, expected: dict[str, Any]
) -> None:
    _retrain(client, clock)
    for version in expected["versions"]:
        clock.forward()
        answer = client.post(f"/api/v1/models/{version}:activate", json={})
        assert answer.status_code == 200, answer.get_json()
        clock.forward()
        health = _get(client, "health")
        assert (health["status"], health["degraded"], health["model_version"]) == ("ok", [], version)
        assert len(_shown(client, "recommendations?user_id=user_1")) == 10


def _get(client: FlaskClient, path: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.get_json()
    body: dict[str, Any] = answer.get_json()
    return body


def _shown(client: FlaskClient, path: str) -> list[str]:
    answer = _get(client, path)
    assert answer["degraded"] == []
    return [item["event_id"] for item in answer["items"]]


def _retrain(client: FlaskClient, clock: Clock) -> dict[str, Any]:
    """Training run an hour later, when the upcoming events are still upcoming."""
    clock.forward(HOUR)
    answer = client.post("/retrain")
    assert answer.status_code == 200, answer.get_json()
    body: dict[str, Any] = answer.get_json()
    return body


def _files(bucket: Path, feed: str) -> list[pa.Table]:
    """Parquet files of a feed that are listed in the ledger, read without the ledger code."""
    chunks = json.loads((bucket / "ledger/current.json").read_bytes())["feeds"][feed]["chunks"]
    return [parquet.read_table(pa.BufferReader((bucket / chunk["name"]).read_bytes())) for chunk in chunks]


def _rows(bucket: Path, feed: str) -> list[dict[str, Any]]:
    return [row for table in _files(bucket, feed) for row in table.to_pylist()]


def _schema(bucket: Path, feed: str) -> list[tuple[str, str]]:
    """Column names and types of the newest file of a feed."""
    return [(field.name, str(field.type)) for field in _files(bucket, feed)[-1].schema]
