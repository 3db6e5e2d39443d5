"""Progress of commands: with rate and time left on a terminal, quiet everywhere else."""

import os
import pty
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from jobs.console import Console
from jobs.sample import write_sample
from tools.emulators.programs import ROOT


class Terminal(StringIO):
    """Stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_quiet_where_nobody_watches() -> None:
    stream = StringIO()
    console = Console(stream)
    with console.task("loading") as task:
        console.say("a line")
        for row in range(1_000):
            task.update(row / 1_000, row)
    assert stream.getvalue() == "a line\n"


def test_progress_shows_the_share_the_rate_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.console._REDRAW_S", 0.0)
    stream = Terminal()
    console = Console(stream)
    with console.task("loading [1]") as task:
        task.update(0.25, 2_500)
        task.update(0.5, 5_000, now="loading [2]")
        console.say("a warning [of] brackets")
    shown = stream.getvalue()
    assert "loading [2]" in shown
    assert "50%" in shown
    assert re.search(r"5,000 \([\d,]+/s\)", shown)
    assert re.search(r"\d:\d\d:\d\d|-:--:--", shown)
    assert "a warning [of] brackets" in shown


def test_tasks_within_tasks_end_together() -> None:
    stream = Terminal()
    console = Console(stream)
    with console.task("outer"), console.task("inner"):
        pass
    console.say("after")
    assert stream.getvalue().endswith("after\n")


def watched(command: list[str], folder: Path) -> str:
    """Output of a command on a terminal."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65_536):
                shown.append(data)
        except OSError:  # a terminal whose other end is closed has no end of file on Linux
            return

    reader = threading.Thread(target=read)
    reader.start()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        assert process.wait(60) == 0
    reader.join(10)
    os.close(ours)
    return b"".join(shown).decode()


def test_a_load_shows_progress_on_a_terminal_alone(tmp_path: Path) -> None:
    write_sample(tmp_path / "city", users=100, events=100, interactions=1_500, seed=1, now=datetime.now(UTC))
    command = [sys.executable, "-m", "jobs.marquee", "load", "city", "--objects", "folder:bucket", "--store"]
    assert re.search(r"loading interactions.csv.*%.*/s\)", watched([*command, "sqlite:one.db"], tmp_path))
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    piped = subprocess.run([*command, "sqlite:two.db"], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert piped.returncode == 0
    assert "loading" not in piped.stderr + piped.stdout
    assert piped.stderr.splitlines()[0].split() == ["loaded", "unchanged", "rejected", "seconds"]
