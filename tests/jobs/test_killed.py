"""A training killed anywhere and begun again ends as if nothing had happened; of eight at once one publishes."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
from tests.emulators.programs import ROOT
from tests.examples import DAY, NOW, an_interaction
from tests.jobs.crash import FLUSH_ROWS, PAGE
from tests.training import run

MINUTE = timedelta(minutes=1)
AT = NOW + DAY
NEWS = 400
LAST_BATCH = 22
"""What came just before the last run, which the overlap gives again."""
OVERLAP_DOCUMENTS = LAST_BATCH + 11
"""News come a minute apart, and a reading goes ten minutes back."""
LIST_ENDS = 3

# The run of a deployment with a past, in which everything happens: reading, merging, publishing and pruning.
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
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store and a bucket after many runs, with news for the next one."""
    folder = tmp_path_factory.mktemp("deployment")
    data, store = laws.city(), open_documents(f"sqlite:{folder / 'documents.db'}")
    store.events.put(data.events, now=NOW - 9 * DAY)
    store.users.put([*data.users.values()], now=NOW - 9 * DAY)
    (folder / "bucket").mkdir()
    objects = FolderObjects(folder / "bucket")
    ordered = sorted(data.interactions, key=lambda one: one.interaction_id)
    for number in range(MAX_SMALL):
        moment = NOW - 8 * DAY + number * timedelta(hours=3)
        store.interactions.append(ordered[number::MAX_SMALL], now=moment, counted=True)
        assert run(store, objects, model="svd", now=moment).decision == PUBLISHED
    users = sorted(data.users)
    for number in range(NEWS):
        one = an_interaction(
            users[number % len(users)],
            f"{'jazz' if number % 2 else 'yoga'}_{number % 10}",
            InteractionType.VIEW,
            interaction_id=f"new_{number}",
            occurred_at=min(one.occurred_at for one in ordered),
        )
        store.interactions.append([one], now=NOW + number * MINUTE, counted=True)
    store.close()
    return folder


def _command(place: Path, at: datetime, late: timedelta, step: str, turn: int) -> list[str]:
    arguments = [f"sqlite:{place / 'documents.db'}", str(place / "bucket"), at.isoformat(), str(late.total_seconds())]
    return [sys.executable, "-m", "tests.jobs.crash", *arguments, step, str(turn)]


def _train(place: Path, *, late: timedelta = timedelta(0), step: str = "", turn: int = 1) -> tuple[int, int, str, str]:
    """Exit status, documents listed, decision and version."""
    done = subprocess.run(
        _command(place, AT, late, step, turn), cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode in {0, -9}, done.stderr
    listed, decision, version, *_ = [*done.stdout.split(), "", ""]
    return done.returncode, int(listed), decision, version


def _published(place: Path) -> tuple[datetime, dict[str, Any]]:
    objects = FolderObjects(place / "bucket")
    version = Pointer.from_json(objects.read(POINTER).data).version
    manifest = Manifest.from_json(objects.read(f"models/{version}/manifest.json").data)
    return manifest.trained_at, unpack(objects.read(f"models/{version}/model.npz").data, manifest)


def _ids(place: Path) -> list[str]:
    files = LedgerFiles(FolderObjects(place / "bucket"))
    files = files.contents(files.ledger.feeds[INTERACTIONS].chunks)
    tables = [parquet.read(INTERACTIONS, name, data, ["interaction_id"]) for name, data in files]
    return sorted(key for table in tables for key in table["interaction_id"].to_pylist())


@pytest.fixture(scope="module")
def calm(place: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The same place after an undisturbed run, and how many documents that listed."""
    copy = tmp_path_factory.mktemp("calm") / "place"
    shutil.copytree(place, copy)
    status, listed, decision, _ = _train(copy)
    assert (status, decision) == (0, PUBLISHED)
    assert listed == NEWS + LAST_BATCH + LIST_ENDS
    assert len(_ids(copy)) == len(set(_ids(copy))) == len(laws.city().interactions) + NEWS
    return copy, listed


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("step", "turn"), POINTS, ids=[f"{step} {turn}" for step, turn in POINTS])
def test_killed_there_and_begun_again_it_ends_in_the_same_model(
    place: Path, calm: tuple[Path, int], tmp_path: Path, step: str, turn: int
) -> None:
    undisturbed, listed = calm
    mine = tmp_path / "place"
    shutil.copytree(place, mine)
    status, first, _, _ = _train(mine, step=step, turn=turn)
    assert status == -9, "it was to be killed"
    # The lease of the dead runs out, and the schedule's retry takes over.
    status, second, decision, _ = _train(mine, late=DURATION)
    assert (status, decision) == (0, PUBLISHED)
    (trained_at, arrays), (expected_at, expected) = _published(mine), _published(undisturbed)
    assert trained_at == expected_at == AT
    assert arrays.keys() == expected.keys()
    assert [name for name in arrays if arrays[name].tobytes() != expected[name].tobytes()] == []
    assert _ids(mine) == _ids(undisturbed)
    # Read twice are the overlap and, when killed while reading, the piece that was not yet made sure of.
    in_hand = FLUSH_ROWS + PAGE if step == "interactions written" else PAGE
    assert first + second <= listed + LIST_ENDS + OVERLAP_DOCUMENTS + in_hand


def test_a_retry_before_the_lease_has_expired_yields(place: Path, tmp_path: Path) -> None:
    mine = tmp_path / "place"
    shutil.copytree(place, mine)
    assert _train(mine, step="ledger loaded")[0] == -9
    status, listed, decision, version = _train(mine, late=DURATION - MINUTE)
    assert (status, listed, decision, version) == (0, 0, YIELDED, "")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=1)], ids=["one schedule", "eight schedules"])
def test_of_eight_trainers_at_once_one_publishes(place: Path, tmp_path: Path, apart: timedelta) -> None:
    mine = tmp_path / "place"
    shutil.copytree(place, mine)
    objects = FolderObjects(mine / "bucket")
    before = Pointer.from_json(objects.read(POINTER).data).version
    commands = [_command(mine, AT + number * apart, timedelta(0), "", 1) for number in range(8)]
    started = [subprocess.Popen(one, cwd=ROOT, stdout=subprocess.PIPE, text=True) for one in commands]
    seen = [before]
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(one.communicate) for one in started]
        while not all(one.done() for one in waiting):
            seen.append(Pointer.from_json(objects.read(POINTER).data).version)
    assert [one.returncode for one in started] == [0] * 8
    said = [one.result()[0].split() for one in waiting]
    published = {version for _, decision, *version in said for version in version if decision == PUBLISHED}
    assert {decision for _, decision, *_ in said} <= {PUBLISHED, YIELDED}
    if not apart:
        # Whoever came after the winner had finished was told what it had decided.
        assert len(published) == 1
    assert max(published) == Pointer.from_json(objects.read(POINTER).data).version
    assert seen == sorted(seen), "the pointer only moves forward"
    stored = {name.split("/")[1] for name in objects.names("models/") if name.endswith("manifest.json")}
    assert published <= stored
    assert json.loads(objects.read("runs/lease.json").data)["owner"] == ""
    assert len(_ids(mine)) == len(set(_ids(mine)))
