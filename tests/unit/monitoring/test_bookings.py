"""Weekly bookings of a catalog, forecasts of them as stored, and how earlier ones fared."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.catalog import Catalog
from shared.entities import Interaction, InteractionType
from shared.errors import ArtifactError
from shared.feedback.interactions import InteractionTable
from shared.monitoring.bookings import (
    WEEK,
    BookingForecast,
    Hits,
    SeriesForecast,
    WeeklyBookings,
    booked_weeks,
    booking_forecast,
    week_of,
    weekly_bookings,
)
from tests.examples import an_event, an_interaction

MONDAY = date(2026, 4, 27)
MIDNIGHT = datetime(2026, 4, 27, tzinfo=UTC)
EVENTS = [
    an_event("jazz", category="Music", city="Bern", organizer_id="club"),
    an_event("rock", category="MUSIC ", city="Bern", organizer_id="hall"),
    an_event("talk", category="", city="Thun", organizer_id="hall"),
]
CATALOG = Catalog.of(EVENTS)


def _booked(event_id: str, before: timedelta, user: str = "u", kind: str = "booking") -> Interaction:
    return an_interaction(user, event_id, InteractionType(kind), occurred_at=MIDNIGHT - before)


def _weekly(*interactions: Interaction) -> dict[tuple[str, str], list[float]]:
    table = InteractionTable.of(interactions, CATALOG)
    return {
        (bookings.kind, name): counts.tolist()
        for bookings in weekly_bookings(booked_weeks(table, MONDAY), CATALOG)
        for name, counts in zip(bookings.names, bookings.counts, strict=True)
    }


def test_bookings_are_counted_by_week_category_city_and_organizer() -> None:
    found = _weekly(
        _booked("jazz", timedelta(seconds=1)),
        _booked("rock", timedelta(days=7)),
        _booked("talk", timedelta(days=7, seconds=1)),
        _booked("jazz", timedelta(days=15), "v"),
        _booked("jazz", timedelta(days=1), "v", "view"),
        _booked("unknown", timedelta(days=1)),
        _booked("jazz", timedelta(0), "w"),
    )
    assert found == {
        ("all", ""): [1, 1, 2],
        ("category", "music"): [1, 0, 2],
        ("city", "bern"): [1, 0, 2],
        ("city", "thun"): [0, 1, 0],
        ("organizer", "club"): [1, 0, 1],
        ("organizer", "hall"): [0, 1, 1],
    }


def test_a_booking_that_was_cancelled_later_stays_in_its_week() -> None:
    found = _weekly(_booked("jazz", timedelta(days=8)), _booked("jazz", timedelta(days=2), kind="cancel"))
    assert found["all", ""] == [1, 0]


def test_series_without_a_booking_in_the_last_year_are_left_out() -> None:
    found = _weekly(_booked("talk", timedelta(days=7 * 52 + 1)), _booked("jazz", timedelta(days=1)))
    assert ("city", "thun") not in found
    assert len(found["all", ""]) == 53


def test_nothing_is_forecast_of_nothing() -> None:
    weekly = weekly_bookings(booked_weeks(InteractionTable.of([], CATALOG), MONDAY), CATALOG)
    assert list(booking_forecast(weekly, [], week=MONDAY, made_at=MIDNIGHT).series) == []


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # Hypothesis
def test_the_week_before_a_forecast_is_a_day_old_and_weeks_begin_on_mondays(now: datetime) -> None:
    week = week_of(now)
    begin = datetime(week.year, week.month, week.day, tzinfo=UTC)
    assert week.weekday() == 0
    assert timedelta(days=1) <= now - begin < timedelta(days=8)


def _constant(week: date, low: float, high: float) -> BookingForecast:
    series = SeriesForecast("city", "bern", 3.0, [3.0] * 4, [low] * 4, [high] * 4)
    return BookingForecast(week=week, made_at=MIDNIGHT, series=[series])


def test_earlier_forecasts_are_judged_by_the_weeks_that_are_over() -> None:
    weekly = [WeeklyBookings("city", ["bern"], np.array([[0.0, 9.0, 2.0, 5.0, 3.0]]))]
    earlier = [_constant(MONDAY - back * WEEK, 2.0, 4.0) for back in range(7)]
    made = booking_forecast(weekly, earlier, week=MONDAY, made_at=MIDNIGHT)
    # Of one week back 3; of two 5, 3; of three 2, 5, 3; of four 9, 2, 5, 3.
    assert made.hits == Hits(judged=10, inside=6)
    assert made.hits.share == 0.6


def test_series_that_are_no_longer_counted_are_not_judged() -> None:
    made = booking_forecast([], [_constant(MONDAY - WEEK, 0, 1)], week=MONDAY, made_at=MIDNIGHT)
    assert made.hits == Hits()
    assert made.hits.share is None


def _made() -> BookingForecast:
    weekly = [WeeklyBookings("city", ["bern", "thun"], np.random.default_rng(5).poisson(4, (2, 80)).astype(float))]
    return booking_forecast(weekly, [_constant(MONDAY - WEEK, 0, 9)], week=MONDAY, made_at=MIDNIGHT)


def test_a_stored_forecast_is_read_as_it_was() -> None:
    made = _made()
    assert BookingForecast.from_json(made.to_json(), "forecasts/x.json") == made


SERIES: dict[str, Any] = {"kind": "city", "name": "a", "last": 1, "mean": [1] * 4, "low": [1] * 4, "high": [1] * 4}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"week": "soon"},
        {"week": 3},
        {"made_at": "2026-05-01T00:00:00"},
        {"made_at": None},
        {"hits": {}},
        {"hits": {"judged": "1", "inside": 0, "expected": 0.8}},
        {"series": {}},
        {"series": [None]},
        {"series": [{"kind": "city", "name": "a", "last": 1}]},
        {"series": [SERIES | {"name": 1}]},
        {"series": [SERIES | {"mean": [1]}]},
        {"series": [SERIES | {"low": [1, "", 1, 1]}]},
        {"series": [SERIES | {"last": []}]},
    ],
)
def test_damaged_forecasts_are_refused_with_their_name(change: dict[str, Any]) -> None:
    data = json.dumps(json.loads(_made().to_json()) | change).encode()
    with pytest.raises(ArtifactError, match=r"^forecasts/x\.json: "):
        BookingForecast.from_json(data, "forecasts/x.json")


def test_documents_of_forecasts_hold_plain_numbers() -> None:
    document = _made().to_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["hits"] == {"judged": 1, "inside": 1, "expected": 0.8, "share": 1.0}
    assert replace(_made(), hits=Hits()).to_document()["hits"]["share"] is None
