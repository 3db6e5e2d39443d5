"""Commands of `marquee` and of `python -m jobs.NAME`: their help, what ends them with which status, and how fast."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import click
import pytest

from jobs.commandline import Job, run
from jobs.marquee import SECTIONS, Entry, command, main
from shared.errors import (
    ArtifactError,
    Conflict,
    DeadlineExceeded,
    InvalidField,
    MarqueeError,
    NotFound,
    SettingsError,
    StoreUnavailable,
)
from tools.emulators.programs import ROOT

ENTRIES: Final[Mapping[str, Entry]] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
NEEDED: Final[Mapping[str, list[str]]] = {
    "backtest": ["--cutoff", "2026-05-01T00:00:00Z"],
    "recommend": ["--out", "recs.csv"],
    "experiment": ["e"],
    "rollback": ["v1"],
}
"""Words without which a command says nothing of a wrong place."""
ANY_COMMAND = pytest.mark.parametrize("name", ENTRIES)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Working directory without stores, so that no command finds those of the project."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("MARQUEE_")]:
        monkeypatch.delenv(variable)


def job(name: str) -> Job:
    found = command.get_command(click.Context(command), name)
    assert isinstance(found, Job)
    return found


def has(name: str, option: str) -> bool:
    return any(option in parameter.opts for parameter in job(name).params)


def arguments(name: str, *, folder: str = "no/such/folder") -> list[str]:
    """Words that a command needs, with a folder that does not exist where it takes one."""
    return [*([folder] if has(name, "folder") else []), *NEEDED.get(name, [])]


@ANY_COMMAND
def test_every_command_explains_itself_both_ways(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, attribute = ENTRIES[name].place.partition(":")
    assert attribute == "command"
    assert main([name, "--help"]) == 0
    ours = capsys.readouterr().out
    assert import_module(module).main(["--help"]) == 0
    theirs = capsys.readouterr().out
    assert ours.startswith(f"Usage: marquee {name} [OPTIONS]")
    assert theirs.startswith(f"Usage: python -m {module} [OPTIONS]")
    assert ours.split() == theirs.replace(f"python -m {module}", f"marquee {name}").split()
    assert all(isinstance(parameter, click.Argument) or parameter.help for parameter in job(name).params)
    assert max(map(len, ours.splitlines())) <= 90


def test_the_list_of_commands_names_each_in_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for title, section in SECTIONS.items():
        assert f"\n{title}:\n" in shown
        assert all(f"\n  {name} " in shown and entry.does in shown for name, entry in section.items())


def test_the_list_of_commands_imports_none_of_them() -> None:
    script = (
        "import sys; from jobs.marquee import main; main(['--help']);"
        "sys.exit(str([name for name in ('numpy', 'flask', 'rich', 'jobs.load', 'functions') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("words", [[], ["laod"], ["--nope"], ["load"], ["", "x"]])
def test_words_that_name_no_work_are_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "Usage: marquee" in capsys.readouterr().err


WRONG: Final = (
    ("--nope", ""),
    ("--store", "mysql:db"),
    ("--store", "sqlite:"),
    ("--store", "firestore:p"),
    ("--store", "sqlite:file/documents.db"),
    ("--store", "sqlite:folder"),
    ("--objects", "s3:bucket"),
    ("--objects", "gs://bucket"),
    ("--objects", "folder:file"),
    ("--model", "oracle"),
    ("--at", "yesterday"),
    ("--now", "yesterday"),
    ("--cutoff", "2026-05-01"),
    ("--k", "0"),
    ("--k", "many"),
    ("--seed", "-1"),
    ("--users", "0"),
    ("--port", "65536"),
    ("--data", "no/such/folder"),
    ("--map", "nonsense"),
    ("--timezone", "Nowhere"),
    ("--max-rejected", "few"),
    ("--out", "no/such/folder/recs.csv"),
    ("--out", "folder"),
    ("--rejected", "no/such/folder/rejected.csv"),
    ("--rejected", "folder"),
    ("folder", "no/such/folder"),
    ("folder", "file"),
    ("version", "no-such-version"),
    ("version", "../up"),
    ("version", "previous"),
)
"""Options and arguments with values that no command accepts."""


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        (name, option, value)
        for name in ENTRIES
        for option, value in WRONG
        if option == "--nope" or has(name, option)
        # A folder that is missing is made, and a check needs no key.
        if (name, option, value) not in {("sample", "folder", "no/such/folder"), ("check", "--store", "firestore:p")}
    ],
)
def test_a_value_that_cannot_be_used_is_wrong_usage(
    name: str, option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "events.csv").write_text("event_id\na\n")
    if option == "version":
        words = [value]
    elif option == "folder":
        words = arguments(name, folder=value)
    else:
        words = [*arguments(name, folder="data"), f"{option}={value}"]
    if name == "demo" and option != "--port":
        words += ["--port", "0"]
    assert main([name, *words]) == 2
    said = capsys.readouterr().err
    assert f"Usage: marquee {name} " in said
    [*_, last] = said.splitlines()
    assert last.startswith("error: ")
    assert (option.lstrip("-") if value == "" else value.partition("/")[0]) in said or "expected" in last


@pytest.mark.parametrize("name", [name for name in ENTRIES if has(name, "--objects")])
def test_a_setting_that_cannot_be_used_is_wrong_usage(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARQUEE_OBJECTS", "s3:bucket")
    assert main([name, *arguments(name)]) == 2
    assert "error: MARQUEE_OBJECTS: expected folder:… or gs:…, got 's3:bucket'" in capsys.readouterr().err


def raising(error: BaseException) -> Job:
    @click.command("job", cls=Job)
    @click.argument("target", required=False)
    @click.option("--size")
    def work(target: str | None, size: str | None) -> None:
        raise error

    assert isinstance(work, Job)
    return work


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError("MARQUEE_MODEL: expected one"), 2),
        (NotFound("target: expected one that exists"), 2),
        (InvalidField("--size", 0, "a size"), 2),
        (InvalidField("target", "x", "a target"), 2),
        (InvalidField("TARGET", "x", "a target"), 2),
        (InvalidField("events.csv", "3 of 3", "a row that can be accepted"), 1),
        (ArtifactError("models/current.json: no model"), 1),
        (Conflict("lost"), 1),
        (StoreUnavailable("no answer"), 1),
        (DeadlineExceeded("late"), 1),
        (MarqueeError("else"), 1),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_the_kind_of_an_error_decides_the_status(
    error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error), [], name="job") == status
    lines = capsys.readouterr().err.splitlines()
    assert ("Usage: job [OPTIONS] [TARGET]" in lines) == (status == 2)
    assert lines[-1].startswith("error: ") or lines == ["interrupted"]


def test_a_reader_that_has_seen_enough_is_no_failure_to_tell_of() -> None:
    script = "from jobs.marquee import main; import sys, time; time.sleep(0.3); sys.exit(main(['--help']))"
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def _handles_signals(process_id: int) -> bool:
    """Whether a program has set its handlers, as Linux tells."""
    if sys.platform != "linux":
        time.sleep(1.0)
        return True
    status = Path(f"/proc/{process_id}/status").read_text()
    handled = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return handled is not None and bool(int(handled[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize(
    "words",
    [
        ["sample", "city", "--users", "200000", "--events", "20000", "--interactions", "2000000"],
        ["demo", "--port", "0", "--users", "20000", "--interactions", "400000"],
    ],
    ids=lambda words: str(words[0]),
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_work_with_one_line(number: signal.Signals, words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jobs.marquee", *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        # A busy machine delays the start, before which the signal would find no handler.
        while process.poll() is None and not _handles_signals(process.pid):
            time.sleep(0.05)
        time.sleep(1.5)
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    lines = [line for line in said.splitlines() if not line.startswith(("generating", "loading"))]
    assert (process.returncode, lines) == (128 + number, ["interrupted"])
    assert not list(tmp_path.glob("marquee-demo-*"))


def test_the_launcher_of_setup_runs_the_commands_of_its_own_checkout(tmp_path: Path) -> None:
    bin_folder = tmp_path / "check out" / "venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").symlink_to(sys.executable)
    launcher = bin_folder / "marquee"
    launcher.write_bytes((ROOT / "tools" / "marquee").read_bytes())
    launcher.chmod(0o755)
    (tmp_path / "check out" / "jobs").mkdir()
    (tmp_path / "check out" / "jobs" / "marquee.py").write_text("import sys\n\ndef main():\n    print(sys.argv[1:])\n")
    for called, folder in ((str(launcher), tmp_path), ("venv/bin/marquee", tmp_path / "check out")):
        done = subprocess.run([called, "a b", "--c"], cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "['a b', '--c']\n"), done.stderr


def imports(path: Path) -> set[str]:
    """Roots of the modules that a module imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in named}


def test_progress_is_of_development_and_no_deployment_needs_it() -> None:
    deployed = [ROOT / "main.py", *(path for room in ("functions", "shared") for path in (ROOT / room).rglob("*.py"))]
    assert [path for path in deployed if imports(path) & {"rich", "jobs", "click"}] == []
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert "\nrich==" not in pinned
    assert "\nrich==" in (ROOT / "requirements-jobs.txt").read_text(encoding="utf-8")
