"""Request filters of events: distance, time, category, city, tags, price and excluded ids."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.geography import great_circle_km, unit_vectors
from shared.entities.fields import Location
from shared.entities.names import name_keys
from shared.signals.candidates import Candidates
from shared.signals.static_candidates import StaticCandidates

TODAY: Final = "today"
WEEKEND: Final = "weekend"
WEEK: Final = "week"
_SATURDAY: Final = 5
"""Weekday of Saturday, Monday being 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Filters of a list; an event must meet all of them, and an unknown attribute meets no condition on it.

    Attributes
    ----------
    near, radius_km : greatest distance from a point, km.
    since, until : half-open period; None for an open end.
    when : `today`, `weekend` or `week`, in local days of the event; "" for any time.
    starts_only : whether the event must start within `since`, `until` and `when`, rather than be on at some time of it.
    category, city : any of these, in any spelling with the same `name_key`; none for all.
    tags : at least one of these, in any such spelling.
    max_price : in the event's own currency.
    exclude : event ids to leave out.
    """

    near: Location | None = None
    radius_km: float = 25.0
    since: datetime | None = None
    until: datetime | None = None
    when: str = ""
    starts_only: bool = False
    category: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    max_price: float | None = None
    city: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def allowed(self, candidates: Candidates, now: datetime) -> NDArray[np.bool_]:
        """Mask of the candidates that meet all conditions, bool of shape (c,)."""
        catalog, rows = candidates.catalog, candidates.rows
        allowed = np.ones(len(rows), np.bool_)
        if self.near is not None:
            allowed &= distance_km(candidates, self.near) <= self.radius_km
        starts_at, ends_at = candidates.static.starts_at, candidates.static.ends_at
        if self.since is not None:
            begin = self.since.timestamp()
            # Without a start it is inf, which would pass.
            allowed &= np.isfinite(starts_at) & ((starts_at >= begin) | (ends_at > begin) & (not self.starts_only))
        if self.until is not None:
            allowed &= starts_at < self.until.timestamp()
        if self.when:
            allowed &= _is_on(self.when, candidates, now, starts_only=self.starts_only)
        for field, names in (("category", self.category), ("city", self.city)):
            if names:
                codes = catalog.fields[field].names.rows(name_keys(names))
                allowed &= np.isin(candidates.static.codes[field], codes[codes >= 0])
        if self.tags:
            allowed &= catalog.tags.having(name_keys(self.tags))[rows]
        if self.max_price is not None:
            allowed &= catalog.price[rows] <= self.max_price
        if self.exclude:
            allowed &= ~np.isin(rows, catalog.events.rows(self.exclude))
        return allowed


def distance_km(candidates: Candidates, place: Location) -> NDArray[np.float64]:
    """Great-circle distance of c candidates from a point, km, float64 of shape (c,), NaN where unknown."""
    origin = unit_vectors(np.array([place.lat]), np.array([place.lng]))
    return great_circle_km(candidates.static.derived(_points), origin)


def _points(candidates: StaticCandidates) -> NDArray[np.float64]:
    """Unit vectors of the candidates' locations, float64 of shape (c, 3), NaN where unknown."""
    catalog, rows = candidates.catalog, candidates.rows
    return unit_vectors(catalog.lat[rows].astype(np.float64), catalog.lng[rows].astype(np.float64))


def _is_on(when: str, candidates: Candidates, now: datetime, *, starts_only: bool) -> NDArray[np.bool_]:
    """Mask of the candidates that are on `today`, at the `weekend` or within the `week`, bool of shape (c,)."""
    today = candidates.catalog.today(candidates.rows, now)
    first, last = today, today
    if when == WEEK:
        last = today + 6
    elif when == WEEKEND:
        # 1970 began on a Thursday; on a Sunday the weekend is the one that began yesterday.
        weekday = (today + 3) % 7
        first = today + np.where(weekday > _SATURDAY, -1, _SATURDAY - weekday)
        last = first + 1
    start_day, end_day = candidates.static.derived(_days).T
    reached = start_day if starts_only else end_day
    is_within: NDArray[np.bool_] = (start_day <= last) & (reached >= first)
    return is_within


def _days(candidates: StaticCandidates) -> NDArray[np.float64]:
    """First and last local day of each candidate, float64 of shape (c, 2), see `Catalog.days`."""
    return np.stack(candidates.catalog.days(candidates.rows), axis=1)
