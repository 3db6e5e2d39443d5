"""Reports on the terminal: what people read, and the same as JSON."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.report import main
from shared.adapters.objects.folder import FolderObjects
from shared.entities.prices import Prices, Usage
from shared.entities.provenance import Segment
from shared.monitoring.alerts import Episodes
from shared.monitoring.operations import HourFigures
from shared.monitoring.report import DailyReport, DeadLetterFigures, alerts_of, operations_section
from shared.services.monitoring.reports import CLOSED, OPEN
from tests.unit.monitoring.test_operations import a_list

DAY = date(2026, 5, 1)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_report(day: date, **sections: Any) -> DailyReport:
    hour = HourFigures(hour=NOON)
    for _ in range(1_500):
        hour.add("getPopularEvents", 200, 0.02, a_list(Segment.WARM))
    hour.settled.update(runs=144, interactions=9)
    operations = operations_section(
        [hour], used=Usage(reads=1e6), prices=Prices(), dead_letters=DeadLetterFigures(open=1)
    )
    episodes = Episodes().after({"errors": 0.5}, {"errors": 0.01}, NOON).episodes
    return DailyReport(
        day=day,
        made_at=NOON,
        is_closed=day == DAY,
        sections={"operations": operations, **sections},
        alerts=alerts_of(episodes, day),
    )


@pytest.fixture
def bucket(tmp_path: Path) -> str:
    objects = FolderObjects(tmp_path)
    drift = {"run_id": "r", "verdict": "drifted", "drifted": ["price"]}
    model = {"version": "v[1]", "age_days": 1.25, "trainings": [], "drift": drift}
    feedback = {"impressions": 12_345, "ctr": 0.0417, "by": {"list": {"popular": {"ctr": 0.0302}}}}
    series = [
        {"kind": kind, "name": name, "last": 7.0, "mean": [9.5] * 4, "low": [4.0] * 4, "high": [15.0] * 4}
        for kind, name in [("all", ""), *(("city", f"town {number}") for number in range(9))]
    ]
    forecast = {"week": "2026-04-27", "series": series}
    last = a_report(date(2026, 5, 2), model=model, feedback=feedback, forecast=forecast)
    objects.write(f"{CLOSED}2026-05-01.json", a_report(DAY).to_json(), generation=0)
    objects.write(f"{OPEN}2026-05-02.json", last.to_json(), generation=0)
    return f"folder:{tmp_path}"


def test_people_read_alerts_days_and_the_last_day_in_detail(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["--from", "2026-04-30", "--to", "2026-05-02", "--objects", bucket]) == 0
    shown = capsys.readouterr().out
    for text in ("errors", "open", "2026-05-01", "2026-05-02 …", "1,500", "20.", "drifted", "1.2 d", "0.60", "v[1]"):
        assert text in shown, text
    for text in ("getPopularEvents", "warm", "requests by hour", "█", "4.17%", "price"):
        assert text in shown, text
    assert "9.5 (4–15)" in shown
    assert ("town 4" in shown, "town 5" in shown) == (True, False)
    assert max(map(len, shown.splitlines())) <= 120


def test_programs_read_what_the_api_returns(bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--from", "2026-05-01", "--to", "2026-05-02", "--objects", bucket, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["from"], found["to"]) == ("2026-05-01", "2026-05-02")
    assert [report["is_closed"] for report in found["reports"]] == [True, False]
    assert found["reports"][0] == a_report(DAY).to_document()


def test_a_period_without_reports_says_so(bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--from", "2025-01-01", "--to", "2025-01-02", "--objects", bucket]) == 0
    assert "no reports from 2025-01-01 to 2025-01-02" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--from", "yesterday"], "--from"),
        (["--to", "2026-13-01"], "--to"),
        (["--from", "2026-05-02", "--to", "2026-05-01"], "--from"),
    ],
)
def test_a_period_that_cannot_be_asked_for_is_wrong_usage(
    bucket: str, words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--objects", bucket]) == 2
    assert f"error: {named}: expected a" in capsys.readouterr().err
