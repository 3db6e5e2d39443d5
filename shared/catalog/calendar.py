"""Local time of events: time zones, and the assumed end of events without one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shared.catalog.attributes import CategoricalAttribute
from shared.catalog.geography import solar_shift_s
from shared.entities import Event
from shared.settings import ASSUMED_HOURS

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local time of a deployment's events.

    Attributes
    ----------
    timezone : IANA name of the zone of events that name none; "" for the mean solar time at their location, and UTC
        where that is unknown, too.
    assumed_hours : length of an event whose end is unknown, hours, 0..24. One that starts at midnight of its zone has
        no time of day, so it lasts all day.
    """

    timezone: str = ""
    assumed_hours: float = ASSUMED_HOURS

    def shift_s(self, event: Event, at: datetime | None) -> float:
        """Seconds by which local time at an event is ahead of UTC at a time; NaN for None."""
        if at is None:
            return np.nan
        if name := event.timezone or self.timezone:
            return zone_shift_s(name, at)
        return solar_shift_s(event.location.lng) if event.location else 0.0

    def shifts_s(
        self, zones: CategoricalAttribute, rows: NDArray[np.integer], lng: NDArray[np.floating], at: datetime
    ) -> NDArray[np.float64]:
        """Seconds by which local time is ahead of UTC at one time, for n events, float64 of shape (n,).

        Parameters
        ----------
        zones : time zones of all events.
        rows : int of shape (n,) – the events.
        lng : float of shape (n,) – their longitudes in degrees, NaN where unknown.
        """
        shifts: NDArray[np.float64] = (
            np.full(len(rows), zone_shift_s(self.timezone, at))
            if self.timezone
            else solar_shift_s(np.nan_to_num(lng.astype(np.float64)))
        )
        codes = zones.at(rows)
        of_zones = np.array([zone_shift_s(name, at) for name in zones.names.ids()])
        shifts[codes >= 0] = of_zones[codes[codes >= 0]] if len(of_zones) else 0.0
        return shifts

    def over_at(self, event: Event) -> datetime | None:
        """End of an event, the assumed one where it is unknown; None when undated."""
        if event.ends_at or event.starts_at is None:
            return event.ends_at
        name = event.timezone or self.timezone
        if not name and event.location:
            # Midnight of solar time is no midnight of any clock.
            return event.starts_at + timedelta(hours=self.assumed_hours)
        local = event.starts_at.astimezone(zone(name) if name else UTC)
        if (local.hour, local.minute, local.second, local.microsecond) != (0, 0, 0, 0):
            return event.starts_at + timedelta(hours=self.assumed_hours)
        # The next midnight by the clock, also on a day of 23 or 25 hours.
        return (local + _DAY).astimezone(UTC)


@cache
def zone(name: str) -> ZoneInfo:
    """Time zone of one of `fields.zone_names`."""
    # Kept for good: zoneinfo itself keeps eight and reads the others again.
    return ZoneInfo(name)


def zone_shift_s(name: str, at: datetime) -> float:
    """Seconds by which the time of a zone is ahead of UTC at a time."""
    offset = at.astimezone(zone(name)).utcoffset()
    return offset.total_seconds() if offset else 0.0
