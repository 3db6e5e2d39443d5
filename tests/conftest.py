"""Fixtures of the Firestore and Cloud Storage emulators, started once per session on first use."""

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.missing import skipped_when_missing
from tools.emulators.firestore import firestore_emulator
from tools.emulators.storage import storage_emulator

# Otherwise each google-cloud-storage client requests its bucket in a background thread, which retries with random
# delays for two minutes; Hypothesis fails tests during which the global random generator is used.
os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"


@pytest.fixture(scope="session")
def firestore_host() -> Iterator[str]:
    with skipped_when_missing(), firestore_emulator() as host:
        yield host


@pytest.fixture
def firestore_project(firestore_host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Empty Firestore project on the emulator; the project id."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_host)
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def storage_host() -> Iterator[str]:
    with skipped_when_missing(), storage_emulator() as host:
        yield host
