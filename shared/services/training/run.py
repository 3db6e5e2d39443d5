"""Training run: deadline, lease, progress steps, and the run document that is stored at its end."""

import json
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.prices import Prices, Usage
from shared.entities.stored import read_object, required, required_numbers
from shared.errors import ArtifactError, DeadlineExceeded, InvalidField
from shared.monitoring.report import plain_json
from shared.ports import Blob, ObjectStore
from shared.services.training.lease import Lease

FOLDER: Final = "runs/"
KEPT: Final = 500
"""Run documents that are kept; older ones are deleted."""

PUBLISHED: Final = "published"
REFUSED: Final = "refused"
YIELDED: Final = "yielded"
FAILED: Final = "failed"
_DECISIONS: Final = (PUBLISHED, REFUSED, YIELDED, FAILED)
_NUMBERS: Final = ("reads", "price_usd", "peak_memory_mb")
_FIELDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("run_id", "decision", "reason", "version"), str),
    **dict.fromkeys(("phases", "rows", "metrics", "comparisons", "drift"), dict),
}
"""Types of the fields of a stored run document."""
_KB_PER_MB: Final = 1024


@dataclass(frozen=True, slots=True)
class Step:
    """Progress step of a run.

    Attributes
    ----------
    phase : phase of the run.
    name : name of the step in its phase, constant over runs.
    message : description of the step for people.
    seconds : time since the run began.
    """

    run_id: str
    phase: str
    name: str
    message: str
    seconds: float


Report = Callable[[Step], None]
"""Progress callback of a run, called with each step."""


@dataclass(slots=True, kw_only=True)
class RunDocument:
    """Run document: record of a training run, stored under `runs/{run_id}.json`.

    Attributes
    ----------
    decision : `published`, `refused`, `yielded` or `failed`; `reason` explains it.
    version : version of the published model, "" when none was published.
    phases : seconds by phase.
    rows : numbers of rows that the model was trained on, and of new rows by feed.
    reads : documents read by the run's list queries; `price_usd` is what Firestore charges for them.
    peak_memory_mb : peak resident memory of the process in MB.
    metrics : model → metric → value on the holdout.
    comparisons : metric differences between models with confidence intervals.
    drift : verdict and findings of drift detection, empty without an incumbent.
    documents : odd documents that the ledger holds, an `OddDocuments` as JSON; empty if the run ended before it.
    """

    run_id: str
    scheduled_at: datetime
    started_at: datetime
    finished_at: datetime | None = None
    decision: str = FAILED
    reason: str = ""
    version: str = ""
    phases: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    reads: int = 0
    price_usd: float = 0.0
    peak_memory_mb: float = 0.0
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    comparisons: Mapping[str, Any] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Stored form, UTF-8 JSON."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1, sort_keys=True).encode()

    def to_document(self) -> dict[str, Any]:
        """JSON object; numbers that are not finite are null."""
        plain: dict[str, Any] = plain_json(asdict(self))
        return plain

    @classmethod
    def from_json(cls, data: bytes, name: str = FOLDER) -> Self:
        """Run document from the JSON stored under `name`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, name, cls._from_document)

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        for name, kind in _FIELDS.items():
            required(document, name, kind)
        # Runs of earlier versions did not report it.
        document = {"documents": {}, **document}
        required(document, "documents", dict)
        if document["decision"] not in _DECISIONS:
            raise InvalidField("decision", document["decision"], f"one of {', '.join(_DECISIONS)}")
        required_numbers({"numbers": {name: document.get(name) for name in _NUMBERS}}, "numbers")
        for name in ("phases", "rows"):
            required_numbers(document, name)
        for model in document["metrics"]:
            required_numbers(document["metrics"], model)
        times = {name: fields.required_time(document, name) for name in ("scheduled_at", "started_at")}
        return cls(**{**document, **times, "finished_at": fields.time(document, "finished_at")})


class Run:
    """Context of a training run, shared by its phases.

    Parameters
    ----------
    document : run document, filled in by the phases.
    lease : lease of the trainer, renewed at each check.
    clock : gives the current time, aware and in UTC.
    deadline : time at which the run stops itself, before the platform stops it.
    report : callback for each step.
    """

    def __init__(
        self,
        document: RunDocument,
        lease: Lease,
        *,
        clock: Callable[[], datetime],
        deadline: datetime,
        report: Report,
    ) -> None:
        self.document = document
        self.clock = clock
        self._lease = lease
        self._deadline = deadline
        self._report = report
        self._started = time.perf_counter()
        self._phase = "start"

    def check(self) -> None:
        """Deadline check and lease renewal; raises `DeadlineExceeded` or, when another run took over, `Conflict`."""
        if self.clock() >= self._deadline:
            raise DeadlineExceeded(
                f"run {self.document.run_id}: in phase {self._phase} at its deadline, stopped itself"
            )
        self._lease.renew()

    def left_s(self) -> float:
        """Time until the deadline, in seconds."""
        return (self._deadline - self.clock()).total_seconds()

    def step(self, name: str, message: str) -> None:
        """Progress report of a step, followed by `check`, which may end the run."""
        self.report(name, message)
        self.check()

    def report(self, name: str, message: str) -> None:
        """Progress report without `check`, for a step after which the run must not end."""
        self._report(
            Step(self.document.run_id, self._phase, name, message, round(time.perf_counter() - self._started, 3))
        )

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Timer of a phase: adds its duration to the run document."""
        self._phase, started = name, time.perf_counter()
        try:
            yield
        finally:
            taken = self.document.phases.get(name, 0.0) + time.perf_counter() - started
            self.document.phases[name] = round(taken, 3)


def finish(objects: ObjectStore, document: RunDocument, *, now: datetime, reads: int, prices: Prices) -> None:
    """Storage of a finished run's document, in place of a failed attempt's; deletes the oldest beyond `KEPT`.

    A decision that another attempt of the run has stored meanwhile is not replaced.
    """
    document.finished_at = now
    document.reads = reads
    document.price_usd = Usage(reads=reads).usd(prices)
    document.peak_memory_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KB_PER_MB, 1)
    name = f"{FOLDER}{document.run_id}.json"
    before = objects.read(name)
    if _decided(before, name):
        return
    objects.write(name, document.to_json(), generation=before.generation if before else 0)
    stored = [name for name in objects.names(FOLDER) if name[len(FOLDER) :][:1].isdigit()]
    for name in stored[:-KEPT]:
        objects.delete(name)


def newest(objects: ObjectStore, *, until: datetime | None = None) -> Iterator[RunDocument]:
    """Run documents of the trainings that were scheduled before `until`, newest first; for None of all.

    Those that cannot be read are left out: no training wrote them.
    """
    end = f"{until:%Y%m%dT%H%M%SZ}" if until else "~"
    for name in reversed(objects.names(FOLDER)):
        if name[len(FOLDER) :] >= end or not name.endswith(".json"):
            continue
        blob = objects.read(name)
        try:
            if blob:
                yield RunDocument.from_json(blob.data, name)
        except ArtifactError:
            continue


def finished(objects: ObjectStore, run_id: str) -> RunDocument | None:
    """Run document of a run with a decision; None for one that is missing, damaged or failed and may be repeated."""
    name = f"{FOLDER}{run_id}.json"
    return _decided(objects.read(name), name)


def _decided(blob: Blob | None, name: str) -> RunDocument | None:
    try:
        document = RunDocument.from_json(blob.data, name) if blob else None
    except ArtifactError:
        # No run wrote this object; the run that has its name replaces it.
        return None
    return document if document and document.decision != FAILED else None
