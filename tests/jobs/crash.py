"""A training that may be killed at a named step: `python -m tests.jobs.crash DOCUMENTS BUCKET AT LATE_S STEP TURN`.

It writes how many documents it has listed, and ends with what it decided and the version in a line of its own.
"""

import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.adapters.objects.folder import FolderObjects
from shared.adapters.sqlite import database
from shared.adapters.stores import open_documents
from shared.services.training import ledger_sync
from shared.services.training.retrain import Plan, retrain
from shared.services.training.run import Step
from tests.training import a_trainer

FLUSH_ROWS = 150
PAGE = 50
"""So few that even a small city is read in several pieces."""


def main(documents: str, bucket: str, at: datetime, late_s: float, step: str, turn: int) -> None:
    """Train as of `at`, begun `late_s` after it; with a step, be killed when it is reached for the `turn`-th time."""
    ledger_sync.FLUSH_ROWS, database.PAGE = FLUSH_ROWS, PAGE  # type: ignore[misc]  # smaller for the test
    store = open_documents(documents)
    times = 0

    def report(reached: Step) -> None:
        nonlocal times
        times += reached.name == step
        if reached.name == step and times == turn:
            print(store.listed(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    begun = a_trainer(store, FolderObjects(bucket), now=at + timedelta(seconds=late_s), report=report)
    # Ids of a counter would be the same in every process.
    trainer = replace(begun, new_id=lambda: os.urandom(8).hex())
    plan = Plan(model="svd", half_life_days=90.0, challengers_s=0.0)
    document = retrain(trainer, plan, scheduled_at=at)
    print(store.listed(), document.decision, document.version)


if __name__ == "__main__":
    _, given_documents, given_bucket, given_at, given_late_s, given_step, given_turn = sys.argv
    main(
        given_documents,
        given_bucket,
        datetime.fromisoformat(given_at).astimezone(UTC),
        float(given_late_s),
        given_step,
        int(given_turn),
    )
