"""Digest by DuckDB that the system ends without a word: it leaves no digest, and the next one its files alone."""

import multiprocessing
import os
import shutil
import signal
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from shared.adapters.engines import open_digester
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.errors import NotFound
from shared.ledger.digest import FOLDER, POINTER, Digest
from shared.ports.objects import read_named
from shared.services.training import digests
from shared.services.training.lease import DURATION
from shared.services.training.make_digest import make_digest
from shared.services.training.run import Step
from tests import laws
from tests.examples import DAY, NOW
from tests.stores import keys
from tests.training import a_trainer

DIED = -signal.SIGKILL
LATER = NOW + DURATION + timedelta(minutes=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deployment without a ledger."""
    deployment, data = tmp_path_factory.mktemp("filled"), laws.city()
    store = open_documents(f"sqlite:{deployment / 'documents.db'}", keys)
    store.events.put(data.events, now=NOW - 2 * DAY)
    store.users.put([*data.users.values()], now=NOW - 2 * DAY)
    store.interactions.append(data.interactions, now=NOW - 2 * DAY)
    return deployment


def _digest(deployment: Path, *, is_later: bool, killed_at: str = "") -> Digest:
    objects = FolderObjects(deployment / "bucket")
    tempfile.tempdir = str(deployment / "temporary")

    def report(reached: Step) -> None:
        if reached.name == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_documents(f"sqlite:{deployment / 'documents.db'}", keys)
    trainer = a_trainer(store, objects, now=LATER if is_later else NOW, report=report)
    digester = open_digester("duckdb", f"folder:{deployment / 'bucket'}", memory="500MB")
    return make_digest(trainer, digester, now=LATER)


def _killed(deployment: Path, step: str) -> None:
    _digest(deployment, is_later=False, killed_at=step)


@pytest.mark.parametrize("step", ["lease taken", "users counted", "users drawn", "events summed", "bookings summed"])
def test_a_digest_killed_at_any_step_leaves_nothing(
    step: str, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    made = []
    for name in ("killed", "whole"):
        deployment = tmp_path / name
        shutil.copytree(filled, deployment)
        (deployment / "temporary").mkdir()
        objects = FolderObjects(deployment / "bucket")
        if name == "killed":
            process = multiprocessing.get_context("spawn").Process(target=_killed, args=(deployment, step))
            process.start()
            process.join(60)
            assert process.exitcode == DIED
            with pytest.raises(NotFound):
                digests.described(objects)
            for left in (deployment / "temporary").iterdir():
                os.utime(left, (0, 0))  # an hour is not waited for
        made.append([chunk.name for chunk in _digest(deployment, is_later=True).files.values()])
        assert set(objects.names(FOLDER)) == {POINTER, *made[-1]}
        assert not list((deployment / "temporary").iterdir())
    killed, whole = [
        [data for _, data in read_named(FolderObjects(tmp_path / name / "bucket"), names, index=POINTER, remedy="")]
        for name, names in zip(("killed", "whole"), made, strict=True)
    ]
    assert killed == whole
