"""Composition root: the only module that creates adapters, once per instance, on first use."""

import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from functions import THREADS
from functions.capacity import Capacity
from shared.adapters.identity import FirebaseIdentity
from shared.adapters.keys import StoredKeys
from shared.adapters.process import run_smoke_test
from shared.adapters.stores import DOCUMENTS, LOCAL, OBJECTS, open_documents, open_objects
from shared.catalog.calendar import Calendar
from shared.entities import Experiment, KeySource
from shared.errors import SettingsError
from shared.models.registry import MODELS
from shared.ports import Documents, Identity, ObjectStore
from shared.schema import FILE
from shared.services.ingest.quota import Quota, VisitorQuota
from shared.services.ingest.upgrade import Registers
from shared.services.monitoring.telemetry import Telemetry
from shared.services.serving.context import ServingContext
from shared.services.serving.snapshot import Serving
from shared.settings import Settings

if TYPE_CHECKING:  # only trainings and reports need them
    from shared.services.monitoring.reports import Reporter
    from shared.services.training.retrain import Trainer
    from shared.services.training.run import Report
    from shared.services.training.smoke_test import RunSmokeTest

CONFIG: Final = Path(__file__).parents[1] / FILE
"""Configuration file of the deployment, beside `main.py`."""
MAX_SENT: Final = 2_000
"""Rate limit: interactions that an instance accepts from a user or visitor within `SENT_IN`."""
MAX_SENT_BY_ADDRESS: Final = 4_000
"""Rate limit of visitors and anonymous accounts: interactions that an instance accepts from a network address."""
MAX_SENT_BY_HOSTING: Final = 20_000
"""Rate limit of all visitors and anonymous accounts who call through Firebase Hosting, together."""
MAX_SENT_BY_VISITORS: Final = 40_000
"""Rate limit of all visitors and anonymous accounts together."""
SENT_IN: Final = timedelta(minutes=10)
"""Period of the rate limits."""
MAX_WAITING: Final = max(THREADS * 3 // 4, 1)
"""Calls at once that cannot be answered without a store; the other threads stay free for lists and health."""


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid.uuid4().hex


def _seed() -> int:
    return secrets.randbits(32)


@dataclass(frozen=True, slots=True)
class Services:
    """Services of an instance: everything that a function needs besides its request.

    Attributes
    ----------
    keys : source of the deployment's keys, read on the first call.
    serving : the model, events and rules that serve requests.
    now : the clock, as aware UTC times.
    timer : stopwatch of requests, seconds from any time on.
    instance : name that no other instance has.
    new_id : generator of ids of runs.
    seed : generator of the random numbers of requests, 0..2^32 − 1.
    run_smoke_test : runs the smoke test of a new model.
    quota : the rate limit of stored interactions, by user.
    visitor_quota : the rate limits of those who have no account, by visitor, by network address and in all.
    capacity : room for calls that need a store, see `MAX_WAITING`.
    registers : whether the store counts states in registers, as it does once it is upgraded.
    telemetry : figures of the requests that this instance answers.
    """

    settings: Settings
    documents: Documents
    objects: ObjectStore
    keys: KeySource
    serving: Serving
    identity: Identity
    now: Callable[[], datetime] = field(default=_now)
    timer: Callable[[], float] = field(default=time.perf_counter)
    instance: str = field(default_factory=_new_id)
    new_id: Callable[[], str] = field(default=_new_id)
    seed: Callable[[], int] = field(default=_seed)
    run_smoke_test: "RunSmokeTest" = field(default=run_smoke_test)
    quota: Quota = field(default_factory=lambda: Quota(MAX_SENT, SENT_IN))
    visitor_quota: VisitorQuota = field(
        default_factory=lambda: VisitorQuota(
            MAX_SENT, MAX_SENT_BY_ADDRESS, MAX_SENT_BY_HOSTING, MAX_SENT_BY_VISITORS, SENT_IN
        )
    )
    capacity: Capacity = field(default_factory=lambda: Capacity(MAX_WAITING))
    registers: Registers = field(init=False)
    telemetry: Telemetry = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "registers", Registers(self.documents))
        telemetry = Telemetry(
            self.objects,
            clock=self.now,
            listed=self.documents.listed,
            live=self.serving.live_events,
            instance=self.instance,
        )
        object.__setattr__(self, "telemetry", telemetry)

    def context(self) -> ServingContext:
        """Serving context of a request, from which lists are made."""
        settings = self.settings
        return ServingContext(
            self.serving,
            self.documents,
            self.now,
            settings.deadline_s,
            settings.keep_days,
            has_friends=settings.has_friends,
            exploration=settings.exploration,
        )


def reporter(wired: Services, experiments: "Sequence[Experiment]") -> "Reporter":
    """Reporter of daily reports with these services, and of these experiments."""
    # Only the scheduled job and the report need it.
    from shared.services.monitoring.reports import Reporter

    return Reporter(
        objects=wired.objects,
        dead_letters=wired.documents.dead_letters,
        prices=wired.settings.prices,
        experiments=experiments,
    )


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings of an environment; raises `SettingsError` also for unknown kinds of stores and unknown models."""
    return Settings.from_environ(
        environ, read_config=read_config, documents=DOCUMENTS, objects=OBJECTS, local=LOCAL, models=MODELS
    )


def read_config(path: str) -> str:
    """Text of the configuration file at a path; for "" of the one beside `main.py`, which may be left out.

    Raises `SettingsError` for a file that cannot be read.
    """
    file = Path(path) if path else CONFIG
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        if not path:
            return ""
        raise SettingsError(f"MARQUEE_CONFIG: expected the path of a file, got {path!r}, which is not there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name}: expected a file of UTF-8 text, got {error}") from error


def calendar(settings: Settings) -> Calendar:
    """Local time of a deployment's events, as its settings say."""
    return Calendar(settings.timezone, settings.assumed_hours)


def build(settings: Settings) -> Services:
    """Services with the stores that the settings name."""
    objects = open_objects(settings.objects)
    keys = StoredKeys(objects)
    documents = open_documents(settings.documents, keys, settings.schema, settings.timezone)
    return Services(
        settings=settings,
        keys=keys,
        documents=documents,
        objects=objects,
        serving=Serving(
            documents,
            objects,
            refresh_s=settings.refresh_s,
            deadline_s=settings.deadline_s,
            calendar=calendar(settings),
            keys=keys.made,
        ),
        identity=FirebaseIdentity(settings.project, admins=settings.admins),
    )


def trainer(wired: Services, report: "Report") -> "Trainer":
    """Trainer with these services."""
    # Most instances answer requests and never train.
    from shared.services.training.retrain import Trainer

    # Made by now at the latest, so that the ids of the lists of the first model are signed.
    wired.keys()
    return Trainer(
        documents=wired.documents,
        objects=wired.objects,
        clock=wired.now,
        new_id=wired.new_id,
        run_smoke_test=wired.run_smoke_test,
        report=report,
        keys=wired.keys,
    )


_current: Services | None = None


def services() -> Services:
    """Services of this instance, built from the environment on the first call."""
    global _current
    if _current is None:
        _current = build(read_settings(os.environ))
    return _current


@contextmanager
def use(replacement: Services) -> Iterator[Services]:
    """Service replacement for tests: functions use `replacement` inside the `with` block."""
    global _current
    before, _current = _current, replacement
    try:
        yield replacement
    finally:
        _current = before
