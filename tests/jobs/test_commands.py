"""Command lines: help texts, and errors of the demo."""

import signal
import subprocess
import sys

import pytest

from jobs import demo
from tools.emulators.programs import ROOT


@pytest.mark.parametrize("name", ["load", "retrain", "rollback", "backtest", "sample", "demo"])
def test_help_is_printed_by_every_command(name: str) -> None:
    command = [sys.executable, "-m", f"jobs.{name}", "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"usage: python -m jobs.{name} ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "65536"], "error: --port: expected a number in 0..65535, got 65536"),
        (["--data", "no/such/folder"], "error: no/such/folder: expected a folder with events.csv"),
        (["--users", "0"], "error: --users: expected a whole number in 1..1000000, got 0"),
    ],
)
def test_the_demo_reports_invalid_options(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert demo.main(options) == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert message in capsys.readouterr().err
