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
from tests import deployment, laws
from tests.deployment import Clock, Wire
from tests.examples import DAY, NOW
from tests.stores import documents

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
