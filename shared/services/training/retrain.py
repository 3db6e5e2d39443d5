"""Training pipeline: ledger sync, forecast, model selection, drift, fit, smoke test, publication. Safe to repeat."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from shared.catalog.calendar import Calendar
from shared.entities import KeySource
from shared.entities.prices import Prices
from shared.errors import ArtifactError, Conflict, InvalidField, MarqueeError
from shared.evaluation.ratings import evaluate_ratings
from shared.models.artifact import Manifest, describe, digest, pack
from shared.ports import Documents, ObjectStore
from shared.ranking.recommender import Recommender
from shared.selection import drift
from shared.services import forecasts, registry
from shared.services.experiments import versions_of
from shared.services.training import digests, run, smoke_test
from shared.services.training.dataset import HOLDOUT_SHARE, TrainingSet
from shared.services.training.drift import measure
from shared.services.training.lease import Lease
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.ledger_update import update, warn_if_large
from shared.services.training.model_selection import ChampionChallenger, Selection, Served
from shared.services.training.run import Report, Run, RunDocument

DEADLINE: Final = timedelta(minutes=25)
"""Time limit of a run, below the 30 minutes in `functions.yaml` after which the platform stops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Configuration of a training.

    Attributes
    ----------
    model : the champion, one of `MODELS`, which is selected unless a challenger is better beyond the confidence
        interval.
    half_life_days : half-life of an interaction's confidence, see `Settings`.
    challengers_s : seconds for fits of model selection, the champion's included; after that no challenger begins.
    deadline : time limit of the run, after which it stops itself.
    reread : whether to read all documents again into a new ledger.
    from_digest : whether to learn from the digest in the bucket, as of its time, without reading new documents.
    keep_days : days after which interactions expire, see `Settings`; older ones leave the ledger and are not learned.
    calendar : local time of the events, for training and for the model in service.
    has_friends : whether models weigh the mutual friends who go to an event, see `Settings`.
    prices : prices by which the run document says what the reads cost.
    """

    model: str
    half_life_days: float
    challengers_s: float = 60.0
    deadline: timedelta = DEADLINE
    reread: bool = False
    from_digest: bool = False
    keep_days: int | None = None
    calendar: Calendar = field(default_factory=Calendar)
    has_friends: bool = False
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """Dependencies of a training.

    Attributes
    ----------
    documents : the document store, which is only read.
    objects : the bucket of the ledger, the models and the run documents.
    clock : gives the current time, aware and in UTC.
    new_id : gives a unique id, for names of files and versions.
    run_smoke_test : runs `smoke_test.answer` in a process of its own.
    report : callback for each step.
    keys : source of the deployment's keys, which verify what lists say of exploration; None to leave that out.
    """

    documents: Documents
    objects: ObjectStore
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    run_smoke_test: smoke_test.RunSmokeTest
    report: Report
    keys: KeySource | None = None


def retrain(trainer: Trainer, plan: Plan, *, scheduled_at: datetime) -> RunDocument:
    """Training run as of `scheduled_at`, its idempotency key: a run with a decision is not repeated.

    A run yields while another one holds the lease. A failed run may be repeated and continues where it stopped.
    """
    objects, began = trainer.objects, trainer.clock()
    run_id = f"{scheduled_at:%Y%m%dT%H%M%SZ}"
    if done := run.finished(objects, run_id):
        return done
    document = RunDocument(run_id=run_id, scheduled_at=scheduled_at, started_at=began)
    try:
        lease = Lease.take(objects, run_id, trainer.clock)
    except Conflict as error:
        document.decision, document.reason = run.YIELDED, str(error)
        return document
    running = Run(document, lease, clock=trainer.clock, deadline=began + plan.deadline, report=trainer.report)
    try:
        # Another attempt may have finished the run between the first check and the lease.
        if done := run.finished(objects, run_id):
            return done
        _recorded(trainer, plan, running)
    finally:
        # Whatever fails, even storing the document: the next run must not wait for the lease to expire.
        lease.release()
    running.report("run finished", f"{document.decision}: {document.reason}")
    return document


def _recorded(trainer: Trainer, plan: Plan, running: Run) -> None:
    """Training run whose document is stored on success as well as on failure."""
    document, listed_before = running.document, trainer.documents.listed()
    try:
        running.step("lease taken", f"run {document.run_id} begins")
        _Training(trainer, plan, running).perform()
    except MarqueeError as error:
        document.decision, document.reason = run.FAILED, error.for_log()
        raise
    finally:
        reads = trainer.documents.listed() - listed_before
        run.finish(trainer.objects, document, now=trainer.clock(), reads=reads, prices=plan.prices)


class _Training:
    def __init__(self, trainer: Trainer, plan: Plan, running: Run) -> None:
        self._trainer = trainer
        self._objects = trainer.objects
        self._plan = plan
        self._run = running
        self._document = running.document
        self._now = running.document.scheduled_at

    def perform(self) -> None:
        if self._was_published():
            return
        files = self._files()
        with self._run.phase("load"):
            training_set = self._training_set(files)
            self._document.rows |= training_set.counts()
            self._document.documents = asdict(training_set.odd.named(self._trainer.documents.names))
            self._run.step("ledger loaded", f"loaded {len(training_set.table):,} interactions")
        with self._run.phase("forecast"):
            made = forecasts.update(self._objects, training_set.totals.bookings, training_set.catalog, now=self._now)
            told = f"forecast bookings from {made.week} on" if made else "the week's forecast is stored already"
            self._run.step("bookings forecast", told)
        served = self._served()
        with self._run.phase("trial"):
            comparison = ChampionChallenger(
                self._plan.model,
                half_life_days=self._plan.half_life_days,
                challengers_s=self._plan.challengers_s,
                running=self._run,
                keys=self._trainer.keys,
            )
            selection = comparison.run(training_set, served)
        self._document.metrics = {name: scores.metrics() for name, scores in selection.scores.items()}
        ratings = evaluate_ratings(training_set.table.before(self._now), len(training_set.catalog), share=HOLDOUT_SHARE)
        if ratings["ratings"]:
            self._document.metrics = {**self._document.metrics, "ratings": ratings}
        if training_set.reviews:
            self._document.metrics = {**self._document.metrics, "reviews": training_set.reviews}
        self._document.comparisons = selection.comparisons()
        with self._run.phase("drift"):
            incumbent = selection.scores.get("served")
            if served and incumbent:
                try:
                    self._document.drift = measure(training_set, served, incumbent, now=self._now)
                except InvalidField as error:
                    self._run.step("references unreadable", f"drift of the model in service is unknown: {error}")
            self._run.step("drift measured", f"drift: {self._document.drift.get('verdict', 'no model to compare to')}")
        reason = "; ".join([*selection.notes, selection.verdict.reason])
        if not selection.verdict.publish:
            self._decide(run.REFUSED, reason)
            return
        with self._run.phase("fit"):
            recommender = training_set.fit(selection.model, self._now, half_life_days=self._plan.half_life_days)
            self._run.step("model fitted", f"fitted {selection.model}")
        with self._run.phase("check"):
            manifest, packed = self._packed(recommender, selection, training_set, files)
            profiles = smoke_test.questions(training_set.table, training_set.catalog, training_set.users)
            problem = smoke_test.check(recommender, manifest, packed, profiles, self._trainer.run_smoke_test)
            self._run.step("model checked", problem or "the model answers in a fresh process")
        if problem:
            self._decide(run.REFUSED, problem)
            return
        with self._run.phase("publish"):
            self._publish(manifest, packed, reason)

    def _was_published(self) -> bool:
        """Recovery check: True when an earlier attempt of this run moved the pointer before it was killed."""
        blob = self._objects.read(registry.POINTER)
        try:
            version = registry.Pointer.from_json(blob.data).version if blob else ""
        except ArtifactError:
            # Publishing replaces a damaged pointer.
            return False
        if not version.startswith(f"{self._document.run_id}-"):
            return False
        manifest = registry.read_manifest(self._objects, version)
        self._document.version = version
        self._document.rows, self._document.metrics = dict(manifest.counts), manifest.metrics
        self._decide(run.PUBLISHED, "published by an attempt that was cut short after it")
        return True

    def _files(self) -> LedgerFiles:
        if self._plan.from_digest:
            return LedgerFiles(self._objects)
        return update(
            self._trainer.documents,
            self._objects,
            self._run,
            new_id=self._trainer.new_id,
            now=self._now,
            keep_days=self._plan.keep_days,
            reread=self._plan.reread,
        )

    def _training_set(self, files: LedgerFiles) -> TrainingSet:
        calendar, has_friends = self._plan.calendar, self._plan.has_friends
        if not self._plan.from_digest:
            warn_if_large(files, self._run, "a training from a digest needs less")
            return TrainingSet.of_ledger(files, now=self._now, calendar=calendar, has_friends=has_friends)
        digested = digests.current(self._objects, files.ledger, now=self._trainer.clock())
        forgotten = self._trainer.documents.personal.forgotten()
        return digests.training_set(files, digested, forgotten, calendar=calendar, has_friends=has_friends)

    def _served(self) -> Served | None:
        blob = self._objects.read(registry.POINTER)
        if blob is None:
            return None
        try:
            return registry.load_version(self._objects, registry.Pointer.from_json(blob.data).version)
        except (ArtifactError, InvalidField) as error:
            self._run.step(
                "model in service unreadable", f"the model in service cannot be compared to: {error.for_log()}"
            )
            return None

    def _packed(
        self, recommender: Recommender, selection: Selection, training_set: TrainingSet, files: LedgerFiles
    ) -> tuple[Manifest, bytes]:
        arrays = recommender.to_arrays()
        packed = pack(arrays)
        listed = selection.scores[selection.model].listed if selection.model in selection.scores else np.empty(0)
        table, catalog, recent = training_set.table, training_set.catalog, training_set.totals.recent()
        references = drift.references(table, catalog, listed, self._now.timestamp(), recent)
        manifest = Manifest(
            version=f"{self._now:%Y%m%dT%H%M%SZ}-{self._trainer.new_id()[:8]}",
            model=selection.model,
            trained_at=self._now,
            # The model holds nothing that was stamped after `now`, however late it was read.
            watermark=training_set.watermark and min(training_set.watermark, self._now),
            sha256=digest(packed),
            arrays=describe(arrays),
            counts=training_set.counts(),
            metrics=self._document.metrics,
            details={
                **recommender.scorer.report(),
                "references": references,
                "ledger": {name: asdict(feed) for name, feed in files.ledger.feeds.items()},
            },
        )
        return manifest, packed

    def _publish(self, manifest: Manifest, packed: bytes, reason: str) -> None:
        self._run.step("publishing", f"uploads {manifest.version}, {len(packed):,} bytes")
        refusal = registry.publish(
            self._objects,
            manifest,
            packed,
            began=self._document.started_at,
            uploaded=lambda: self._run.step("version uploaded", f"uploaded {manifest.version}"),
        )
        if refusal:
            self._decide(run.YIELDED, refusal)
            return
        self._document.version = manifest.version
        self._decide(run.PUBLISHED, reason)
        self._run.step("pointer moved", f"published {manifest.version}")
        for version in registry.prune(self._objects, named=self._named):
            self._run.step("version pruned", f"deleted {version}")

    def _named(self) -> set[str]:
        """Versions that experiments name."""
        return versions_of(list(self._trainer.documents.experiments.ending_after(self._trainer.clock())))

    def _decide(self, decision: str, reason: str) -> None:
        self._document.decision, self._document.reason = decision, reason
