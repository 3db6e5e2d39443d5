"""Restore: a deployment that lost its documents or its bucket is rebuilt from the other."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from itertools import count as count_up
from pathlib import Path

import pytest

from functions import wiring
from jobs.console import Console
from jobs.restore import main, restore
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.entities import Event, EventCounts, Status, User
from shared.errors import ArtifactError
from shared.ports import Documents
from shared.services.ingest.reconcile import reconcile
from shared.services.ingest.record import count
from shared.services.training.retrain import Plan, retrain
from shared.services.training.run import PUBLISHED
from tests import deployment, laws
from tests.deployment import Clock
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.stores import documents, keys
from tests.training import a_trainer, train

USERS = ("jazz_fan_1", "yoga_fan_2", "omnivore_3")
LATER = NOW + DAY
HOUR = timedelta(hours=1)


@pytest.fixture
def store() -> Iterator[Documents]:
    filled, data = documents(), laws.city()
    filled.events.put(data.events, now=NOW - 2 * DAY)
    filled.users.put([*data.users.values(), User(user_id="alone", profiling=False)], now=NOW - 2 * DAY)
    filled.counters.load([(entry, EventCounts()) for entry in data.interactions], now=NOW - 2 * DAY)
    filled.users.remember(data.interactions)
    yield filled
    filled.close()


def _lists(store: Documents, bucket: Path) -> dict[str, list[str]]:
    """Ids of the recommended events by user, as a starting instance answers."""
    with wiring.use(deployment.wire(store, bucket, Clock(LATER))):
        client = deployment.client()
        answers = {name: client.get(f"/api/v1/recommendations?limit=20&user_id={name}").get_json() for name in USERS}
    assert all(answer["degraded"] == [] for answer in answers.values())
    return {name: [item["event_id"] for item in answer["items"]] for name, answer in answers.items()}


def _histories(store: Documents) -> dict[str, set[tuple[str, str]]]:
    return {
        name: {(entry.type, entry.event_id) for entry in store.users.profile(name, timeout_s=1).history}
        for name in USERS
    }


def test_a_lost_bucket_is_rebuilt_from_the_documents(store: Documents, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    store.personal.mark("jazz_fan_5", at=NOW)
    store.personal.erase("jazz_fan_5", now=NOW)
    train(store, FolderObjects(bucket), model="svd", now=NOW)
    before = _lists(store, bucket)
    shutil.rmtree(bucket)
    bucket.mkdir()
    # Without a model, lists are by popularity; then one training brings everything back.
    assert train(store, FolderObjects(bucket), model="svd", now=LATER).counts["interactions"]
    assert _lists(store, bucket) == before
    assert all(b"jazz_fan_5" not in path.read_bytes() for path in bucket.rglob("*") if path.is_file())


def test_lost_documents_are_rebuilt_from_the_bucket(store: Documents, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    store.events.put([an_event("gone", status=Status.CANCELLED)], now=NOW - DAY)
    train(store, FolderObjects(bucket), model="svd", now=NOW)
    before, histories = _lists(store, bucket), _histories(store)
    empty = documents()
    console = Console(StringIO())
    for _ in range(2):
        # Twice, as after an interruption.
        restore(empty, FolderObjects(bucket), clock=lambda: LATER, console=console)
        assert _histories(empty) == histories
    assert {event.event_id: replace(event, updated_at=None) for event in empty.events.changed_since(None)} == {
        event.event_id: replace(event, updated_at=None) for event in store.events.changed_since(None)
    }
    assert {*empty.users.changed_since(None)} == {*store.users.changed_since(None)}
    assert empty.users.unprofiled(["alone"]) == {"alone"}
    plan = Plan(model="svd", half_life_days=90.0, challengers_s=0, reread=True)
    later = LATER + 2 * DAY
    trainer = a_trainer(empty, FolderObjects(bucket), now=later)
    assert retrain(trainer, plan, scheduled_at=later).decision == PUBLISHED
    assert _lists(empty, bucket) == before
    # Counts follow, too: a training and monitor find nothing to mend.
    assert reconcile(empty, now=later).lost == 0
    empty.close()


def test_each_chunk_is_stamped_when_it_is_written(store: Documents, tmp_path: Path) -> None:
    # A stamp from the start would be older than what instances and trainings look for by the end of a long restore.
    train(store, FolderObjects(tmp_path), model="svd", now=NOW)
    empty, hours = documents(), count_up()
    objects, console = FolderObjects(tmp_path), Console(StringIO())
    restore(empty, objects, clock=lambda: LATER + next(hours) * HOUR, console=console)
    assert {event.updated_at for event in empty.events.changed_since(None)} == {LATER + HOUR}
    assert {user.updated_at for user in empty.users.changed_since(None)} == {LATER + 2 * HOUR}
    assert {entry.recorded_at for entry in empty.interactions.since(None)} == {LATER + 3 * HOUR}
    empty.close()


def test_what_was_written_since_the_loss_wins(store: Documents, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    train(store, FolderObjects(bucket), model="svd", now=NOW)
    fresh = documents()
    fresh.events.put([an_event("jazz_1", title="changed since", status=Status.CANCELLED)], now=LATER)
    fresh.users.put([User(user_id="jazz_fan_1", city="Boston")], now=LATER)
    new = an_interaction("jazz_fan_1", "jazz_2", occurred_at=LATER, recorded_at=LATER)
    fresh.interactions.append([new], now=LATER)
    count(fresh, new, now=LATER)
    fresh.personal.mark("yoga_fan_2", at=LATER)
    restore(fresh, FolderObjects(bucket), clock=lambda: LATER, console=Console(StringIO()))
    event = fresh.events.get("jazz_1")
    assert event is not None
    assert (event.title, event.status) == ("changed since", Status.CANCELLED)
    assert fresh.users.profile("jazz_fan_1", timeout_s=1).user.city == "Boston"
    assert not fresh.users.profile("yoga_fan_2", timeout_s=1).history, "erased since"
    assert "yoga_fan_2" not in {user.user_id for user in fresh.users.changed_since(None)}
    assert fresh.interactions.get([new.interaction_id])[new.interaction_id].occurred_at == LATER
    fresh.close()


def test_what_was_deleted_before_the_loss_stays_deleted(store: Documents, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    # A training reads a deleted event as one that is hidden and has nothing but the time of that.
    store.events.put(
        [Event(event_id="deleted", status=Status.HIDDEN), an_event("hidden", status=Status.HIDDEN)], now=NOW
    )
    train(store, FolderObjects(bucket), model="popularity", now=NOW)
    fresh = documents()
    restore(fresh, FolderObjects(bucket), clock=lambda: LATER, console=Console(StringIO()))
    assert fresh.events.get("deleted") is None
    assert fresh.events.get("hidden") is not None
    fresh.close()


def test_without_a_ledger_nothing_is_restored(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"^ledger/current\.json: expected a ledger"):
        restore(documents(), FolderObjects(tmp_path), clock=lambda: NOW, console=Console(StringIO()))


def test_the_command_restores_a_file(store: Documents, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    train(store, FolderObjects(bucket), now=NOW)
    place, file = f"folder:{bucket}", f"sqlite:{tmp_path / 'documents.db'}"
    assert main(["--store", file, "--objects", place]) == 0
    said = capsys.readouterr().err
    assert "restored" in said
    assert "marquee train --reread" in said
    restored = open_documents(file, keys)
    assert len([*restored.events.changed_since(None)]) == len(laws.city().events)
    restored.close()
    assert main(["--store", file, "--objects", "gs://bucket"]) == 2
    assert "did you mean gs:bucket?" in capsys.readouterr().err
