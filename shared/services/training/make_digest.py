"""Making of a digest: ledger update, sample of whole users, sums as of all times that a training asks for."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from shared.errors import ArtifactError, InvalidField
from shared.feedback.drawing import last_bucket
from shared.learning.replay import MAX_LEARNED
from shared.ledger.digest import BOOKINGS, FOLDER, SUMS, Digest, encode, fingerprint
from shared.ledger.index import INTERACTIONS, USERS, Chunk
from shared.monitoring.bookings import week_of
from shared.ports import Digester, Reduction
from shared.services import registry
from shared.services.training import digests
from shared.services.training.lease import Lease
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.ledger_update import update, warn_if_large
from shared.services.training.retrain import Trainer
from shared.services.training.run import Run, RunDocument

if TYPE_CHECKING:
    import pyarrow as pa

DEADLINE: Final = timedelta(hours=12)
"""Time limit of a digest, which no function makes: a job may take a day on Cloud Run."""


def make_digest(
    trainer: Trainer,
    digester: Digester,
    *,
    now: datetime,
    keep_days: int | None = None,
    deadline: timedelta = DEADLINE,
    max_learned: int = MAX_LEARNED,
) -> Digest:
    """Digest of the ledger as of `now`, after an update of the ledger; the one before is deleted.

    Raises `Conflict` while a training or another digest runs, and where one has run meanwhile.

    Parameters
    ----------
    keep_days : days after which interactions expire, see `Settings`.
    max_learned : limit of the interactions of the sample.
    """
    began, run_id = trainer.clock(), f"{now:%Y%m%dT%H%M%SZ}"
    document = RunDocument(run_id=run_id, scheduled_at=now, started_at=began)
    lease = Lease.take(trainer.objects, run_id, trainer.clock)
    running = Run(document, lease, clock=trainer.clock, deadline=began + deadline, report=trainer.report)
    try:
        running.step("lease taken", f"digest {run_id} begins")
        files = update(
            trainer.documents,
            trainer.objects,
            running,
            new_id=trainer.new_id,
            now=now,
            keep_days=keep_days,
        )
        if digester.holds_all:
            warn_if_large(files, running, "--engine duckdb and spark need less")
        with running.phase("digest"), digester.reduce(files.ledger, now) as reduction:
            making = _Making(trainer, running, files, reduction, now)
            made = making.digest(digester.name, max_learned)
        digests.publish(trainer.objects, made)
    finally:
        lease.release()
    running.report("digest made", f"digest of {made.interactions:,} interactions as of {run_id}, by {made.engine}")
    return made


class _Making:
    def __init__(self, trainer: Trainer, running: Run, files: LedgerFiles, reduction: Reduction, now: datetime) -> None:
        self._trainer = trainer
        self._run = running
        self._files = files
        self._reduction = reduction
        self._now = now
        self._folder = f"{FOLDER}{running.document.run_id}-{trainer.new_id()}/"

    def digest(self, engine: str, max_learned: int) -> Digest:
        reduction, week = self._reduction, week_of(self._now)
        counts = reduction.counts()
        last = last_bucket(counts.by_bucket, max_learned)
        self._run.step("users counted", f"{int(counts.by_bucket.sum()):,} interactions to learn from")
        stored = {
            INTERACTIONS: self._stored(INTERACTIONS, reduction.interactions(last)),
            USERS: self._stored(USERS, reduction.users(last)),
        }
        self._run.step("users drawn", f"drew {stored[INTERACTIONS].rows:,} interactions of whole users")
        made = Digest(
            now=self._now,
            made_at=self._now,
            engine=engine,
            ledger=fingerprint(self._files.ledger),
            cutoff=None,
            moments=[self._now],
            week=week,
            last_bucket=last,
            interactions=int(counts.by_bucket.sum()),
            profiles=counts.profiles,
            profiled=counts.profiled,
            mended=counts.mended,
            dropped=counts.dropped,
            files=stored,
        )
        # The sample is not kept: an engine may need the memory.
        cutoff = digests.sample_cutoff(self._files, made)
        moments = list(dict.fromkeys([self._now, *self._judged_from(cutoff)]))
        stored[SUMS] = self._stored(SUMS, reduction.sums(moments), moments)
        self._run.step("events summed", f"summed {stored[SUMS].rows:,} half-lives of events")
        stored[BOOKINGS] = self._stored(BOOKINGS, reduction.bookings(week))
        self._run.step("bookings summed", f"summed {stored[BOOKINGS].rows:,} weeks of events")
        return replace(made, files=stored, cutoff=cutoff, moments=moments, made_at=self._trainer.clock())

    def _judged_from(self, cutoff: datetime | None) -> list[datetime]:
        """Times from which on models may be judged: the cutoff, and the training of the model in service after it."""
        if cutoff is None:
            return []
        blob = self._trainer.objects.read(registry.POINTER)
        with suppress(ArtifactError, InvalidField):
            # A model that cannot be read is not compared to.
            if blob:
                version = registry.Pointer.from_json(blob.data).version
                trained_at = registry.read_manifest(self._trainer.objects, version).trained_at
                return [cutoff, trained_at] if trained_at > cutoff else [cutoff]
        return [cutoff]

    def _stored(self, name: str, table: "pa.Table", moments: Sequence[datetime] = ()) -> Chunk:
        data = encode(name, table, moments)
        chunk = Chunk(f"{self._folder}{name}.parquet", len(table), len(data))
        self._files.write(chunk.name, data)
        return chunk
