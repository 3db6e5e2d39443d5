"""The composition root: the only place that makes adapters, once an instance, on first use."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from shared.adapters.identity import FirebaseIdentity
from shared.adapters.process import run_smoke_test
from shared.adapters.stores import DOCUMENTS, OBJECTS, open_documents, open_objects
from shared.models.registry import MODELS
from shared.ports import Documents, Identity, ObjectStore
from shared.services.ingest.quota import Quota
from shared.services.serving.context import ServingContext
from shared.services.serving.snapshot import Serving
from shared.settings import Settings

if TYPE_CHECKING:  # only trainings need them
    from shared.services.training.retrain import Trainer
    from shared.services.training.run import Report
    from shared.services.training.smoke_test import RunSmokeTest

MAX_SENT: Final = 2_000
"""Interactions that an instance takes from one user in `SENT_IN`."""
SENT_IN: Final = timedelta(minutes=10)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a function needs from outside its request."""

    settings: Settings
    documents: Documents
    objects: ObjectStore
    serving: Serving
    identity: Identity
    now: Callable[[], datetime] = field(default=_now)
    new_id: Callable[[], str] = field(default=_new_id)
    run_smoke_test: "RunSmokeTest" = field(default=run_smoke_test)
    quota: Quota = field(default_factory=lambda: Quota(MAX_SENT, SENT_IN))

    def context(self) -> ServingContext:
        """What lists are made from."""
        return ServingContext(self.serving, self.documents, self.now, self.settings.deadline_s)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings of an environment; raises `SettingsError` for a store or a model that does not exist here, too."""
    return Settings.from_environ(environ, documents=DOCUMENTS, objects=OBJECTS, models=MODELS)


def build(settings: Settings) -> Services:
    """Open the stores that the settings name."""
    documents, objects = open_documents(settings.documents), open_objects(settings.objects)
    return Services(
        settings=settings,
        documents=documents,
        objects=objects,
        serving=Serving(documents, objects, refresh_s=settings.refresh_s, deadline_s=settings.deadline_s),
        identity=FirebaseIdentity(settings.project),
    )


def trainer(wired: Services, report: "Report") -> "Trainer":
    """What a training needs of these services."""
    # Most instances answer requests and never train.
    from shared.services.training.retrain import Trainer

    return Trainer(
        documents=wired.documents,
        objects=wired.objects,
        clock=wired.now,
        new_id=wired.new_id,
        run_smoke_test=wired.run_smoke_test,
        report=report,
    )


_current: Services | None = None


def services() -> Services:
    """The services of this instance, made from the environment on the first call."""
    global _current
    if _current is None:
        _current = build(read_settings(os.environ))
    return _current


@contextmanager
def use(replacement: Services) -> Iterator[Services]:
    """Let functions see `replacement` inside a `with` block."""
    global _current
    before, _current = _current, replacement
    try:
        yield replacement
    finally:
        _current = before
