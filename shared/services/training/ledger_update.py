"""Update of the ledger: what a training and a digest do before they read it."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from shared.feedback.retention import kept_since
from shared.ledger.index import INTERACTIONS
from shared.ports import Documents, ObjectStore
from shared.services.training import digests
from shared.services.training.ledger_compaction import drop_expired, drop_users, merge
from shared.services.training.ledger_sync import LedgerFiles, catch_up
from shared.services.training.run import Run

TOO_LARGE: Final = "ledger too large"
"""Name of the step that warns of a ledger which may not fit into memory."""

MAX_IN_MEMORY: Final = 10_000_000
"""Number of interactions up to which holding them in memory was measured, see docs/scale.md."""


def update(
    documents: Documents,
    objects: ObjectStore,
    run: Run,
    *,
    new_id: Callable[[], str],
    now: datetime,
    keep_days: int | None,
    reread: bool = False,
) -> LedgerFiles:
    """Ledger with all documents of the store, without the expired and the forgotten; leftovers are deleted.

    Parameters
    ----------
    keep_days : days after which interactions expire, see `Settings`.
    reread : whether to read all documents again into a new ledger.
    """
    since = kept_since(keep_days, now)
    with run.phase("read"):
        files = LedgerFiles(objects, anew=reread)
        catch_up(documents, files, run, new_id=new_id, kept_since=since)
    with run.phase("compact"):
        if since:
            drop_expired(files, run, since, new_id=new_id)
        drop_users(files, run, documents.personal.forgotten(), new_id=new_id)
        merge(files, run, new_id=new_id)
        swept = files.sweep() + digests.sweep(objects, files.ledger)
        run.step("ledger compacted", f"the ledger has {len(files.ledger.names())} files; deleted {swept}")
    return files


def warn_if_large(files: LedgerFiles, run: Run, remedy: str) -> None:
    """Warning, as a step, before all interactions of a ledger are held in memory: afterwards none might follow."""
    rows = files.ledger.feeds[INTERACTIONS].rows
    if rows > MAX_IN_MEMORY:
        run.step(TOO_LARGE, f"{rows:,} interactions are held in memory, some 0.2 GB a million; {remedy}")
