"""Training run in a process of its own, which may kill itself at a step."""

import os
import signal
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from shared.adapters.objects.folder import FolderObjects
from shared.adapters.sqlite import database
from shared.adapters.stores import open_documents
from shared.services.training import ledger_sync
from shared.services.training.retrain import Plan, retrain
from shared.services.training.run import Step
from tests.stores import keys
from tests.training import a_trainer

FLUSH_ROWS = 150
PAGE = 50
"""Small enough that even a small data set is read in several batches."""


@dataclass(frozen=True)
class Outcome:
    """Documents that a run listed, and its decision and version unless it was killed."""

    listed: int
    decision: str = ""
    version: str = ""


def main(told: Connection, deployment: Path, at: datetime, late: timedelta, step: str, turn: int) -> None:
    """Training run scheduled at `at` and started `late` afterwards; killed at the `turn`-th `step`, if given.

    `told` gets the `Outcome`, `deployment` is a folder with `documents.db` and `bucket`.
    """
    ledger_sync.FLUSH_ROWS, database.PAGE = FLUSH_ROWS, PAGE  # type: ignore[misc]  # smaller for the test
    store = open_documents(f"sqlite:{deployment / 'documents.db'}", keys)
    times = 0

    def report(reached: Step) -> None:
        nonlocal times
        times += reached.name == step
        if reached.name == step and times == turn:
            told.send(Outcome(store.listed()))
            os.kill(os.getpid(), signal.SIGKILL)

    begun = a_trainer(store, FolderObjects(deployment / "bucket"), now=at + late, report=report)
    # Random ids, since a counter would give equal ids in every process.
    trainer = replace(begun, new_id=lambda: os.urandom(8).hex())
    plan = Plan(model="svd", half_life_days=90.0, challengers_s=0.0)
    document = retrain(trainer, plan, scheduled_at=at)
    told.send(Outcome(store.listed(), document.decision, document.version))
