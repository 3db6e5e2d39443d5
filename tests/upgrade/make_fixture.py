"""Upgrade fixture: data stored by this version, for tests of later ones: `python -m tests.upgrade.make_fixture NAME`.

A folder `fixture/NAME` is written once, by the version that introduces a storage format, and never rewritten: a folder
that a later version rewrote would only prove that the version reads its own data. A new storage format gets a new
folder.

A small scenario is played twice, on SQLite with training runs into a folder and on the Firestore emulator: a city is
loaded, users call the API, triggers run, counts are settled, users are erased. Some interactions follow the last
training run, so that the next run has new documents to read.
"""

import argparse
import csv
import gzip
import json
import os
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final

from flask.testing import FlaskClient

from functions import wiring
from functions.event import event as event_function
from functions.interaction import interaction as interaction_function
from jobs.console import Console
from jobs.demo import TriggeringLog
from jobs.load import load_folder
from jobs.sample import write_sample
from shared.adapters.cloudevent import encode_change
from shared.adapters.firestore.events import FirestoreEvents
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.entities import InteractionType, Location, Status, User
from shared.ports import Documents
from shared.services.training.run import PUBLISHED, RunDocument
from tests import deployment, training
from tests.deployment import Clock
from tests.examples import DAY, NOW, an_event
from tests.rest import encoded
from tests.stores import keys
from tools.emulators.firestore import firestore_emulator

FIXTURES: Final = Path(__file__).parent / "fixture"
MINUTE: Final = timedelta(minutes=1)
LOADED: Final = NOW - 120 * MINUTE
REQUESTED: Final = NOW + 30 * MINUTE
"""Time of the requests in `expected.json`, after all interactions."""

USERS: Final = 200
ERASED_BEFORE: Final = "user_7"
"""User erased before the last training run, so no longer in the ledger."""
ERASED_AFTER: Final = "user_8"
"""User erased after the last training run, so that the next run must remove the user from the ledger."""
APP_EVENT: Final = "app_event"
NEW_EVENT: Final = "new_event"
_VISITOR, _JOINING = "a-visitor-who-never-signs-in", "a-visitor-who-signs-in-later"
_LOCATION: Final = Location(46.9, 7.4)
_WEAK_TYPES: Final = frozenset({"impression", "view", "click", "search", "category_click"})
_CONSUMING: Final = (InteractionType.BOOKING, InteractionType.ATTEND, InteractionType.DISMISS)
_LISTS: Final = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.make_fixture")
    parser.add_argument("name", help="name of the new folder, such as format-2; an existing folder is never replaced")
    out = FIXTURES / parser.parse_args().name
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        city = Path(scratch) / "city"
        _write_city(city)
        _on_sqlite(city, Path(scratch), out)
        _on_firestore(city, Path(scratch), out)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:9,} {path.relative_to(out)}")
    return 0


def _write_city(folder: Path) -> None:
    """CSV folder of a city with enough positives to learn weights; two thirds of the weak interactions are dropped."""
    write_sample(folder, users=USERS, events=60, interactions=3_500, seed=1, now=LOADED)
    path = folder / "interactions.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    kind = header.index("type")
    kept = [row for number, row in enumerate(rows) if row[kind] not in _WEAK_TYPES or number % 3 == 0]
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *kept])


def _on_sqlite(city: Path, scratch: Path, out: Path) -> None:
    bucket = out / "bucket"
    bucket.mkdir()
    objects = FolderObjects(bucket)
    documents = open_documents(f"sqlite:{scratch / 'documents.db'}", keys)
    runs: list[RunDocument] = []

    def train(model: str, now: datetime) -> None:
        runs.append(training.run(documents, objects, model=model, now=now))
        assert runs[-1].decision == PUBLISHED, runs[-1].reason

    _play(documents, bucket, city, scratch, train)
    (out / "expected.json").write_text(json.dumps(_expected(documents, bucket, runs), indent=1) + "\n")
    documents.close()
    (bucket / ".lock").unlink()
    connection = sqlite3.connect(scratch / "documents.db")
    connection.execute("VACUUM")
    connection.close()
    (out / "documents.db.gz").write_bytes(gzip.compress((scratch / "documents.db").read_bytes(), mtime=0))


def _on_firestore(city: Path, scratch: Path, out: Path) -> None:
    with firestore_emulator() as host:
        os.environ["FIRESTORE_EMULATOR_HOST"] = host
        # The shard of the counts of a hot event is random.
        random.seed(1)
        documents = open_documents("firestore:fixture", keys)
        _play(documents, scratch, city, scratch, lambda model, now: None)
        _as_apps_write(documents)
        lines = []
        assert isinstance(documents.events, FirestoreEvents)
        for collection in documents.events._database.client.collections():
            for document in collection.stream():
                fields = {name: encoded(value) for name, value in sorted((document.to_dict() or {}).items())}
                lines.append(f"{json.dumps(f'{collection.id}/{document.id}')}: {json.dumps(fields)}")
        documents.close()
    text = "{\n" + ",\n".join(sorted(lines)) + "\n}\n"
    (out / "firestore.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def _play(
    documents: Documents, bucket: Path, city: Path, scratch: Path, train: Callable[[str, datetime], None]
) -> None:
    """Scenario: load, training runs, API requests and triggers; equal on each store."""
    load_folder(city, documents, rejected=scratch / "rejected.csv", clock=lambda: LOADED, console=Console(StringIO()))
    train("svd", LOADED + 30 * MINUTE)
    clock = Clock(LOADED + 60 * MINUTE)
    # The Firestore emulator alone does not run triggers.
    log = TriggeringLog(documents.interactions, interaction_function)
    wired = deployment.wire(replace(documents, interactions=log), bucket, clock)
    with wiring.use(wired):
        client = deployment.client()
        _before_training(client, documents, clock)
        clock.forward(30 * MINUTE)
        assert client.post("/monitor").status_code == 200
        # Within the overlap of ten minutes that the next ledger sync reads again.
        clock.now = NOW - 5 * MINUTE
        _record(client, "user_3", {"type": "save", "event_id": "event_50"}, {"type": "view", "event_id": "event_51"})
        train("blend", NOW)
        clock.now = NOW + 10 * MINUTE
        _after_training(client, documents, clock)


def _before_training(client: FlaskClient, documents: Documents, clock: Clock) -> None:
    """Scenario before the last training run: each interaction type, and every operation that stores a document."""
    about: list[dict[str, Any]] = [
        {"type": kind, "event_id": "event_58"} for kind in ("view", "click", "save", "share", "booking", "review")
    ]
    about += [{"type": "booking", "event_id": "event_57"}, {"type": "cancel", "event_id": "event_57"}]
    about += [{"type": "rating", "event_id": "event_20", "value": 4}, {"type": "attend", "event_id": "event_21"}]
    about += [{"type": "dismiss", "event_id": "event_55"}, {"type": "follow", "organizer_id": "organizer_1"}]
    about += [{"type": "search", "query": "Ünder the stars"}, {"type": "category_click", "category": "Music"}]
    about += [{"type": "impression", "recommendation_id": "list_1", "event_ids": ["event_56", "event_57", "event_58"]}]
    about += [
        {"type": "click", "event_id": "event_56", "recommendation_id": "list_1", "position": 0, "session_id": "s"}
    ]
    _record(client, "user_1", *about)
    for number in range(2, 7):
        _record(client, f"user_{number}", {"type": "booking", "event_id": "event_58"}, *_views(50 + number))
    for visitor in (_VISITOR, _JOINING):
        _send(client, {"anonymous_id": visitor, "interactions": [{"type": "save", "event_id": "event_54"}]})
    signing_in = {"anonymous_id": _JOINING, "interactions": [{"type": "view", "event_id": "event_54"}]}
    _send(client, {"user_id": "user_2", **signing_in})
    _deliver("interactions", "user_3_event_50_dance", {"user_id": "user_3", "type": "dance"})
    app_event = an_event(
        APP_EVENT, location=_LOCATION, price=5.0, created_at=NOW - 10 * DAY, organizer_id="organizer_1"
    )
    documents.events.put([app_event], now=clock.now)
    _deliver("events", APP_EVENT, {"title": "App_Event", "starts_at": NOW + DAY})
    _deliver("events", "unreadable", {"title": 5})
    rules = {
        "pinned": [{"event_id": "event_56", "ends_at": (NOW + 30 * DAY).isoformat()}],
        "boosted_organizers": [{"organizer_id": "organizer_1", "strength": 0.5}],
        "blocked_events": ["event_53"],
        "max_per_organizer": 5,
    }
    assert client.put("/api/v1/rules", json=rules).status_code == 200
    assert client.delete(f"/api/v1/users/{ERASED_BEFORE}").status_code == 200


def _after_training(client: FlaskClient, documents: Documents, clock: Clock) -> None:
    """Scenario after the last training run: changes that the next run must read."""
    for user_id in ("user_1", "user_9", "newcomer"):
        _record(client, user_id, {"type": "booking", "event_id": "event_60"}, *_views(56))
    event = documents.events.get("event_59")
    assert event
    documents.events.put([replace(event, status=Status.CANCELLED)], now=clock.now)
    documents.events.put([an_event(NEW_EVENT, created_at=NOW, tags=("new",))], now=clock.now)
    documents.users.put([User(user_id="newcomer", city="Bern", location=_LOCATION, friends=("user_1",))], now=clock.now)
    assert client.delete(f"/api/v1/users/{ERASED_AFTER}").status_code == 200


def _expected(documents: Documents, bucket: Path, runs: list[RunDocument]) -> dict[str, Any]:
    """Expectations for later versions, and the lists of this version for manual inspection."""
    client, clock = deployment.client(), Clock(REQUESTED)
    done = list(documents.interactions.since(None))
    with wiring.use(deployment.wire(documents, bucket, clock, model="blend")):
        health = client.get("/api/v1/health").get_json()
        assert health["status"] == "ok", health
        active = [user_id for user_id, _ in Counter(interaction.user_id for interaction in done).most_common(_LISTS)]
        lists = {user_id: _events(client, f"recommendations?user_id={user_id}") for user_id in active}
        cold_start, popular = _events(client, "recommendations"), _events(client, "events/popular")
    ledger = json.loads((bucket / "ledger/current.json").read_bytes())["feeds"]
    return {
        "asked_at": REQUESTED.isoformat(),
        "trained_at": NOW.isoformat(),
        "model_version": health["model_version"],
        "versions": [run.version for run in runs],
        "runs": [run.run_id for run in runs],
        "live_events": health["live_events"],
        "documents": {
            "events": len(list(documents.events.changed_since(None))),
            "users": len(list(documents.users.changed_since(None))),
            "interactions": len(done),
        },
        "ledger": {name: sum(chunk["rows"] for chunk in feed["chunks"]) for name, feed in ledger.items()},
        "new": {
            "events": sum(1 for _ in documents.events.changed_since(NOW)),
            "users": sum(1 for _ in documents.users.changed_since(NOW)),
            "interactions": sum(1 for _ in documents.interactions.since(NOW)),
        },
        "gone": ERASED_BEFORE,
        "leaving": ERASED_AFTER,
        "cancelled_event": "event_59",
        "taken": {
            user_id: sorted(
                {
                    interaction.event_id
                    for interaction in done
                    if interaction.user_id == user_id and interaction.type in _CONSUMING
                }
            )
            for user_id in active
        },
        "lists": {"": cold_start, **lists},
        "popular": popular,
    }


def _events(client: FlaskClient, path: str) -> list[str]:
    return [item["event_id"] for item in client.get(f"/api/v1/{path}").get_json()["items"]]


def _as_apps_write(documents: Documents) -> None:
    """Rewrite of some documents to the form in which apps write them, without the adapters."""
    from google.cloud.firestore import DELETE_FIELD, GeoPoint

    assert isinstance(documents.events, FirestoreEvents)
    database = documents.events._database
    place = GeoPoint(_LOCATION.lat, _LOCATION.lng)
    database.document("events", APP_EVENT).update(
        {"location": place, "status": DELETE_FIELD, "updated_at": DELETE_FIELD}
    )
    database.document("users", "newcomer").update({"location": place})
    database.document("interactions", "user_1_event_60_booking").update({"counted": DELETE_FIELD})


def _views(event: int) -> list[dict[str, Any]]:
    return [{"type": "view", "event_id": f"event_{event}"}]


def _record(client: FlaskClient, user_id: str, *entries: dict[str, Any]) -> None:
    _send(client, {"user_id": user_id, "interactions": [*entries]})


def _send(client: FlaskClient, body: dict[str, Any]) -> None:
    answer = client.post("/api/v1/interactions", json=body).get_json()
    assert answer["rejected"] == [], answer


def _deliver(collection: str, document_id: str, fields: dict[str, Any]) -> None:
    trigger = event_function if collection == "events" else interaction_function
    trigger(deployment.delivered(encode_change(collection, document_id, fields)))


if __name__ == "__main__":
    sys.exit(main())
