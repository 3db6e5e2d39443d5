"""Imports of a new instance up to its first response; benchmarks/coldstart.py measures the time."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.adapters.objects.cloudstorage import CloudObjects
from shared.adapters.stores import open_documents, open_objects
from tests import laws
from tests.examples import DAY, NOW
from tests.stores import keys
from tests.training import train

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from flask import Flask, request
from main import api
with Flask("first").test_request_context("/api/v1/recommendations?limit=2"):
    answer = api(request)
print(json.dumps([answer.status_code, answer.json, [*sys.modules]]))
"""
# Each takes 5 to 300 ms of a cold start, and no first response needs it.
NEVER = (
    *("google.api_core", "google.auth", "google.cloud.storage", "google.cloud.firestore", "grpc", "requests"),
    *("firebase_admin", "urllib3", "scipy", "sklearn", "pandas", "pyarrow", "numpy.random", "subprocess"),
    *(
        "shared.services.training.retrain",
        "shared.services.training.ledger_sync",
        "shared.services.ingest.record",
        "shared.services.ingest.reconcile",
    ),
    *("shared.adapters.firestore", "shared.learning", "shared.evaluation", "shared.feedback.exposures"),
    *(
        "shared.services.serving.audience",
        "shared.services.ingest.erasure",
        "shared.services.training.smoke_test",
        "shared.ledger.parquet",
    ),
)


@pytest.fixture(params=["folder", pytest.param("gs", marks=pytest.mark.emulator)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return f"folder:{tmp_path / 'bucket'}"
    from google.cloud.storage import Client

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("storage_host"))
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    client = Client()
    client.create_bucket(bucket)
    client.close()
    return f"gs:{bucket}"


def test_the_first_response_imports_no_heavy_module(place: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    data = laws.moved(laws.city(), now - NOW)
    documents, objects = open_documents(f"sqlite:{tmp_path / 'documents.db'}", keys), open_objects(place)
    documents.events.put(data.events, now=now - DAY)
    documents.users.put([*data.users.values()], now=now - DAY)
    documents.interactions.append(data.interactions, now=now - DAY)
    manifest = train(documents, objects, model="blend", now=now)
    documents.close()
    if isinstance(objects, CloudObjects):
        objects.close()
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MARQUEE_")}
    environ |= {"MARQUEE_DOCUMENTS": f"sqlite:{tmp_path / 'documents.db'}", "MARQUEE_OBJECTS": place}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    status, body, modules = json.loads(done.stdout)
    assert (status, body["model_version"], body["degraded"], len(body["items"])) == (200, manifest.version, [], 2)
    assert "shared.services.serving.lists" in modules
    assert [name for name in modules if f"{name}.".startswith(NEVER)] == []
