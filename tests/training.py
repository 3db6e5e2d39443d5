"""Training runs on stores as in the scheduled function, with the smoke test in the same process."""

from collections.abc import Callable
from datetime import datetime
from itertools import count

from shared.models.artifact import Manifest
from shared.ports import Documents, ObjectStore
from shared.services import registry
from shared.services.training import smoke_test
from shared.services.training.retrain import Plan, Trainer, retrain
from shared.services.training.run import PUBLISHED, Report, RunDocument
from tests.examples import NOW

_numbers = count(1)


def _quiet(_: object) -> None:
    pass


def a_trainer(
    documents: Documents, objects: ObjectStore, *, now: datetime = NOW, report: Report = _quiet, suffix: str = ""
) -> Trainer:
    """Trainer with a clock fixed at `now`."""
    return Trainer(
        documents=documents,
        objects=objects,
        clock=lambda: now,
        new_id=lambda: suffix or f"x{next(_numbers):07}",
        run_smoke_test=smoke_test.answer,
        report=report,
    )


def run(
    documents: Documents,
    objects: ObjectStore,
    *,
    model: str = "popularity",
    now: datetime = NOW,
    report: Report = _quiet,
    challengers_s: float = 0.0,
) -> RunDocument:
    """Training run at `now`; challengers take part only if `challengers_s` is positive."""
    plan = Plan(model=model, half_life_days=90.0, challengers_s=challengers_s)
    return retrain(a_trainer(documents, objects, now=now, report=report), plan, scheduled_at=now)


def train(
    documents: Documents,
    objects: ObjectStore,
    *,
    model: str = "popularity",
    now: datetime = NOW,
    suffix: str = "",
    half_life_days: float = 90.0,
    progress: Callable[[str], None] = _quiet,
) -> Manifest:
    """Training run that must publish; returns the manifest of the published version."""
    trainer = a_trainer(documents, objects, now=now, report=lambda step: progress(step.message), suffix=suffix)
    plan = Plan(model=model, half_life_days=half_life_days, challengers_s=0)
    document = retrain(trainer, plan, scheduled_at=now)
    assert document.decision == PUBLISHED, document.reason
    return registry.read_manifest(objects, document.version)
