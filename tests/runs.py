"""Training runs for tests: a manual clock, a lease and recorded steps."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from shared.ports import ObjectStore
from shared.services.training.lease import LEASE, Lease
from shared.services.training.run import Run, RunDocument, Step
from tests.examples import NOW


@dataclass
class Watch:
    """Manual clock."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Steps:
    """Recorder of the steps that a run reports."""

    taken: list[Step] = field(default_factory=list)

    def __call__(self, step: Step) -> None:
        self.taken.append(step)

    def names(self) -> list[str]:
        return [step.name for step in self.taken]


_numbers = count(1)


def new_id() -> str:
    """Unique id."""
    return f"id{next(_numbers):06}"


def a_run(objects: ObjectStore, *, now: datetime = NOW, report: Steps | None = None, minutes: float = 25) -> Run:
    """Training run that has just started and holds the lease."""
    watch = Watch(now)
    run_id = f"{now:%Y%m%dT%H%M%SZ}"
    objects.delete(LEASE)
    document = RunDocument(run_id=run_id, scheduled_at=now, started_at=now)
    deadline = now + timedelta(minutes=minutes)
    return Run(document, Lease.take(objects, run_id, watch), clock=watch, deadline=deadline, report=report or Steps())
