"""Logs of deployed functions: what operators need is there, with severity and trace."""

import io
import json
import logging
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from functions import logs
from tests.deployment import Wire
from tools.emulators.process import free_port, process_group
from tools.emulators.programs import ROOT

CLOUD = {"K_SERVICE": "monitor", "K_CONFIGURATION": "monitor", "GOOGLE_CLOUD_PROJECT": "city"}
TRACE = "105445aa7843bc8bf206b12000100000"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Stream of the logs of a function on Google Cloud, until the test ends."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in ("functions", "shared")]
    before, levels = root.handlers, [logger.level for logger in ours]
    stream = io.StringIO()
    logs.configure(CLOUD, stream)
    yield stream
    root.handlers = before
    for logger, level in zip(ours, levels, strict=True):
        logger.setLevel(level)


def _entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_operators_see_what_was_published_refused_and_reconciled(client: FlaskClient, stream: io.StringIO) -> None:
    header = {"X-Cloud-Trace-Context": f"{TRACE}/255;o=1"}
    client.post("/retrain", headers=header)
    client.post("/monitor", headers=header)
    client.get("/api/v1/recommendations?limit=0", headers=header)
    entries = _entries(stream)
    assert {entry["severity"] for entry in entries} == {"INFO"}
    for message in ("run published", "counts reconciled", "refused GET /api/v1/recommendations: limit: "):
        [entry] = [entry for entry in entries if entry["message"].startswith(message)]
        assert entry["logging.googleapis.com/trace"] == f"projects/city/traces/{TRACE}"
        assert entry["logging.googleapis.com/spanId"] == "00000000000000ff"
    [published] = [entry for entry in entries if entry["message"] == "run published"]
    assert published["run"]["decision"] == "published"


def test_an_error_has_its_traceback_in_one_entry(wire: Wire, stream: io.StringIO) -> None:
    wire()
    try:
        raise ValueError("on\ntwo lines")
    except ValueError:
        logging.getLogger("functions.api").exception("failed %s", "GET")
    [entry] = _entries(stream)
    assert entry["severity"] == "ERROR"
    assert entry["message"].startswith("failed GET\nTraceback (most recent call last):\n")
    assert entry["message"].endswith("ValueError: on\ntwo lines")
    assert "logging.googleapis.com/trace" not in entry


def test_libraries_log_warnings_and_no_more(stream: io.StringIO) -> None:
    logging.getLogger("google.auth").info("chatter")
    logging.getLogger("google.auth").warning("trouble")
    assert [(entry["severity"], entry["message"]) for entry in _entries(stream)] == [("WARNING", "trouble")]


@given(st.text() | st.sampled_from(['{"a": 1}', "{", "[1]", '{"message": 5}', "{" * 2_000, "\ud800", "a\nb"]))
def test_every_message_is_one_line_of_json(text: str) -> None:
    record = logging.LogRecord("functions.api", logging.WARNING, "", 0, "%s", (text,), None)
    line = logs.CloudFormatter("city").format(record)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["severity"] == "WARNING"


@pytest.mark.parametrize("header", ["", "x", f"{TRACE}/x", f"{TRACE[:-1]}/1", "z" * 5_000, f"{TRACE}/{'9' * 30}"])
def test_a_header_that_is_no_trace_is_passed_over(client: FlaskClient, stream: io.StringIO, header: str) -> None:
    client.get("/api/v1/nothing", headers={"X-Cloud-Trace-Context": header})
    [entry] = _entries(stream)
    assert "logging.googleapis.com/trace" not in entry


def test_a_function_logs_info_under_the_server_of_google_cloud(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MARQUEE_")}
    environ |= {
        "MARQUEE_DOCUMENTS": f"sqlite:{tmp_path / 'documents.db'}",
        "MARQUEE_OBJECTS": f"folder:{tmp_path / 'bucket'}",
    }
    command = [sys.executable, "-m", "functions_framework", "--target", "monitor", "--port", str(port)]
    with (
        log.open("wb") as output,
        process_group(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT),
    ):
        url, give_up = f"http://127.0.0.1:{port}/", time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(
                    urllib.request.Request(url, b"", method="POST"), timeout=60
                ) as response:  # our own
                    assert response.status == 200
                break
            except OSError:
                assert time.monotonic() < give_up, log.read_text()
                time.sleep(0.1)
    assert 'INFO functions.monitor: {"message": "counts reconciled"' in log.read_text()
