"""Fixtures of the function tests: an instance with a small city, a clock and a client."""

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
from tests import deployment, laws
from tests.deployment import Clock, Wire
from tests.examples import DAY, NOW, an_interaction
from tests.stores import documents

ALL = {event.event_id for event in laws.city().events if event.starts_at and event.starts_at > NOW}
"""Ids of the events that are still to come."""

settings.register_profile("marquee", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marquee")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Iterator[Documents]:
    filled, data = documents(), laws.city()
    filled.events.put(data.events, now=NOW - DAY)
    filled.users.put([*data.users.values()], now=NOW - DAY)
    filled.counters.load([(entry, EventCounts()) for entry in data.interactions], now=NOW - DAY)
    filled.users.remember(data.interactions)
    yield filled
    filled.close()


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
def trained(client: FlaskClient, store: Documents, clock: Clock) -> FlaskClient:
    """Client of an instance with a model; every event was booked once since the training."""
    client.post("/retrain")
    clock.forward()
    for event_id in sorted(ALL):
        book(store, "crowd", event_id, clock)
    clock.forward()
    return client


def book(store: Documents, user_id: str, event_id: str, clock: Clock) -> None:
    """Count a booking of now."""
    count(store, an_interaction(user_id, event_id, occurred_at=clock.now, recorded_at=clock.now), now=clock.now)
