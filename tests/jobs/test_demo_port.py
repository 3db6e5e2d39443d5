"""Port of the demo: taken before the work, and free as soon as it is over."""

import signal
import socket
import time
from pathlib import Path

import pytest
import requests

from benchmarks.simulator.demo import main as simulated
from jobs import demo
from tests.demo import demo as demo_server

SMALL = ("--users", "30", "--events", "20", "--interactions", "100")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_a_port_in_use_is_told_of_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        began = time.monotonic()
        assert demo.main(["--port", str(port)]) == 2
    assert time.monotonic() - began < 5
    said = capsys.readouterr().err
    assert f"error: --port: expected a free port, or 0 for any (Address already in use), got {port}" in said
    assert "generating" not in said


def test_a_demo_names_the_settings_that_it_ignores(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEE_MODEL", "popularity")
    monkeypatch.setenv("MARQUEE_EXPLORATION", "0.1")
    monkeypatch.setenv("MARQUEE_FRIENDS", "")
    with socket.socket() as taken:
        # Nothing else is done: the port is in use.
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert demo.main(["--port", port]) == 2
        with pytest.raises(SystemExit):
            simulated(["--port", port])
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert said == ["warning: the demo has settings of its own and ignores MARQUEE_EXPLORATION, MARQUEE_MODEL"] * 2


def test_a_demo_starts_again_at_once_on_the_port_of_one_that_has_ended(tmp_path: Path) -> None:
    port = free_port()
    for _ in range(2):
        with demo_server(tmp_path, ["--port", str(port), *SMALL]) as (process, url), requests.Session() as session:
            assert url.endswith(f":{port}")
            # A connection that the server closes first is what keeps ports busy.
            assert session.get(f"{url}/api/v1/health", timeout=30).ok
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        with demo.listening(port) as again:
            assert again.getsockname()[1] == port
