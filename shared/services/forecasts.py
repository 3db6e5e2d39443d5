"""Stored forecasts: one object a week in the bucket, made by the first training after the week before has settled."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from shared.catalog.catalog import Catalog
from shared.errors import ArtifactError
from shared.monitoring.bookings import BookedWeeks, BookingForecast, booking_forecast, week_of, weekly_bookings
from shared.monitoring.forecast import HORIZON
from shared.ports import ObjectStore

FOLDER: Final = "forecasts/"
KEPT: Final = 104
"""Forecasts that are kept; older ones are deleted."""
_SUFFIX: Final = ".json"


def update(
    objects: ObjectStore, booked: Callable[[date], BookedWeeks], catalog: Catalog, *, now: datetime
) -> BookingForecast | None:
    """Forecast of the week of `now`, made and stored; None where it is stored already: a forecast never changes.

    A damaged one is replaced, and damaged ones of earlier weeks are not judged.

    Parameters
    ----------
    booked : gives the bookings of the weeks before a Monday, with rows of `catalog`.
    """
    week = week_of(now)
    name = f"{FOLDER}{week.isoformat()}{_SUFFIX}"
    before = objects.read(name)
    if before and _readable(objects, name):
        return None
    earlier = [stored for past in _names(objects, week)[-HORIZON:] if (stored := _readable(objects, past))]
    made = booking_forecast(weekly_bookings(booked(week), catalog), earlier, week=week, made_at=now)
    objects.write(name, made.to_json(), generation=before.generation if before else 0)
    for old in _names(objects, week)[: 1 - KEPT]:
        objects.delete(old)
    return made


def forecast_of(objects: ObjectStore, day: date) -> BookingForecast | None:
    """Forecast that was known at the end of a UTC day, the latest; None where none was made.

    Raises `ArtifactError` where it cannot be read.
    """
    # The latest may have been made on a later day of its week, or after it, when trainings had failed.
    for name in reversed(_names(objects, day + timedelta(days=1))):
        blob = objects.read(name)
        stored = BookingForecast.from_json(blob.data, name) if blob else None
        if stored and stored.made_at.date() <= day:
            return stored
    return None


def _names(objects: ObjectStore, until: date) -> list[str]:
    last = f"{FOLDER}{until.isoformat()}{_SUFFIX}"
    return [name for name in objects.names(FOLDER) if name < last]


def _readable(objects: ObjectStore, name: str) -> BookingForecast | None:
    blob = objects.read(name)
    try:
        return BookingForecast.from_json(blob.data, name) if blob else None
    except ArtifactError:
        # Nothing but a report depends on it, and the next week has another.
        return None
