"""Fixtures of the function tests: an instance with a small city, a clock and a client."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from functions import wiring
from functions.wiring import Services
from shared.entities import EventCounts
from shared.ports import Documents
from shared.services.ingest.record import count
from shared.services.training.run import PUBLISHED
from tests import deployment, laws
from tests.deployment import Clock, Wire
from tests.examples import DAY, NOW, an_interaction
from tests.stores import copied, documents

ALL = {event.event_id for event in laws.city().events if event.starts_at and event.starts_at > NOW}
"""Ids of the events that are still to come."""

settings.register_profile("marquee", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marquee")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def city() -> Iterator[Documents]:
    """Documents of the city, which no test changes."""
    filled, data = documents(), laws.city()
    filled.events.put(data.events, now=NOW - DAY)
    filled.users.put([*data.users.values()], now=NOW - DAY)
    filled.counters.load([(entry, EventCounts()) for entry in data.interactions], now=NOW - DAY)
    filled.users.remember(data.interactions)
    yield filled
    filled.close()


@pytest.fixture(scope="session")
def trained_bucket(city: Documents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bucket after a training on the city, which no test changes; trainings only read documents."""
    folder = tmp_path_factory.mktemp("trained")
    with wiring.use(deployment.wire(city, folder, Clock())):
        assert deployment.client().post("/retrain").get_json()["decision"] == PUBLISHED
    return folder


@pytest.fixture
def store(city: Documents) -> Iterator[Documents]:
    copy = copied(city)
    yield copy
    copy.close()


@pytest.fixture
def wire(store: Documents, tmp_path: Path, clock: Clock) -> Iterator[Wire]:
    """Service replacement until the test ends; takes settings, and a store instead of the city's."""
    with ExitStack() as stack:

        def put(documents: Documents | None = None, **settings: Any) -> Services:
            wired = deployment.wire(documents or store, tmp_path, clock, **settings)
            return stack.enter_context(wiring.use(wired))

        yield put


@pytest.fixture
def client(wire: Wire) -> FlaskClient:
    wire()
    return deployment.client()


@pytest.fixture
def published(trained_bucket: Path, tmp_path: Path) -> str:
    """Version of the model in the bucket of the test, trained on the city."""
    shutil.copytree(trained_bucket, tmp_path, dirs_exist_ok=True)
    [model] = tmp_path.glob("models/*/manifest.json")
    return model.parent.name


@pytest.fixture
def trained(published: str, client: FlaskClient, store: Documents, clock: Clock) -> FlaskClient:  # it must be there
    """Client of an instance with a model; every event was booked once since the training."""
    clock.forward()
    for event_id in sorted(ALL):
        book(store, "crowd", event_id, clock)
    clock.forward()
    return client


def book(store: Documents, user_id: str, event_id: str, clock: Clock) -> None:
    """Count a booking of now."""
    count(store, an_interaction(user_id, event_id, occurred_at=clock.now, recorded_at=clock.now), now=clock.now)
