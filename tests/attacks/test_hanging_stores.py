"""Stores that hang: what needs them is told so in time, and what can do without them is served at once."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from functions import THREADS
from shared.ports import CALL_S
from tests.attacks.server import ask, prepare, server
from tests.missing import skipped_when_missing
from tools.emulators.firestore import firestore_emulator
from tools.emulators.process import free_port

READ_S = 2.0
"""The default of MARQUEE_DEADLINE_S."""
SLACK_S = 1.5
SENT = {"user_id": "jazz_fan_0", "interactions": [{"type": "view", "event_id": "jazz_1"}]}
LIST = "recommendations?user_id=jazz_fan_0"


def _writes(url: str, number: int) -> "list[Future[tuple[int, dict[str, Any], float]]]":
    pool = ThreadPoolExecutor(number)
    sent = [pool.submit(ask, f"{url}/interactions", SENT) for _ in range(number)]
    pool.shutdown(wait=False)
    return sent


def _attack(url: str, number: int) -> None:
    """Writes that hang, beside which health and lists answer in time; then everything is answered at once."""
    writes = _writes(url, number)
    time.sleep(0.2)
    for _ in range(3):
        status, body, seconds = ask(f"{url}/health")
        assert (status, body["model_version"] is not None) == (200, True)
        assert seconds < SLACK_S
        status, body, seconds = ask(f"{url}/{LIST}")
        assert (status, len(body["items"]) > 0) == (200, True)
        assert seconds < READ_S + SLACK_S
    for write in writes:
        status, body, seconds = write.result()
        assert status == 503
        assert seconds < CALL_S + SLACK_S
        assert "/" not in body["detail"]
    # One call in some seconds still tries the store, and waits for it.
    seen = [ask(f"{url}/interactions", SENT) for _ in range(3)]
    assert all(status == 503 for status, _, _ in seen)
    assert min(seconds for _, _, seconds in seen) < 0.3
    assert min(ask(f"{url}/{LIST}")[2] for _ in range(3)) < 0.3


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """SQLite file that another program writes to and does not go on."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.rollback()
    connection.close()


def _recovers(ask_once: Callable[[], int]) -> None:
    give_up = time.monotonic() + 20
    while (status := ask_once()) != 200 and time.monotonic() < give_up:
        time.sleep(0.3)
    assert status == 200


@pytest.mark.parametrize(
    ("number", "threads"),
    [
        (6, THREADS),
        pytest.param(THREADS * 3, THREADS, marks=pytest.mark.attacks),
        # What functions-framework would run on one processor.
        pytest.param(6, 4, marks=pytest.mark.attacks),
    ],
)
def test_a_locked_file_stops_writes_alone(tmp_path: Path, number: int, threads: int) -> None:
    environ = prepare(tmp_path) | {"THREADS": str(threads)}
    with server(environ) as url:
        with _locked(tmp_path / "documents.db"):
            _attack(url, number)
            status, body, _ = ask(f"{url}/{LIST}")
            # Reads need not wait for the writer.
            assert (status, body["degraded"]) == (200, [])
        _recovers(lambda: ask(f"{url}/interactions", SENT)[0])


def _pid_of(port: str) -> int:
    """Process that was started with a port."""
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"--port={port}".encode() in command.split(b"\0") and command.split(b"\0")[0].endswith(b"java"):
            return int(folder.name)
    raise ProcessLookupError(port)


@pytest.mark.attacks
@pytest.mark.emulator
@pytest.mark.parametrize("number", [6, THREADS * 3])
def test_a_stopped_firestore_stops_what_needs_it_alone(tmp_path: Path, number: int) -> None:
    environ = prepare(tmp_path)
    with skipped_when_missing(), firestore_emulator() as host:
        environ |= {"MARQUEE_DOCUMENTS": "firestore:any", "FIRESTORE_EMULATOR_HOST": host}
        emulator = _pid_of(host.partition(":")[2])
        with server(environ) as url:
            assert ask(f"{url}/interactions", SENT)[0] == 200
            os.kill(emulator, signal.SIGSTOP)
            try:
                _attack(url, number)
            finally:
                os.kill(emulator, signal.SIGCONT)
            _recovers(lambda: ask(f"{url}/interactions", SENT)[0])
            _recovers(lambda: 200 if ask(f"{url}/{LIST}")[1]["degraded"] == [] else 0)


@pytest.mark.attacks
@pytest.mark.emulator
def test_an_emulator_that_was_killed_and_is_back_is_used_again(tmp_path: Path) -> None:
    environ = prepare(tmp_path)
    port = free_port()
    with skipped_when_missing(), firestore_emulator(port=port) as host:
        environ |= {"MARQUEE_DOCUMENTS": "firestore:any", "FIRESTORE_EMULATOR_HOST": host}
        with server(environ) as url:
            assert ask(f"{url}/interactions", SENT)[0] == 200
            os.kill(_pid_of(str(port)), signal.SIGKILL)
            _attack(url, 6)
            with firestore_emulator(port=port):
                _recovers(lambda: ask(f"{url}/interactions", SENT)[0])


@pytest.mark.attacks
def test_a_bucket_that_hangs_stops_what_needs_it_alone(tmp_path: Path, deaf_host: str) -> None:
    environ = prepare(tmp_path) | {"MARQUEE_OBJECTS": "gs:any", "STORAGE_EMULATOR_HOST": f"http://{deaf_host}"}
    with server(environ) as url:
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(ask, f"{url}/models") for _ in range(6)]
            time.sleep(0.2)
            for path in ("health", LIST):
                status, body, seconds = ask(f"{url}/{path}")
                assert (status, body["model_version"]) == (200, None)
                assert seconds < READ_S + SLACK_S
            assert ask(f"{url}/interactions", SENT)[0] == 200
            for answer in asked:
                status, body, seconds = answer.result()
                assert status == 503
                assert seconds < CALL_S + SLACK_S
                assert "/" not in body["detail"]
        assert min(ask(f"{url}/models")[2] for _ in range(3)) < 0.3


@pytest.mark.attacks
def test_a_cold_instance_beside_a_store_that_hangs_answers(tmp_path: Path, deaf_host: str) -> None:
    environ = prepare(tmp_path) | {"MARQUEE_DOCUMENTS": "firestore:any", "FIRESTORE_EMULATOR_HOST": deaf_host}
    # The first answer is waited for by the server's start.
    with server(environ) as url:
        threads = [threading.Thread(target=ask, args=(f"{url}/{LIST}",)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for path in ("health", LIST):
            status, body, seconds = ask(f"{url}/{path}")
            assert status == 200
            assert "refresh" in body["degraded"]
            assert seconds < READ_S + SLACK_S
        for thread in threads:
            thread.join()
