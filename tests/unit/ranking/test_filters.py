"""Filters, each on events with known location, time and price."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import Event, Location
from shared.ranking.filters import Filters
from shared.signals.candidates import Candidates
from tests.examples import DAY, NOW, an_event

CHICAGO = Location(41.88, -87.63)
HOUR = timedelta(hours=1)
FRIDAY = datetime(2026, 5, 1, tzinfo=UTC)  # NOW is this day's noon

EVENTS = (
    an_event(
        "near", location=Location(41.89, -87.64), category="Music", tags=("Jazz", "rare"), price=10.0, city="Chicago"
    ),
    an_event("far", location=Location(43.04, -87.91), category="music", tags=("jazz",), price=30.0, city="Milwaukee"),
    an_event("nowhere", starts_at=NOW + 5 * DAY, tags=("yoga",)),
    an_event("undated", starts_at=None, category="Sport", price=0.0),
)


def _passing(filters: Filters, events: tuple[Event, ...] = EVENTS, now: datetime = NOW) -> set[str]:
    catalog = Catalog.of(events)
    rows = np.arange(len(catalog))
    allowed = filters.allowed(Candidates(catalog, rows, now.timestamp(), np.zeros(len(rows))), now)
    return set(catalog.events.ids(rows[allowed]))


@pytest.mark.parametrize(
    ("filters", "passing"),
    [
        (Filters(), {"near", "far", "nowhere", "undated"}),
        (Filters(near=CHICAGO, radius_km=5), {"near"}),
        (Filters(near=CHICAGO, radius_km=140), {"near", "far"}),
        (Filters(radius_km=1), {"near", "far", "nowhere", "undated"}),
        (Filters(category=("MUSIC",)), {"near", "far"}),
        (Filters(category=("mus",)), set()),
        (Filters(tags=("RARE", "unheard of")), {"near"}),
        (Filters(tags=("jazz", "yoga")), {"near", "far", "nowhere"}),
        (Filters(city=("chicago",)), {"near"}),
        (Filters(category=("sport", "Music")), {"near", "far", "undated"}),
        (Filters(category=("sport", "unheard of")), {"undated"}),
        (Filters(city=("MILWAUKEE", "Chicago", "Rome")), {"near", "far"}),
        (Filters(max_price=10), {"near", "undated"}),
        (Filters(max_price=9.99), {"undated"}),
        (Filters(exclude=("near", "unknown")), {"far", "nowhere", "undated"}),
        (Filters(since=NOW + 2 * DAY), {"nowhere"}),
        (Filters(until=NOW + 2 * DAY), {"near", "far"}),
        (Filters(since=NOW + DAY, until=NOW + DAY), set()),
        (Filters(category=("music",), city=("Milwaukee",), max_price=30), {"far"}),
    ],
)
def test_filters_keep_events_that_meet_all_conditions(filters: Filters, passing: set[str]) -> None:
    assert _passing(filters) == passing


def test_distance_is_great_circle_distance() -> None:
    # A quarter of the Earth's circumference is 10,007.5 km; across the date line the distance is short.
    pole = an_event("pole", location=Location(90, 0))
    equator = Location(0, 0)
    assert _passing(Filters(near=equator, radius_km=10_000), (pole,)) == set()
    assert _passing(Filters(near=equator, radius_km=10_010), (pole,)) == {"pole"}
    fiji = an_event("fiji", location=Location(-17, 179.9))
    assert _passing(Filters(near=Location(-17, -179.9), radius_km=25), (fiji,)) == {"fiji"}


def _at(hours: float, lng: float | None = None) -> Event:
    location = None if lng is None else Location(0, lng)
    return an_event(f"{hours}", starts_at=FRIDAY + timedelta(hours=hours), location=location)


@pytest.mark.parametrize(
    ("when", "now", "hours", "lng", "is_in"),
    [
        ("today", FRIDAY, 0, None, True),
        ("today", FRIDAY, 23.9, None, True),
        ("today", FRIDAY, 24, None, False),
        ("today", FRIDAY, -0.1, None, False),
        # At 90 degrees west it is still Thursday when Friday begins in Greenwich, until six hours later.
        ("today", FRIDAY, 5.9, -90, True),
        ("today", FRIDAY, 6, -90, False),
        ("weekend", FRIDAY, 23.9, None, False),
        ("weekend", FRIDAY, 24, None, True),
        ("weekend", FRIDAY, 71.9, None, True),
        ("weekend", FRIDAY, 72, None, False),
        ("weekend", FRIDAY + DAY, 24, None, True),
        ("weekend", FRIDAY + 2 * DAY, 48, None, True),
        ("weekend", FRIDAY + 2 * DAY, 8 * 24, None, False),
        ("weekend", FRIDAY + 3 * DAY, 8 * 24, None, True),
        ("week", FRIDAY, 0, None, True),
        ("week", FRIDAY, 7 * 24 - 0.1, None, True),
        ("week", FRIDAY, 7 * 24, None, False),
    ],
)
def test_named_times_are_local_days_at_the_event_s_location(
    when: str, now: datetime, hours: float, lng: float | None, *, is_in: bool
) -> None:
    passing = _passing(Filters(when=when, starts_only=True), (_at(hours, lng),), now)
    assert (passing != set()) == is_in


@pytest.mark.parametrize(
    ("filters", "now", "passing"),
    [
        (Filters(when="today"), FRIDAY + 12 * HOUR, {"fair", "late", "night"}),
        (Filters(when="today"), FRIDAY + DAY, {"fair", "night"}),
        (Filters(when="weekend"), FRIDAY, {"fair", "night"}),
        (Filters(when="today"), FRIDAY + 2 * DAY, {"fair"}),
        (Filters(when="today"), FRIDAY + 3 * DAY, set()),
        (Filters(when="today", starts_only=True), FRIDAY, {"late", "night"}),
        (Filters(when="week"), FRIDAY - 4 * DAY, {"fair", "late", "night"}),
        (Filters(when="week", starts_only=True), FRIDAY - 2 * DAY, {"fair", "late", "night"}),
        (Filters(since=FRIDAY), FRIDAY, {"fair", "late", "night"}),
        (Filters(since=FRIDAY, starts_only=True), FRIDAY, {"late", "night"}),
        (Filters(since=FRIDAY + 22 * HOUR), FRIDAY, {"fair", "late", "night"}),
        (Filters(since=FRIDAY + 23 * HOUR), FRIDAY, {"fair", "night"}),
        (Filters(since=FRIDAY, until=FRIDAY + HOUR), FRIDAY, {"fair"}),
        (Filters(since=FRIDAY + 3 * DAY), FRIDAY, set()),
    ],
)
def test_periods_select_what_is_on_at_some_time_of_them(filters: Filters, now: datetime, passing: set[str]) -> None:
    events = (
        an_event("fair", starts_at=FRIDAY - 2 * DAY, ends_at=FRIDAY + 3 * DAY),
        # Until three hours later, as is assumed.
        an_event("late", starts_at=FRIDAY + 20 * HOUR),
        an_event("night", starts_at=FRIDAY + 22 * HOUR, ends_at=FRIDAY + 28 * HOUR),
    )
    assert _passing(filters, events, now) == passing


@pytest.mark.parametrize("when", ["today", "weekend", "week"])
def test_undated_events_pass_no_named_time(when: str) -> None:
    assert _passing(Filters(when=when), (an_event("undated", starts_at=None),)) == set()


def test_tag_filter_sees_tags_of_events_added_or_changed_after_training() -> None:
    catalog = Catalog.of(EVENTS).merged([replace(EVENTS[0], tags=("polka",)), an_event("new", tags=("Jazz", "polka"))])
    rows = np.arange(len(catalog))
    candidates = Candidates(catalog, rows, NOW.timestamp(), np.zeros(len(rows)))
    for tag, ids in (("polka", {"near", "new"}), ("jazz", {"far", "new"}), ("rare", set()), ("yoga", {"nowhere"})):
        assert set(catalog.events.ids(rows[Filters(tags=(tag,)).allowed(candidates, NOW)])) == ids
