"""Fixtures of the attacks: a trained deployment of a small city, whose bucket is a folder."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from shared.adapters.objects.folder import FolderObjects
from shared.entities import EventCounts
from shared.ports import Documents
from tests import laws, training
from tests.examples import DAY, NOW
from tests.stores import documents

settings.register_profile("marquee", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marquee")


@pytest.fixture(scope="module")
def store() -> Iterator[Documents]:
    """Documents of the city; trainings only read them."""
    filled, data = documents(), laws.city()
    filled.events.put(data.events, now=NOW - DAY)
    filled.users.put([*data.users.values()], now=NOW - DAY)
    filled.counters.load([(entry, EventCounts()) for entry in data.interactions], now=NOW - DAY)
    filled.interactions.append(data.interactions, now=NOW - DAY)
    filled.users.remember(data.interactions)
    yield filled
    filled.close()


@pytest.fixture(scope="module")
def trained(store: Documents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bucket after a training, which no test changes."""
    folder = tmp_path_factory.mktemp("trained")
    training.train(store, FolderObjects(folder), model="svd")
    return folder


@pytest.fixture
def bucket(trained: Path, tmp_path: Path) -> Path:
    """Copy of the trained bucket, to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "bucket"))


@pytest.fixture
def deaf_host() -> Iterator[str]:
    """Address of a server that accepts connections and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(128)
        yield f"127.0.0.1:{silent.getsockname()[1]}"
