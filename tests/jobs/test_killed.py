"""Crash recovery and concurrency of training runs: killed runs are repeated; of eight concurrent runs one publishes."""

import json
import multiprocessing
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.entities import InteractionType
from shared.ledger import parquet
from shared.ledger.index import INTERACTIONS
from shared.models.artifact import Manifest, unpack
from shared.services.registry import POINTER, Pointer
from shared.services.training.lease import DURATION
from shared.services.training.ledger_compaction import MAX_SMALL
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.run import PUBLISHED, YIELDED
from tests import laws
from tests.examples import DAY, NOW, an_interaction
from tests.jobs import crash
from tests.jobs.crash import FLUSH_ROWS, PAGE, Outcome
from tests.known import known
from tests.stores import keys
from tests.training import run

PROCESSES: Final = multiprocessing.get_context("forkserver")
# Processes of their own, without the seconds in which each of sixty would import what a training uses.
PROCESSES.set_forkserver_preload(["tests.jobs.crash", "pyarrow.parquet", "sklearn.decomposition"])
PATIENCE_S: Final = 300

MINUTE = timedelta(minutes=1)
AT = NOW + DAY
NEW_INTERACTIONS = 400
LAST_BATCH = 22
"""Interactions appended just before the last run, which the next run reads again due to the overlap."""
OVERLAP_DOCUMENTS = LAST_BATCH + 11
"""Documents that a run reads again: new interactions are a minute apart, and the overlap is ten minutes."""
LIST_ENDS = 3

# Steps of a run on a deployment with earlier runs, which reads, merges, publishes and prunes.
POINTS = [
    ("lease taken", 1),
    ("events committed", 1),
    ("users read", 1),
    ("interactions written", 1),
    ("interactions committed", 1),
    ("interactions written", 2),
    ("interactions committed", 2),
    ("interactions read", 1),
    ("interactions merged", 1),
    ("ledger compacted", 1),
    ("ledger loaded", 1),
    ("svd tried", 1),
    ("models compared", 1),
    ("drift measured", 1),
    ("model fitted", 1),
    ("model checked", 1),
    ("publishing", 1),
    ("version uploaded", 1),
    ("pointer moved", 1),
    ("version pruned", 1),
    ("run finished", 1),
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deployment folder: a store and a bucket after many runs, with new interactions for the next run."""
    folder = tmp_path_factory.mktemp("deployment")
    data, store = laws.city(), open_documents(f"sqlite:{folder / 'documents.db'}", keys)
    store.events.put(data.events, now=NOW - 9 * DAY)
    store.users.put([*data.users.values()], now=NOW - 9 * DAY)
    (folder / "bucket").mkdir()
    objects = FolderObjects(folder / "bucket")
    ordered = sorted(data.interactions, key=lambda interaction: interaction.interaction_id)
    for number in range(MAX_SMALL):
        moment = NOW - 8 * DAY + number * timedelta(hours=3)
        store.interactions.append(ordered[number::MAX_SMALL], now=moment)
        assert run(store, objects, model="svd", now=moment).decision == PUBLISHED
    users = sorted(data.users)
    for number in range(NEW_INTERACTIONS):
        interaction = an_interaction(
            users[number % len(users)],
            f"{'jazz' if number % 2 else 'yoga'}_{number % 10}",
            InteractionType.VIEW,
            interaction_id=f"new_{number}",
            occurred_at=min(interaction.occurred_at for interaction in ordered),
        )
        store.interactions.append([interaction], now=NOW + number * MINUTE)
    store.close()
    return folder


@dataclass(frozen=True)
class Started:
    """Training run in a process of its own, and the connection that its outcome comes through."""

    process: ForkServerProcess
    told: Connection

    @classmethod
    def at(
        cls, deployment: Path, at: datetime, *, late: timedelta = timedelta(0), step: str = "", turn: int = 1
    ) -> "Started":
        told, telling = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=crash.main, args=(telling, deployment, at, late, step, turn))
        process.start()
        telling.close()
        return cls(process, told)

    def ended(self) -> tuple[int | None, Outcome]:
        """Exit status, -9 for a killed run, and outcome."""
        assert self.told.poll(PATIENCE_S), "it said nothing"
        outcome: Outcome = self.told.recv()
        self.process.join(PATIENCE_S)
        return self.process.exitcode, outcome


def _train(
    deployment: Path, *, late: timedelta = timedelta(0), step: str = "", turn: int = 1
) -> tuple[int | None, Outcome]:
    return Started.at(deployment, AT, late=late, step=step, turn=turn).ended()


def _published(deployment: Path) -> tuple[datetime, dict[str, Any]]:
    objects = FolderObjects(deployment / "bucket")
    version = Pointer.from_json(known(objects.read(POINTER)).data).version
    manifest = Manifest.from_json(known(objects.read(f"models/{version}/manifest.json")).data)
    return manifest.trained_at, unpack(known(objects.read(f"models/{version}/model.npz")).data, manifest)


def _ids(deployment: Path) -> list[str]:
    files = LedgerFiles(FolderObjects(deployment / "bucket"))
    contents = files.contents(files.ledger.feeds[INTERACTIONS].chunks)
    tables = [parquet.read(INTERACTIONS, name, data, ["interaction_id"]) for name, data in contents]
    return sorted(key for table in tables for key in table["interaction_id"].to_pylist())


@pytest.fixture(scope="module")
def uninterrupted(deployment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Copy of the deployment after an uninterrupted run, and the number of documents that the run listed."""
    copy = tmp_path_factory.mktemp("uninterrupted") / "deployment"
    shutil.copytree(deployment, copy)
    status, outcome = _train(copy)
    assert (status, outcome.decision) == (0, PUBLISHED)
    assert outcome.listed == NEW_INTERACTIONS + LAST_BATCH + LIST_ENDS
    assert len(_ids(copy)) == len(set(_ids(copy))) == len(laws.city().interactions) + NEW_INTERACTIONS
    return copy, outcome.listed


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("step", "turn"), POINTS, ids=[f"{step} {turn}" for step, turn in POINTS])
def test_a_run_killed_at_any_step_and_repeated_publishes_the_model_of_an_uninterrupted_run(
    deployment: Path, uninterrupted: tuple[Path, int], tmp_path: Path, step: str, turn: int
) -> None:
    uninterrupted_copy, listed = uninterrupted
    copy_of_deployment = tmp_path / "deployment"
    shutil.copytree(deployment, copy_of_deployment)
    status, first = _train(copy_of_deployment, step=step, turn=turn)
    assert status == -9, "it was to be killed"
    # The lease of the killed run expires, and the retry of the schedule takes over.
    status, second = _train(copy_of_deployment, late=DURATION)
    assert (status, second.decision) == (0, PUBLISHED)
    (trained_at, arrays), (expected_at, expected) = _published(copy_of_deployment), _published(uninterrupted_copy)
    assert trained_at == expected_at == AT
    assert arrays.keys() == expected.keys()
    assert [name for name in arrays if arrays[name].tobytes() != expected[name].tobytes()] == []
    assert _ids(copy_of_deployment) == _ids(uninterrupted_copy)
    # The overlap is read twice and, if the run is killed while reading, so is the batch that was not yet committed.
    uncommitted = FLUSH_ROWS + PAGE if step == "interactions written" else PAGE
    assert first.listed + second.listed <= listed + LIST_ENDS + OVERLAP_DOCUMENTS + uncommitted


def test_a_retry_before_the_lease_has_expired_yields(deployment: Path, tmp_path: Path) -> None:
    copy_of_deployment = tmp_path / "deployment"
    shutil.copytree(deployment, copy_of_deployment)
    assert _train(copy_of_deployment, step="ledger loaded")[0] == -9
    assert _train(copy_of_deployment, late=DURATION - MINUTE) == (0, Outcome(0, YIELDED))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=1)], ids=["one schedule", "eight schedules"])
def test_of_eight_concurrent_runs_one_publishes(deployment: Path, tmp_path: Path, apart: timedelta) -> None:
    copy_of_deployment = tmp_path / "deployment"
    shutil.copytree(deployment, copy_of_deployment)
    objects = FolderObjects(copy_of_deployment / "bucket")
    before = Pointer.from_json(known(objects.read(POINTER)).data).version
    started = [Started.at(copy_of_deployment, AT + number * apart) for number in range(8)]
    seen = [before]
    while any(training.process.is_alive() for training in started):
        seen.append(Pointer.from_json(known(objects.read(POINTER)).data).version)
    ended = [training.ended() for training in started]
    assert [status for status, _ in ended] == [0] * 8
    outcomes = [outcome for _, outcome in ended]
    published = {outcome.version for outcome in outcomes if outcome.decision == PUBLISHED}
    assert {outcome.decision for outcome in outcomes} <= {PUBLISHED, YIELDED}
    if not apart:
        # A run that starts after the winner has finished reports the decision of the winner.
        assert len(published) == 1
    assert max(published) == Pointer.from_json(known(objects.read(POINTER)).data).version
    assert seen == sorted(seen), "the pointer only moves forward"
    stored = {name.split("/")[1] for name in objects.names("models/") if name.endswith("manifest.json")}
    assert published <= stored
    assert json.loads(known(objects.read("runs/lease.json")).data)["owner"] == ""
    assert len(_ids(copy_of_deployment)) == len(set(_ids(copy_of_deployment)))
