"""Fixtures of the Firestore and Cloud Storage emulators, started once per session on first use; minutes by suite."""

import os
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePath

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Minutes of each suite, a folder of tests; with several processes, those of all of them together."""
    spent = defaultdict[str, float](float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                spent["/".join(PurePath(report.nodeid.partition("::")[0]).parent.parts[:2])] += report.duration
    terminalreporter.section("minutes by suite")
    for suite, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{seconds / 60:6.1f}  {suite}")
