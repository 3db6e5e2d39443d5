"""Analysis of an experiment on the terminal: what people read, and the same as JSON."""

import json
from pathlib import Path

import pytest

from jobs.experiment import main
from shared.adapters.objects.folder import FolderObjects
from tests.unit.services.monitoring.test_experiments import EXPERIMENT, added


@pytest.fixture
def bucket(tmp_path: Path) -> str:
    added(FolderObjects(tmp_path))
    return f"folder:{tmp_path}"


def test_people_read_the_verdict_the_variants_and_their_differences(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([EXPERIMENT.experiment_id, "--objects", bucket]) == 0
    text = capsys.readouterr().out
    assert "ä b, after 2026-05-01\nUndecided so far: ctr" in text
    assert "Users are split as the shares say (p = " in text
    for words in ("now", "holdout", "bookings_per_user", "Difference of ctr by day"):
        assert words in text


def test_a_narrow_terminal_cuts_no_figure(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main([EXPERIMENT.experiment_id, "--objects", bucket]) == 0
    assert "…" not in capsys.readouterr().out


def test_json_is_the_analysis_as_it_is_stored(bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([EXPERIMENT.experiment_id, "--json", "--objects", bucket]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"]["kind"] == "undecided"
    assert found["history"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_experiment_without_an_analysis_is_an_error(
    bucket: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["other", *options, "--objects", bucket]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: there is no analysis of 'other' in {bucket}: no experiment has this id")
    assert said.out == ""
