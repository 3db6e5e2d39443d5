"""Emulators for the whole session, started by the first test that asks."""

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.emulators.firestore import firestore_emulator
from tests.emulators.missing import skipped_when_missing
from tests.emulators.storage import storage_emulator

# Each client of google-cloud-storage otherwise asks for its bucket in a thread that outlives it by two minutes,
# retrying at random moments, and Hypothesis refuses tests during which anybody draws from the global generator.
os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"


@pytest.fixture(scope="session")
def firestore_host() -> Iterator[str]:
    with skipped_when_missing(), firestore_emulator() as host:
        yield host


@pytest.fixture
def firestore_project(firestore_host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty project on the emulator."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_host)
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def storage_host() -> Iterator[str]:
    with skipped_when_missing(), storage_emulator() as host:
        yield host
