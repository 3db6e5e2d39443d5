"""Writes what this version of the program stores, for later ones to read: `python -m tests.upgrade.make_fixture NAME`.

A folder `fixture/NAME` is written once, by the program that stored so, and never again: one that a later program wrote
anew would only show that it reads what it writes itself. When what is stored changes, another folder goes beside it.

The same small past is lived through twice, on SQLite with trainings into a folder and on the Firestore emulator: a city
is loaded, people use the API, triggers run, counts are settled, users are forgotten. Some of it comes after the last
training, for the next one to find.
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
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.entities import InteractionType, Location, Status, User
from shared.ports import Documents
from shared.services.training.run import PUBLISHED, RunDocument
from tests import deployment, training
from tests.deployment import Clock
from tests.emulators.firestore import firestore_emulator
from tests.examples import DAY, NOW, an_event
from tests.rest import encoded

FIXTURES: Final = Path(__file__).parent / "fixture"
MINUTE: Final = timedelta(minutes=1)
LOADED: Final = NOW - 120 * MINUTE
ASKED: Final = NOW + 30 * MINUTE
"""When `expected.json` was asked for, after everything else."""

PEOPLE: Final = 200
GONE: Final = "user_7"
"""Forgotten before the last training, so already out of the ledger."""
LEAVING: Final = "user_8"
"""Forgotten after it, so that the next one has to drop them."""
APP_EVENT: Final = "app_event"
NEW_EVENT: Final = "new_event"
_VISITOR, _JOINING = "a-visitor-who-never-signs-in", "a-visitor-who-signs-in-later"
_PLACE: Final = Location(46.9, 7.4)
_GLANCES: Final = frozenset({"impression", "view", "click", "search", "category_click"})
_TAKEN: Final = (InteractionType.BOOKING, InteractionType.ATTEND, InteractionType.DISMISS)
_LISTS: Final = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.make_fixture")
    parser.add_argument("name", help="of the new folder, such as format-2; one that is there is never replaced")
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
    """A city in which enough is chosen for weights to be learned, without two thirds of what says little."""
    write_sample(folder, users=PEOPLE, events=60, interactions=3_500, seed=1, now=LOADED)
    path = folder / "interactions.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    kind = header.index("type")
    kept = [row for number, row in enumerate(rows) if row[kind] not in _GLANCES or number % 3 == 0]
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *kept])


def _on_sqlite(city: Path, scratch: Path, out: Path) -> None:
    bucket = out / "bucket"
    bucket.mkdir()
    objects = FolderObjects(bucket)
    documents = open_documents(f"sqlite:{scratch / 'documents.db'}")
    runs: list[RunDocument] = []

    def train(model: str, now: datetime) -> None:
        runs.append(training.run(documents, objects, model=model, now=now))
        assert runs[-1].decision == PUBLISHED, runs[-1].reason

    _live(documents, bucket, city, scratch, train)
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
        # Which shard of a hot event's counts is taken is drawn.
        random.seed(1)
        documents = open_documents("firestore:fixture")
        _live(documents, scratch, city, scratch, lambda model, now: None)
        _as_apps_write(documents)
        lines = []
        for collection in documents.events._database.client.collections():
            for one in collection.stream():
                fields = {name: encoded(value) for name, value in sorted((one.to_dict() or {}).items())}
                lines.append(f"{json.dumps(f'{collection.id}/{one.id}')}: {json.dumps(fields)}")
        documents.close()
    text = "{\n" + ",\n".join(sorted(lines)) + "\n}\n"
    (out / "firestore.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def _live(
    documents: Documents, bucket: Path, city: Path, scratch: Path, train: Callable[[str, datetime], None]
) -> None:
    """All that is stored comes about here, in the same way on each store."""
    load_folder(city, documents, rejected=scratch / "rejected.csv", now=LOADED, console=Console(StringIO()))
    train("svd", LOADED + 30 * MINUTE)
    clock = Clock(LOADED + 60 * MINUTE)
    # The emulator alone runs no triggers.
    log = TriggeringLog(documents.interactions, interaction_function)
    wired = deployment.wire(replace(documents, interactions=log), bucket, clock)
    with wiring.use(wired):
        client = deployment.client()
        _use(client, documents, clock)
        clock.forward(30 * MINUTE)
        assert client.post("/monitor").status_code == 200
        # Within the ten minutes that the next reading of the ledger goes back.
        clock.now = NOW - 5 * MINUTE
        _record(client, "user_3", {"type": "save", "event_id": "event_50"}, {"type": "view", "event_id": "event_51"})
        train("blend", NOW)
        clock.now = NOW + 10 * MINUTE
        _use_later(client, documents, clock)


def _use(client: FlaskClient, documents: Documents, clock: Clock) -> None:
    """Each type of interaction, and everything else that leaves a document."""
    about = [{"type": kind, "event_id": "event_58"} for kind in ("view", "click", "save", "share", "booking", "review")]
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
    known = {"created_at": NOW - 10 * DAY, "organizer_id": "organizer_1"}
    documents.events.put([an_event(APP_EVENT, location=_PLACE, price=5.0, **known)], now=clock.now)
    _deliver("events", APP_EVENT, {"title": "App_Event", "starts_at": NOW + DAY})
    _deliver("events", "unreadable", {"title": 5})
    rules = {
        "pinned": [{"event_id": "event_56", "ends_at": (NOW + 30 * DAY).isoformat()}],
        "boosted_organizers": [{"organizer_id": "organizer_1", "strength": 0.5}],
        "blocked_events": ["event_53"],
        "max_per_organizer": 5,
    }
    assert client.put("/api/v1/rules", json=rules).status_code == 200
    assert client.delete(f"/api/v1/users/{GONE}").status_code == 200


def _use_later(client: FlaskClient, documents: Documents, clock: Clock) -> None:
    """What the next training has to find."""
    for user_id in ("user_1", "user_9", "newcomer"):
        _record(client, user_id, {"type": "booking", "event_id": "event_60"}, *_views(56))
    event = documents.events.get("event_59")
    assert event
    documents.events.put([replace(event, status=Status.CANCELLED)], now=clock.now)
    documents.events.put([an_event(NEW_EVENT, created_at=NOW, tags=("new",))], now=clock.now)
    documents.users.put([User(user_id="newcomer", city="Bern", location=_PLACE, friends=("user_1",))], now=clock.now)
    assert client.delete(f"/api/v1/users/{LEAVING}").status_code == 200


def _expected(documents: Documents, bucket: Path, runs: list[RunDocument]) -> dict[str, Any]:
    """What any later program has to find in this, and the lists as this one gives them, to be looked at by people."""
    client, clock = deployment.client(), Clock(ASKED)
    done = list(documents.interactions.since(None))
    with wiring.use(deployment.wire(documents, bucket, clock, model="blend")):
        health = client.get("/api/v1/health").get_json()
        assert health["status"] == "ok", health
        active = [user_id for user_id, _ in Counter(one.user_id for one in done).most_common(_LISTS)]
        lists = {user_id: _events(client, f"recommendations?user_id={user_id}") for user_id in active}
        stranger, popular = _events(client, "recommendations"), _events(client, "events/popular")
    ledger = json.loads((bucket / "ledger/current.json").read_bytes())["feeds"]
    return {
        "asked_at": ASKED.isoformat(),
        "trained_at": NOW.isoformat(),
        "model_version": health["model_version"],
        "versions": [one.version for one in runs],
        "runs": [one.run_id for one in runs],
        "live_events": health["live_events"],
        "documents": {
            "events": len(list(documents.events.changed_since(None))),
            "users": len(list(documents.users.changed_since(None))),
            "interactions": len(done),
        },
        "ledger": {name: sum(chunk["rows"] for chunk in feed["chunks"]) for name, feed in ledger.items()},
        "new": {
            "events": sum(1 for one in documents.events.changed_since(NOW)),
            "users": sum(1 for one in documents.users.changed_since(NOW)),
            "interactions": sum(1 for one in documents.interactions.since(NOW)),
        },
        "gone": GONE,
        "leaving": LEAVING,
        "cancelled_event": "event_59",
        "taken": {
            user_id: sorted({one.event_id for one in done if one.user_id == user_id and one.type in _TAKEN})
            for user_id in active
        },
        "lists": {"": stranger, **lists},
        "popular": popular,
    }


def _events(client: FlaskClient, path: str) -> list[str]:
    return [one["event_id"] for one in client.get(f"/api/v1/{path}").get_json()["items"]]


def _as_apps_write(documents: Documents) -> None:
    """Give some documents the form in which apps write them, past the adapters."""
    from google.cloud.firestore import DELETE_FIELD, GeoPoint

    database = documents.events._database
    place = GeoPoint(_PLACE.lat, _PLACE.lng)
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
