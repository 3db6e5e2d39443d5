"""Benchmark command lines: missing requirements are named, and interrupted runs report and leave no server behind."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import runs
from tools.emulators.programs import ROOT

PATIENCE_S = 30.0
# The first two calls, to settle and to measure, answer as wrk does with the script of the benchmark; the third hangs.
WRK = """#!/bin/sh
echo call >> "$CALLS"
case "$(wc -l < "$CALLS" | tr -d ' ')" in
  1 | 2) echo RESULT 1000 2000 3000 400 500 0 ;;
  3) exec sleep 600 ;;
esac
"""

on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc to see other processes")


def marked(mark: str) -> set[int]:
    """Ids of the running processes with `mark` in their environment."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.add(int(process.name))
        except OSError:
            continue
    return found


@contextmanager
def latency(folder: Path, mark: str) -> Iterator[subprocess.Popen[str]]:
    """Latency benchmark of a server without a model, with a wrk that hangs in the second measurement."""
    (folder / "deployment-1").mkdir()
    (folder / "deployment-1" / "done.json").touch()
    (folder / "wrk").write_text(WRK)
    (folder / "wrk").chmod(0o755)
    environ = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CALLS": str(folder / "calls"),
        "TMPDIR": str(folder),
        "MARK": mark,
    }
    command = [sys.executable, "-m", "benchmarks.latency", "--events", "1", "--connections", "1", "2"]
    command += ["--work", str(folder), "--out", str(folder / "out.json")]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            for left in marked(mark):
                os.kill(left, signal.SIGKILL)


def hanging(mark: str) -> set[int]:
    """Ids of the processes of a wrk that hangs."""
    found = set()
    for process_id in marked(mark):
        with suppress(OSError):
            if Path(f"/proc/{process_id}/cmdline").read_bytes() == b"sleep\x00600\x00":
                found.add(process_id)
    return found


def until_second_measurement(process: subprocess.Popen[str], mark: str) -> list[str]:
    """Lines printed before the second measurement, which has begun."""
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(2)]
    give_up = time.monotonic() + PATIENCE_S
    while not hanging(mark) and time.monotonic() < give_up:
        time.sleep(0.02)
    return lines


def left_behind(mark: str) -> set[int]:
    """Processes that are still running when patience has ended."""
    give_up = time.monotonic() + PATIENCE_S
    while marked(mark) and time.monotonic() < give_up:
        time.sleep(0.02)
    return marked(mark)


@on_linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_benchmark_reports_what_it_has_and_ends_its_servers(
    tmp_path: Path, number: signal.Signals
) -> None:
    mark = uuid.uuid4().hex
    with latency(tmp_path, mark) as process:
        header, row = until_second_measurement(process, mark)
        assert len(marked(mark)) > 2
        # As `timeout` does: to the process and to its group.
        process.send_signal(number)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 128 + number
        assert left_behind(mark) == set()
    assert header.split()[:2] == ["live", "case"]
    assert row.split()[:6] == ["1", "ok", "1", "1.00", "2.00", "3.00"]
    [measured] = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert (measured["case"], measured["connections"], measured["requests_per_s"]) == ("ok", 1, 400)
    assert [path for path in tmp_path.iterdir() if path.name.startswith("marquee-latency-")] == []


@on_linux
def test_a_killed_benchmark_leaves_no_server_behind(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    with latency(tmp_path, mark) as process:
        until_second_measurement(process, mark)
        assert len(marked(mark)) > 2
        process.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
        assert left_behind(mark) == set()


@on_linux
def test_a_benchmark_that_fails_reports_what_it_has_and_ends_its_servers(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    with latency(tmp_path, mark) as process:
        until_second_measurement(process, mark)
        [load] = hanging(mark)
        os.kill(load, signal.SIGKILL)
        assert process.wait(PATIENCE_S) == 1
        assert left_behind(mark) == set()
    assert len(json.loads((tmp_path / "out.json").read_text())["rows"]) == 1


@pytest.mark.parametrize(
    ("name", "arguments", "advice"),
    [
        ("latency", [], "needs wrk: install it"),
        ("instances", [], "needs HAProxy: install it"),
        ("ingest", [], "needs Java: install Java"),
        ("load", [], "needs Java: install Java"),
        ("retrain_cost", [], "needs Java: install Java"),
        ("coldstart", ["--firestore"], "needs Java: install Java"),
    ],
)
def test_a_missing_program_is_named_before_anything_starts(
    name: str,
    arguments: Sequence[str],
    advice: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)
    assert import_module(f"benchmarks.{name}").main([*arguments, "--out", str(tmp_path / "out.json")]) == 1
    output = capsys.readouterr()
    assert advice in output.err
    assert output.out == ""
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_missing_package_is_named() -> None:
    runs.need_package("numpy")
    with pytest.raises(runs.RequirementMissing, match=r"no_such_package, .* `venv/bin/pip install -r benchmarks"):
        runs.need_package("no_such_package")


def test_too_little_disk_is_told_with_what_is_needed(tmp_path: Path) -> None:
    runs.need_disk(tmp_path / "new" / "folder", 1)
    with pytest.raises(
        runs.RequirementMissing, match=r"GB of free disk, and the benchmark needs 1000000.0 GB: make room"
    ):
        runs.need_disk(tmp_path / "new" / "folder", 1e15)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("latency", ["--events", "0"]),
        ("latency", ["--connections", "0"]),
        ("latency", ["--seconds", "0"]),
        ("coldstart", ["--runs", "0"]),
        ("ingest", ["--rounds", "0"]),
        ("instances", ["--minutes", "0"]),
        ("load", ["--interactions", "0"]),
        ("retrain_cost", ["--interactions", "10"]),
        ("training", ["--smallest", "5", "--largest", "4"]),
        ("twin_paths", ["--events", "0"]),
        ("twin_paths", ["--rounds", "0"]),
        ("training", ["--challengers-s", "-1"]),
    ],
)
def test_wrong_usage_gives_status_2(name: str, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(f"benchmarks.{name}").main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
