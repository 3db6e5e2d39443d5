"""What the README says works: its commands run, its answers have the form of real ones, and what it names exists."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.folder import Folder
from shared.models.registry import MODELS
from shared.settings import Settings
from tests.demo import demo
from tests.emulators.missing import skipped_when_missing
from tests.emulators.programs import ROOT, ProgramMissing

README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"<!-- (?P<kind>\w+) -->\n```sh\n(?P<script>.*?)```\n(?:\n```json\n(?P<answer>.*?)```)?", re.DOTALL)
_ADDRESS = "http://localhost:8080"


def blocks(kind: str) -> list[re.Match[str]]:
    return [found for found in _BLOCK.finditer(README) if found["kind"] == kind]


def run(script: str, folder: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def form(value: Any) -> Any:
    """The fields and types of a JSON value; of lists, those of the first item."""
    if isinstance(value, dict):
        return {name: form(item) for name, item in value.items()}
    if isinstance(value, list):
        return [form(item) for item in value[:1]]
    return type(value).__name__


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like the project, so that commands may write into it."""
    folder = tmp_path / "marquee"
    folder.mkdir()
    for name in ("functions", "jobs", "shared", "web"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with demo(tmp_path) as (_, url):
        yield url


def test_the_shell_commands_run_one_after_the_other(clone: Path) -> None:
    said = [run(block["script"], clone) for block in blocks("shell")]
    assert len(said) == 4
    _, _, python, backtest = said
    assert len(python.splitlines()) == 5
    assert backtest.splitlines()[0] == "user_id,event_id,rank,score"
    assert len(backtest.splitlines()) == 3


def test_the_demo_answers_as_shown(clone: Path, address: str) -> None:
    with skipped_when_missing():
        if shutil.which("curl") is None:
            raise ProgramMissing("The README's requests need curl: install it, such as `apt-get install curl`.")
    shown = blocks("demo")
    assert len(shown) == 6
    for block in shown:
        assert _ADDRESS in block["script"]
        answer = json.loads(run(block["script"].replace(_ADDRESS, address), clone))
        assert form(answer) == form(json.loads(block["answer"]))


def test_every_target_of_make_that_is_named_exists() -> None:
    named = set(re.findall(r"(?:`|^\s*)make ([a-z0-9 -]+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} < named
    assert {target for names in named for target in names.split()} <= targets


def test_every_file_that_is_named_exists() -> None:
    made_by_commands = {"rejected.csv", "recs.csv", "events.csv", "users.csv", "interactions.csv", ".env"}
    names = set(re.findall(r"`([\w./-]+\.(?:py|js|json|yaml|rules|csv|env|txt)|\.ci/\w+|\.env|[\w.]+/)`", README))
    names |= set(re.findall(r"\]\(([\w./-]+)\)", README))
    assert {"web/marquee.js", "docs/data-flow.svg", "functions.yaml"} < names
    of_the_bucket = {"models/current.json", "models/VERSION/manifest.json", "runs/RUN.json"}
    missing = {name for name in names - made_by_commands - of_the_bucket if not (ROOT / name).exists()}
    assert missing == set()


def test_every_variable_of_the_settings_is_in_the_table_and_no_other() -> None:
    named = set(re.findall(r"^\| `(MARQUEE_\w+)`", README, re.MULTILINE))
    assert Settings.__doc__
    assert named == set(re.findall(r"MARQUEE_\w+", Settings.__doc__))
    assert f"| `MARQUEE_MODEL` | `{Settings().model}` |" in README
    assert all(f"`{model}`" in README for model in MODELS)


def test_every_column_of_the_files_is_in_the_table_and_no_other(tmp_path: Path) -> None:
    for name in ("events.csv", "users.csv", "interactions.csv"):
        [cells] = re.findall(rf"^\| `{name}` \| (.*) \|$", README, re.MULTILINE)
        columns = re.findall(r"`(\w+)`", cells)
        (tmp_path / name).write_text(",".join([*columns, "no_such_column"]))
        file = {file.name: file for file in Folder(tmp_path).files()}[name]
        assert file.table
        assert file.table.unknown == ("no_such_column",)
        assert set(columns) == file.table._columns
