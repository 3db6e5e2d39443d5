"""Command lines: help texts, and errors of the demo."""

import argparse
import csv
import dataclasses
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from jobs import demo
from jobs.options import add_arguments, same_arguments
from jobs.sample import write_sample
from tests.demo import demo as demo_server
from tests.jobs.spreadsheet import Dialect, export
from tools.emulators import __main__ as emulators
from tools.emulators.programs import ROOT

MAKE = ["make", "--dry-run", "--no-print-directory"]
"""Command that shows what a target runs, alone also where another make runs the tests."""


@pytest.mark.parametrize(
    "module", ["jobs.load", "jobs.backtest", "jobs.demo", "benchmarks.accuracy", "tools.emulators"]
)
def test_the_options_of_reading_are_explained_with_an_example(module: str) -> None:
    run = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True)
    for option in ("--map", "--timezone", "--max-rejected"):
        assert f"\n  {option} " in run.stdout
    assert f"  python -m {module} " in run.stdout
    assert "      --map name=title,startsAt=starts_at --timezone Europe/Berlin\n" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 90


def test_make_demo_serves_a_folder_that_a_spreadsheet_exported(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    write_sample(tmp_path / "city", users=40, events=60, interactions=400, seed=1, now=now)
    names = {"title": "name", "starts_at": "startsAt", "tags": "Tags, all"}
    berlin = ZoneInfo("Europe/Berlin")
    dialect = Dialect(
        separator=";", encoding="cp1252", dates="%d.%m.%Y %H:%M:%S", zone=berlin, decimal=",", list_separator=", "
    )
    export(tmp_path / "city", tmp_path / "my export", dataclasses.replace(dialect, columns=names))
    options = "--map 'name=title,startsAt=starts_at,\"Tags, all=tags\"' --timezone Europe/Berlin"
    make = [*MAKE, *(f"--assume-old={made}" for made in ("venv/.installed", "venv/.runtime")), "demo", "PORT=0"]
    given = [f"DATA={tmp_path / 'my export'}", f"OPTIONS={options}"]
    shown = subprocess.run([*make, *given], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [command] = [line for line in shown.splitlines() if line.startswith("venv/bin/marquee demo")]
    with demo_server(tmp_path, shlex.split(command)[2:]) as (_, url):
        items = requests.get(f"{url}/api/v1/events/popular", {"limit": "50"}, timeout=60).json()["items"]
    with (tmp_path / "city" / "events.csv").open(newline="", encoding="utf-8") as stream:
        events = {row["event_id"]: row for row in csv.DictReader(stream)}
    assert len(items) > 10
    assert {item["title"] for item in items} == {events[item["event_id"]]["title"] for item in items}
    assert all(item["starts_at"] == events[item["event_id"]]["starts_at"] for item in items)


@pytest.mark.parametrize("target", ["demo", "emulators", "benchmark-accuracy"])
def test_every_target_that_takes_a_folder_passes_options_on(target: str) -> None:
    make = [*MAKE, *(f"--assume-old={made}" for made in ("venv/.installed", "venv/.runtime", "venv/.peers")), target]
    given = ["DATA=my export", "OPTIONS=--map name=title --timezone Europe/Berlin"]
    shown = subprocess.run([*make, *given], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    command = shlex.split(shown.splitlines()[-1])
    assert command[-4:] == ["--map", "name=title", "--timezone", "Europe/Berlin"]
    assert "my export" in command


def test_options_are_passed_on_as_they_were_given() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for words in ([], ["--map", "a=title", "--map", "b=city", "--timezone", "Europe/Berlin", "--max-rejected", "5%"]):
        given = parser.parse_args(words)
        assert parser.parse_args(same_arguments(given)) == given


def test_the_emulators_refuse_an_unknown_time_zone_before_they_start(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        emulators.main(["--timezone", "Berlin"])
    assert caught.value.code == 2
    assert "--timezone: expected an IANA time zone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--timezone", "Nowhere"], "error: --timezone: expected an IANA time zone, such as Europe/Berlin"),
        (["--port", "65536"], "error: --port: expected a number in 0..65535, got 65536"),
        (["--data", "no/such/folder"], "error: no/such/folder: expected a folder with events.csv"),
        (["--users", "0"], "error: --users: expected a whole number in 1..1000000, got 0"),
    ],
)
def test_the_demo_reports_invalid_options(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert demo.main([*options, *([] if "--port" in options else ["--port", "0"])]) == 2
    assert message in capsys.readouterr().err
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
