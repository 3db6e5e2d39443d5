"""Runs of the trainer for tests: a clock that stands still, a lease, and the steps that were told."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from shared.ports import ObjectStore
from shared.services.training.lease import LEASE, Lease
from shared.services.training.run import Run, RunDocument, Step
from tests.examples import NOW


@dataclass
class Watch:
    """A clock that tests set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Steps:
    """Remembers what a run told."""

    taken: list[Step] = field(default_factory=list)

    def __call__(self, step: Step) -> None:
        self.taken.append(step)

    def names(self) -> list[str]:
        return [step.name for step in self.taken]


_numbers = count(1)


def new_id() -> str:
    """Another id each time."""
    return f"id{next(_numbers):06}"


def a_run(objects: ObjectStore, *, now: datetime = NOW, report: Steps | None = None, minutes: float = 25) -> Run:
    """A run that has just begun, holding the lease."""
    watch = Watch(now)
    run_id = f"{now:%Y%m%dT%H%M%SZ}"
    objects.delete(LEASE)
    document = RunDocument(run_id=run_id, scheduled_at=now, started_at=now)
    deadline = now + timedelta(minutes=minutes)
    return Run(document, Lease.take(objects, run_id, watch), clock=watch, deadline=deadline, report=report or Steps())
