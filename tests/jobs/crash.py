"""Training run that may be killed at a step: `python -m tests.jobs.crash DOCUMENTS BUCKET AT LATE_S STEP TURN`.

Prints the number of listed documents; a run that is not killed also prints its decision and version on that line.
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
from tests.stores import keys
from tests.training import a_trainer

FLUSH_ROWS = 150
PAGE = 50
"""Small enough that even a small data set is read in several batches."""


def main(documents: str, bucket: str, at: datetime, late_s: float, step: str, turn: int) -> None:
    """Training run scheduled at `at` and started `late_s` seconds later; killed at the `turn`-th `step`, if given."""
    ledger_sync.FLUSH_ROWS, database.PAGE = FLUSH_ROWS, PAGE  # type: ignore[misc]  # smaller for the test
    store = open_documents(documents, keys)
    times = 0

    def report(reached: Step) -> None:
        nonlocal times
        times += reached.name == step
        if reached.name == step and times == turn:
            print(store.listed(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    begun = a_trainer(store, FolderObjects(bucket), now=at + timedelta(seconds=late_s), report=report)
    # Random ids, since a counter would give equal ids in every process.
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
