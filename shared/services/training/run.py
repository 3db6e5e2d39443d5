"""One run of the trainer: its deadline, its lease, what it is at, and the document that stays of it."""

import json
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from shared.entities import fields
from shared.errors import ArtifactError, DeadlineExceeded, InvalidField
from shared.ports import ObjectStore
from shared.services.training.lease import Lease

FOLDER: Final = "runs/"
KEPT: Final = 500
READ_USD: Final = 0.06 / 100_000
PUBLISHED: Final = "published"
REFUSED: Final = "refused"
YIELDED: Final = "yielded"
FAILED: Final = "failed"
_KB_PER_MB: Final = 1024


@dataclass(frozen=True, slots=True)
class Step:
    """A point that a run has reached.

    Attributes
    ----------
    phase : the phase it is in; `name` says where in it, the same in every run.
    message : the same for people.
    seconds : since the run began.
    """

    run_id: str
    phase: str
    name: str
    message: str
    seconds: float


Report = Callable[[Step], None]


@dataclass(slots=True, kw_only=True)
class RunDocument:
    """What stays of a run, under `runs/{run_id}.json`.

    Attributes
    ----------
    decision : `published`, `refused`, `yielded` or `failed`; `reason` says why.
    version : of the published model, "" when none was.
    phases : seconds by phase.
    rows : what the model was trained on, and how many rows were new.
    reads : documents that the store listed for it; `price_usd` what Firestore asks for them.
    metrics : model → metric → value on the latest window; `comparisons` the differences with their intervals.
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

    def to_json(self) -> bytes:
        """As stored."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse a stored document; raises `ArtifactError`."""
        try:
            document = json.loads(data)
            for name in ("scheduled_at", "started_at"):
                document[name] = fields.required_time(document, name)
            document["finished_at"] = fields.time(document, "finished_at")
            return cls(**document)
        except (ValueError, TypeError, AttributeError, InvalidField) as error:
            raise ArtifactError(f"{FOLDER}: expected the document of a run: {error}") from error


class Run:
    """What every phase of a run is given.

    Parameters
    ----------
    document : filled in on the way.
    lease : renewed on the way.
    clock : says what time it is.
    deadline : when the run must have ended; it stops itself then rather than being stopped.
    report : is told every step.
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
        """Renew the lease where due; raises `DeadlineExceeded` or, when another run took over, `Conflict`."""
        if self.clock() >= self._deadline:
            raise DeadlineExceeded(
                f"run {self.document.run_id}: in phase {self._phase} at its deadline, stopped itself"
            )
        self._lease.renew()

    def left_s(self) -> float:
        """Seconds until the deadline."""
        return (self._deadline - self.clock()).total_seconds()

    def step(self, name: str, message: str) -> None:
        """Say how far it is, and go on only if it may."""
        self._report(
            Step(self.document.run_id, self._phase, name, message, round(time.perf_counter() - self._started, 3))
        )
        self.check()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Take the time of a phase."""
        self._phase, started = name, time.perf_counter()
        try:
            yield
        finally:
            taken = self.document.phases.get(name, 0.0) + time.perf_counter() - started
            self.document.phases[name] = round(taken, 3)


def finish(objects: ObjectStore, document: RunDocument, *, now: datetime, reads: int) -> None:
    """Store the document of a run that has ended, in place of a failed attempt's; drop the oldest.

    A decision that another attempt has made meanwhile stands.
    """
    document.finished_at = now
    document.reads = reads
    document.price_usd = reads * READ_USD
    document.peak_memory_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KB_PER_MB, 1)
    name = f"{FOLDER}{document.run_id}.json"
    before = objects.read(name)
    if before and RunDocument.from_json(before.data).decision != FAILED:
        return
    objects.write(name, document.to_json(), generation=before.generation if before else 0)
    stored = [one for one in objects.names(FOLDER) if one[len(FOLDER) :][:1].isdigit()]
    for old in stored[:-KEPT]:
        objects.delete(old)


def finished(objects: ObjectStore, run_id: str) -> RunDocument | None:
    """The document of a run that came to a decision; None when it has yet to be made, again after a failure."""
    blob = objects.read(f"{FOLDER}{run_id}.json")
    if blob is None:
        return None
    document = RunDocument.from_json(blob.data)
    return document if document.decision != FAILED else None
