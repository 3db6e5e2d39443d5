"""Events of the synthetic city: recurring series and single events before and after now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from jobs.city import wording
from jobs.city.organizers import Organizer, build_organizers
from jobs.city.places import CITY, Venue, build_venues, to_location
from jobs.city.themes import Theme
from shared.entities import Event, Status

# Share of events that start after now.
_SHARE_AHEAD: Final = 0.42
_FIRST_WEEK, _LAST_WEEK = -25, 7
_EVENTS_PER_ORGANIZER: Final = 5
_EVENTS_PER_VENUE: Final = 25
_MIN_VENUES: Final = 12
# Interval of a series in weeks, 0 for a single event, and its probability.
_WEEKS_BETWEEN: Final = (0, 1, 2, 4)
_HOW_OFTEN: Final = (0.35, 0.3, 0.2, 0.15)
# Share of events of each status other than published, and least number of events for these to occur.
_SHARE_OF_STATUS: Final = 0.02
_FEWEST_WITH_STATUS: Final = 10
MIN_ON_SALE: Final = timedelta(hours=2)
"""Shortest time between the announcement of an event and now."""


@dataclass(frozen=True, slots=True)
class Programme:
    """Programme: all events, with their organizers and venues.

    Parameters
    ----------
    events : ordered by start; `event_1` is the earliest.
    hosts : the organizer row of each event, in the same order.
    venues : the venue of each event, in the same order.
    organizers : all organizers.
    """

    events: tuple[Event, ...]
    hosts: tuple[int, ...]
    venues: tuple[Venue, ...]
    organizers: tuple[Organizer, ...]


def build_programme(rng: np.random.Generator, themes: Sequence[Theme], *, count: int, now: datetime) -> Programme:
    """Programme of `count` events: about 58 % in the 180 days before `now`, the rest in the 60 days after it."""
    venues = build_venues(rng, max(min(count, _MIN_VENUES), count // _EVENTS_PER_VENUE))
    organizers = build_organizers(rng, themes, venues, max(1, round(count / _EVENTS_PER_ORGANIZER)))
    planned = [
        (event, host, venue)
        for host, weeks in _series(rng, count, len(organizers))
        for event, venue in _instances(rng, organizers[host], weeks, now)
    ]
    planned.sort(key=lambda plan: str(plan[0].starts_at))
    events = [replace(event, event_id=f"event_{number}") for number, (event, _, _) in enumerate(planned, 1)]
    if count >= _FEWEST_WITH_STATUS:
        _withdraw(rng, events)
    hosts, event_venues = tuple(host for _, host, _ in planned), tuple(venue for _, _, venue in planned)
    return Programme(tuple(events), hosts, event_venues, tuple(organizers))


def _series(rng: np.random.Generator, count: int, organizers: int) -> Iterator[tuple[int, list[int]]]:
    """Series as `(organizer row, weeks)`; week 0 begins now. Every organizer gets a series before any gets a second."""
    ahead = max(1, round(count * _SHARE_AHEAD))
    behind = count - ahead
    turn = 0
    while ahead + behind:
        host = turn if turn < organizers else int(rng.integers(organizers))
        turn += 1
        between = int(rng.choice(_WEEKS_BETWEEN, p=_HOW_OFTEN))
        length = int(rng.integers(2, 9)) if between else 1
        length = min(length, max(1, ahead + behind - max(0, organizers - turn)))
        coming = int(rng.binomial(length, ahead / (ahead + behind)))
        coming = min(max(coming, length - behind), ahead)
        weeks = _weeks(rng, max(between, 1), coming=coming, gone=length - coming)
        ahead -= sum(week >= 0 for week in weeks)
        behind -= sum(week < 0 for week in weeks)
        yield host, weeks


def _weeks(rng: np.random.Generator, step: int, *, coming: int, gone: int) -> list[int]:
    """Weeks of a series, cut at the first and last week of the programme; at least one week."""
    is_single = coming + gone == 1
    first = int(rng.integers(_LAST_WEEK + 1 if is_single else step))
    latest = int(rng.integers(_FIRST_WEEK, 0)) if is_single else first - step
    next_weeks = list(range(first, _LAST_WEEK + 1, step))[:coming]
    return list(range(latest, _FIRST_WEEK - 1, -step))[:gone] + next_weeks


def _instances(
    rng: np.random.Generator, organizer: Organizer, weeks: Sequence[int], now: datetime
) -> Iterator[tuple[Event, Venue]]:
    theme, topic = organizer.theme, organizer.topic
    is_usual = rng.random() < 0.8
    weekday = organizer.weekday if is_usual else int(rng.choice(theme.weekdays))
    hour = organizer.hour if is_usual else int(rng.choice(theme.hours))
    venue = organizer.venues[0 if rng.random() < 0.6 else rng.integers(len(organizer.venues))]
    pattern, subject = str(rng.choice(topic.titles)), str(rng.choice(topic.subjects))
    length = timedelta(hours=int(rng.integers(theme.length_h[0], theme.length_h[1] + 1)))
    first = _next(now, weekday, hour)
    for week in weeks:
        guest = subject if rng.random() < 0.5 else str(rng.choice(topic.subjects))
        starts_at = first + timedelta(weeks=week)
        announced = starts_at - timedelta(minutes=int(rng.integers(5 * 1440, 60 * 1440)))
        latest = now - MIN_ON_SALE - timedelta(minutes=int(rng.integers(12 * 1440)))
        event = Event(
            event_id="",
            title=wording.title(pattern, guest, venue, weekday),
            description=wording.description(rng, organizer, guest, venue),
            category=theme.category,
            subcategory=topic.name,
            tags=tuple(topic.tags[row] for row in sorted(rng.choice(len(topic.tags), size=4, replace=False))),
            organizer_id=organizer.organizer_id,
            venue_id=venue.venue_id,
            city=CITY,
            location=to_location(venue.east_km, venue.north_km),
            starts_at=starts_at,
            ends_at=starts_at + length,
            price=round(2 * organizer.price * rng.uniform(0.85, 1.2)) / 2,
            currency="EUR",
            capacity=max(10, 5 * round(venue.capacity * rng.uniform(0.5, 1.0) / 5)),
            created_at=min(announced, latest),
        )
        yield event, venue


def _next(now: datetime, weekday: int, hour: int) -> datetime:
    """First time after `now` with this weekday (Monday = 0) and hour, UTC."""
    day = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=(weekday - now.weekday()) % 7)
    starts_at = day + timedelta(hours=hour)
    return starts_at if starts_at > now else starts_at + timedelta(weeks=1)


def _withdraw(rng: np.random.Generator, events: list[Event]) -> None:
    each = max(1, round(len(events) * _SHARE_OF_STATUS))
    rows = rng.choice(len(events), size=(3, each), replace=False)
    for status, chosen in zip((Status.CANCELLED, Status.HIDDEN, Status.SOLD_OUT), rows.tolist(), strict=True):
        for row in chosen:
            events[row] = replace(events[row], status=status)
