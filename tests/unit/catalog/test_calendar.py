"""Local time of events: zones, days, and the assumed ends of events without one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.calendar import Calendar
from shared.catalog.catalog import Catalog
from shared.entities import Event, Location
from shared.entities.fields import zone_names
from tests.examples import DAY, NOW, EventFields, an_event

HOUR = timedelta(hours=1)
zones = st.sampled_from(sorted(zone_names()))
moments = st.integers(631_152_000, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
EPOCH = date(1970, 1, 1)


def _local_day(moment: datetime, zone: str) -> int:
    return (moment.astimezone(ZoneInfo(zone)).date() - EPOCH).days


@given(zones, zones, moments, st.timedeltas(timedelta(minutes=1), 20 * DAY), moments)
def test_days_are_those_of_the_clock_where_the_event_is(
    zone: str, default: str, starts_at: datetime, length: timedelta, now: datetime
) -> None:
    elsewhere = Location(0, -100)
    events = [
        an_event("own", timezone=zone, starts_at=starts_at, ends_at=starts_at + length, location=elsewhere),
        an_event("without", starts_at=starts_at, ends_at=starts_at + length, location=elsewhere),
    ]
    catalog = Catalog.of(events, calendar=Calendar(default))
    rows = np.arange(2)
    first, last = catalog.days(rows)
    last_moment = starts_at + length - timedelta(microseconds=1)
    assert first.tolist() == [_local_day(starts_at, name) for name in (zone, default)]
    assert last.tolist() == [_local_day(last_moment, name) for name in (zone, default)]
    assert catalog.today(rows, now).tolist() == [_local_day(now, name) for name in (zone, default)]
    ahead = catalog.days_ahead(rows, now)
    expected = [_local_day(starts_at, name) - _local_day(now, name) for name in (zone, default)]
    assert np.isnan(ahead).all() if starts_at <= now else ahead.tolist() == expected


@pytest.mark.parametrize(
    ("now", "starts_at", "days"),
    [
        # Friday 20:00 to Sunday.
        ("2026-05-01T20:00", "2026-05-03T12:00", 2),
        ("2026-05-01T20:00", "2026-05-01T23:59", 0),
        ("2026-05-01T20:00", "2026-05-02T00:00", 1),
        ("2026-05-01T00:01", "2026-05-02T23:59", 1),
        ("2026-05-01T20:00", "2026-05-01T19:00", None),
    ],
)
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Pago_Pago", "America/Chicago", "Asia/Kolkata"])
def test_tomorrow_is_the_next_day_of_the_calendar(zone: str, now: str, starts_at: str, days: int | None) -> None:
    begins, is_now = (datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in (starts_at, now))
    catalog = Catalog.of([an_event(starts_at=begins, timezone=zone)])
    [ahead] = catalog.days_ahead(np.array([0]), is_now).tolist()
    assert (None if np.isnan(ahead) else ahead) == days


def test_without_a_zone_the_sun_tells_and_without_a_place_utc() -> None:
    late = datetime(2026, 5, 1, 23, tzinfo=UTC)
    events = [an_event("a", starts_at=late, location=Location(0, 90)), an_event("b", starts_at=late)]
    first, _ = Catalog.of(events).days(np.arange(2))
    assert first.tolist() == [_local_day(late, "Asia/Dhaka"), _local_day(late, "UTC")]


@pytest.mark.parametrize(
    ("event", "calendar", "hours"),
    [
        ({"ends_at": NOW + 9 * HOUR}, Calendar(), 9),
        ({}, Calendar(), 3),
        ({}, Calendar(assumed_hours=0), 0),
        ({}, Calendar(assumed_hours=5.5), 5.5),
        ({"timezone": "Europe/Paris"}, Calendar(), 3),
    ],
)
def test_an_event_without_an_end_lasts_for_the_assumed_time(
    event: EventFields, calendar: Calendar, hours: float
) -> None:
    assert calendar.over_at(replace(an_event(**event), starts_at=NOW)) == NOW + hours * HOUR


@given(zones, st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_an_event_without_a_time_of_day_lasts_all_day(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    starts_at = midnight.astimezone(UTC)
    # Where the clock leaps over midnight, no time of the day is left out.
    if starts_at.astimezone(zone).replace(tzinfo=None) != midnight.replace(tzinfo=None):
        return
    for calendar, event in (
        (Calendar(name), an_event(starts_at=starts_at, location=Location(1, 2))),
        (Calendar("Asia/Tokyo"), an_event(starts_at=starts_at, timezone=name)),
    ):
        over_at = calendar.over_at(event)
        assert over_at is not None
        assert over_at == (midnight + DAY).astimezone(UTC)
        assert over_at <= event.starts_at + timedelta(hours=25) if event.starts_at else False


def test_an_undated_event_is_never_live_and_one_with_an_end_is_until_then() -> None:
    events = [Event(event_id="undated"), Event(event_id="until", ends_at=NOW + DAY), an_event("dated")]
    catalog = Catalog.of(events)
    assert catalog.events.ids(np.flatnonzero(catalog.live(NOW))) == ["dated", "until"]
    assert catalog.events.ids(np.flatnonzero(catalog.live(NOW + 700 * DAY))) == []


def test_arrays_of_a_catalog_keep_its_calendar() -> None:
    catalog = Catalog.of([an_event("a", timezone="Asia/Kolkata"), an_event("b")], calendar=Calendar("Asia/Tokyo", 5.0))
    restored = Catalog.from_arrays(catalog.to_arrays())
    assert restored.calendar == Calendar("Asia/Tokyo", 5.0)
    added = restored.merged([an_event("c", starts_at=NOW)])
    for again in (restored, added):
        rows = again.events.rows(["a", "b"])
        assert again.days(rows)[0].tolist() == catalog.days(np.arange(2))[0].tolist()
    assert added.start_shift_s[added.events.row("c")] == 9 * 3_600


def test_arrays_of_earlier_versions_have_solar_time() -> None:
    catalog = Catalog.of([an_event("a", location=Location(0, 90), starts_at=datetime(2026, 5, 1, 23, tzinfo=UTC))])
    former = {
        key: array
        for key, array in catalog.to_arrays().items()
        if not key.endswith(("_shift_s", "_timezone", "_hours")) and "catalog.timezone" not in key
    }
    restored = Catalog.from_arrays(former)
    assert restored.days(np.array([0]))[0].tolist() == catalog.days(np.array([0]))[0].tolist()
