"""Daily report: its sections of forecasts and calibration, and its stored form."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.errors import ArtifactError
from shared.monitoring.bookings import BookingForecast, Hits, SeriesForecast
from shared.monitoring.report import SERIES, DailyReport, calibration_section, forecast_section, plain_json

MADE = datetime(2026, 5, 5, 4, tzinfo=UTC)
MONDAY = date(2026, 5, 4)


def a_forecast(week: date, *, last: float, mean: float) -> BookingForecast:
    kinds = [("all", "")] + [("organizer", f"o{number}") for number in range(SERIES + 9)]
    series = [SeriesForecast(kind, name, last, [mean] * 4, [mean - 1] * 4, [mean + 1] * 4) for kind, name in kinds]
    return BookingForecast(week=week, made_at=MADE, series=series, hits=Hits(judged=10, inside=8))


def test_a_report_has_the_largest_series_of_each_kind() -> None:
    section = forecast_section(a_forecast(MONDAY, last=5, mean=6))
    assert [series["kind"] for series in section["series"]] == ["all", *["organizer"] * SERIES]
    assert forecast_section(None) == {}


def test_a_week_of_bookings_is_compared_with_its_own_forecast() -> None:
    now, before = a_forecast(MONDAY, last=5, mean=6), a_forecast(MONDAY - timedelta(days=7), last=9, mean=4)
    feedback = {"hit_lists": 3, "ndcg_at_10": 0.5, "reciprocal_rank": 0.4, "ctr": 0.1}
    section = calibration_section({"ndcg@10": 0.3}, feedback, now, before)
    assert section == {
        "holdout": {"ndcg@10": 0.3},
        "shown": {"hit_lists": 3, "ndcg_at_10": 0.5, "reciprocal_rank": 0.4},
        "intervals": {"judged": 10, "inside": 8, "expected": 0.8, "share": 0.8},
        "bookings": {"week": "2026-04-27", "forecast": 4, "low": 3, "high": 5, "counted": 5},
    }
    # That of another week predicted something else.
    assert "bookings" not in calibration_section({}, {}, now, now)
    assert calibration_section({}, {}, None, before).keys() == {"holdout", "shown"}


def test_a_stored_report_is_read_as_it_was_and_numbers_that_are_none_are_null() -> None:
    report = DailyReport(
        day=MONDAY, made_at=MADE, is_closed=True, sections={"model": {"age": float("nan"), "size": [1, float("inf")]}}
    )
    read = DailyReport.from_json(report.to_json(), "report")
    assert read.to_document() == report.to_document() == plain_json(report.to_document())
    assert read.sections["model"] == {"age": None, "size": [1, None]}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"day": "soon"},
        {"made_at": None},
        {"is_closed": 1},
        {"model": []},
        {"alerts": [1]},
        {"alerts": 1},
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, Any]) -> None:
    document = DailyReport(day=MONDAY, made_at=MADE, is_closed=True).to_document() | change
    with pytest.raises(ArtifactError, match="a-report"):
        DailyReport.from_json(json.dumps(document).encode(), "a-report")
