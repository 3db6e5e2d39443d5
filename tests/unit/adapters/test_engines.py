"""Optional engines: without their packages all else works, and their command names what to install."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import market
from shared.adapters.stores import open_objects
from tests.examples import NOW
from tools.emulators.programs import ROOT

_BLOCKED = """
import sys

for name in ("duckdb", "pyspark"):
    sys.modules[name] = None  # as if it were not installed
"""
_WITHOUT = f"""{_BLOCKED}
from importlib import import_module
from pathlib import Path

for package in ("functions", "jobs", "shared"):
    for path in sorted(Path(package).rglob("*.py")):
        # Another extra, which has its own test.
        if path.name != "__main__.py" and "deep" not in path.parts:
            import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
from jobs.marquee import main
sys.exit(main(sys.argv[1:]))
"""


def _run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    stores = ["--store", f"sqlite:{folder}/marquee.db", "--objects", f"folder:{folder}/bucket"]
    command = [sys.executable, "-c", _WITHOUT, *words, *stores]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_an_engine_that_is_not_installed_names_the_command_that_installs_it(engine: str, tmp_path: Path) -> None:
    done = _run(tmp_path, "digest", "--engine", engine)
    assert done.returncode == 2, done.stderr
    assert f"run venv/bin/pip install -r requirements-{engine}.txt" in done.stderr
    assert (ROOT / f"requirements-{engine}.txt").exists()


def test_a_digest_and_a_training_need_no_engine(tmp_path: Path) -> None:
    done = _run(tmp_path, "digest", "--at", NOW.isoformat())
    assert done.returncode == 0, done.stderr
    assert "digest of 0 interactions" in done.stdout
    refused = _run(tmp_path, "train", "--from-digest", "--reread")
    assert refused.returncode == 2
    assert "--from-digest" in refused.stderr


def test_the_model_without_engines_is_the_one_with_them(tmp_path: Path) -> None:
    models = []
    for name, prelude in (("with", ""), ("without", _BLOCKED)):
        folder = tmp_path / name
        market.write(open_objects(f"folder:{folder}"), interactions=4_000, users=400, events=200)
        script = f"{prelude}\nimport sys\nfrom benchmarks.digest import main\nsys.exit(main(sys.argv[1:]))"
        for step in ("numpy", "train"):
            command = [sys.executable, "-c", script, "--child", step, str(folder), ""]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        models.append(json.loads(done.stdout.splitlines()[-1])["model"])
    assert models[0]
    assert models[0] == models[1]


def test_a_training_without_a_digest_says_how_to_make_one(tmp_path: Path) -> None:
    done = _run(tmp_path, "train", "--from-digest")
    assert done.returncode == 2
    assert "make one with `marquee digest`" in done.stderr


def test_a_master_is_for_spark(tmp_path: Path) -> None:
    done = _run(tmp_path, "digest", "--master", "local[2]")
    assert done.returncode == 2
    assert "--master: expected with --engine spark" in done.stderr
