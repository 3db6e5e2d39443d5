"""Bookings to come: weekly bookings of categories, cities and organizers, forecast and later judged by what came."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.entities.stored import read_object, require_format, required, required_numbers
from shared.errors import InvalidField
from shared.feedback.interactions import DAY_S, InteractionColumns, InteractionTable
from shared.feedback.weights import CODES
from shared.monitoring.forecast import COVERAGE, HORIZON, forecast

FORMAT: Final = 1
"""Version of the stored form; other versions are refused."""

WEEK: Final = timedelta(days=7)
ALL: Final = "all"
"""Kind of the series of all bookings, whose name is ""."""
_KINDS: Final = (ALL, "category", "city", "organizer")
_WEEK_S: Final = 7 * DAY_S
_MONDAY_S: Final = 4 * DAY_S
"""First Monday of 1970, POSIX seconds."""
_SETTLED_S: Final = DAY_S
"""Age of a week from which its accounts are established, see `feedback/accounts.py`, and its bookings in the table."""
PAST_WEEKS: Final = 260
"""Weeks of the past that are read: three years of seasons, and the half year around the first."""
_ACTIVE_WEEKS: Final = 52
"""Weeks in which a series must have had a booking."""
_LARGEST: Final = 200
"""Series of a kind that are forecast: those with the most bookings, since few weeks of the others have any."""
_DIGITS: Final = 3
_NUMBERS: Final = ("mean", "low", "high")


@dataclass(frozen=True, slots=True)
class WeeklyBookings:
    """Weekly bookings of the n series of a kind.

    Attributes
    ----------
    kind : `all`, `category`, `city` or `organizer`.
    names : the categories or cities as keys (`entities/names.py`), or the ids of the organizers.
    counts : float64 of shape (n, weeks) – bookings of each week, the latest last.
    """

    kind: str
    names: Sequence[str]
    counts: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BookedWeeks:
    """Bookings by event and week, m cells.

    Attributes
    ----------
    event_rows : int64 of shape (m,) – rows of the events, -1 for unknown ones.
    back : int64 of shape (m,) – weeks from the cell's to the latest one, which is 0.
    counts : int64 of shape (m,) – bookings.
    """

    event_rows: NDArray[np.int64]
    back: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeriesForecast:
    """Forecast of a series for the weeks to come.

    Attributes
    ----------
    kind, name : as in `WeeklyBookings`.
    last : bookings of the latest week.
    mean, low, high : expected bookings of each week and the interval around them, see `Forecasts`.
    """

    kind: str
    name: str
    last: float
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class Hits:
    """Hits of earlier forecasts: how many intervals held the bookings that came.

    Attributes
    ----------
    judged, inside : numbers of intervals whose week is over, and of those that held its bookings.
    expected : share that should be inside.
    """

    judged: int = 0
    inside: int = 0
    expected: float = COVERAGE

    @property
    def share(self) -> float | None:
        """Share of the intervals that held, None where none is judged."""
        return round(self.inside / self.judged, _DIGITS) if self.judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingForecast:
    """Forecast of bookings, made once a week.

    Attributes
    ----------
    week : Monday with which the first week of the forecasts begins; weeks are those of UTC.
    made_at : time of the training that made it, UTC.
    series : forecasts, the kinds in their order, within a kind the series with most bookings first.
    hits : hits of the forecasts of the four weeks before, in the weeks that are over.
    """

    week: date
    made_at: datetime
    series: Sequence[SeriesForecast] = ()
    hits: Hits = field(default_factory=Hits)

    def to_document(self) -> dict[str, Any]:
        """JSON object, the section `forecast` of a report."""
        return {
            "format": FORMAT,
            "week": self.week.isoformat(),
            "made_at": self.made_at.isoformat(),
            "series": [asdict(series) for series in self.series],
            "hits": {**asdict(self.hits), "share": self.hits.share},
        }

    def to_json(self) -> bytes:
        """Stored form, UTF-8 JSON."""
        return json.dumps(self.to_document(), allow_nan=False).encode()

    @classmethod
    def from_json(cls, data: bytes, name: str) -> Self:
        """Forecast from the JSON stored under `name`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, name, cls._from_document)

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        require_format(document, FORMAT)
        made_at = datetime.fromisoformat(required(document, "made_at", str))
        if made_at.tzinfo is None:
            raise InvalidField("made_at", document["made_at"], "a time with an offset")
        hits = required_numbers({"hits": {**required(document, "hits", dict), "share": 0}}, "hits")
        return cls(
            week=date.fromisoformat(required(document, "week", str)),
            made_at=made_at.astimezone(UTC),
            series=[_series(series) for series in required(document, "series", list)],
            hits=Hits(int(hits["judged"]), int(hits["inside"]), hits["expected"]),
        )


def week_of(now: datetime) -> date:
    """Monday of the first week that a forecast made at `now` is about: the week before it is over and settled.

    >>> week_of(datetime(2026, 5, 5, 2, tzinfo=UTC)), week_of(datetime(2026, 5, 4, 22, tzinfo=UTC))
    (datetime.date(2026, 5, 4), datetime.date(2026, 4, 27))
    """
    weeks = math.floor((now.timestamp() - _SETTLED_S - _MONDAY_S) / _WEEK_S)
    return datetime.fromtimestamp(_MONDAY_S + weeks * _WEEK_S, UTC).date()


def week_end(week: date) -> datetime:
    """Time before which the weeks lie that a forecast from `week` on learns from, UTC."""
    return datetime(week.year, week.month, week.day, tzinfo=UTC)


def booked_weeks(interactions: InteractionColumns | InteractionTable, week: date) -> BookedWeeks:
    """Bookings by event and week, ascending by event; those that were undone later count too.

    So past weeks do not change.

    Parameters
    ----------
    week : Monday before which the latest week ends.
    """
    until_s = week_end(week).timestamp()
    times = interactions.occurred_at
    is_past = (times >= until_s - PAST_WEEKS * _WEEK_S) & (times < until_s)
    is_booking = is_past & (interactions.codes == CODES[InteractionType.BOOKING]) & (interactions.event_rows >= 0)
    # Counted from the end, so that the latest week is whole.
    back = np.ceil((until_s - times[is_booking]) / _WEEK_S).astype(np.int64) - 1
    cells, counts = np.unique(
        interactions.event_rows[is_booking].astype(np.int64) * PAST_WEEKS + back, return_counts=True
    )
    return BookedWeeks(cells // PAST_WEEKS, cells % PAST_WEEKS, counts)


def weekly_bookings(booked: BookedWeeks, catalog: Catalog) -> list[WeeklyBookings]:
    """Weekly bookings of the largest series of each kind that had a booking in the latest year.

    Parameters
    ----------
    booked : bookings with rows of `catalog`.
    """
    is_known = booked.event_rows >= 0
    rows, back, numbers = booked.event_rows[is_known], booked.back[is_known], booked.counts[is_known]
    weeks = int(back.max(initial=-1)) + 1
    found = []
    for kind in _KINDS:
        if kind == ALL:
            codes, names = np.zeros(len(rows), np.int32), [""]
        else:
            codes, names = catalog.fields[kind].at(rows), catalog.fields[kind].names.ids()
        is_recent = (codes >= 0) & (back < _ACTIVE_WEEKS)
        recent = np.bincount(codes[is_recent], weights=numbers[is_recent], minlength=len(names))
        kept = np.argsort(-recent, kind="stable")[:_LARGEST]
        kept = kept[recent[kept] > 0]
        place = np.full(len(names) + 1, -1)
        place[kept] = np.arange(len(kept))
        places = place[codes]
        cells = places[places >= 0] * weeks + weeks - 1 - back[places >= 0]
        counts = np.bincount(cells, weights=numbers[places >= 0], minlength=len(kept) * weeks).astype(np.float64)
        found.append(WeeklyBookings(kind, [names[row] for row in kept], counts.reshape(len(kept), weeks)))
    return found


def booking_forecast(
    weekly: Sequence[WeeklyBookings], earlier: Sequence[BookingForecast], *, week: date, made_at: datetime
) -> BookingForecast:
    """Forecast of weekly bookings for the weeks from `week` on.

    Parameters
    ----------
    weekly : weekly bookings until `week`.
    earlier : earlier forecasts; those of the `HORIZON` weeks before are judged.
    """
    series = []
    for bookings in weekly:
        expected = forecast(bookings.counts)
        columns = (bookings.counts[:, -1:].ravel(), expected.mean, expected.low, expected.high)
        for name, last, *weeks in zip(
            bookings.names, *(column.round(_DIGITS).tolist() for column in columns), strict=True
        ):
            series.append(SeriesForecast(bookings.kind, name, last, *weeks))
    return BookingForecast(week=week, made_at=made_at, series=series, hits=_hits(weekly, earlier, week))


def _hits(weekly: Sequence[WeeklyBookings], earlier: Sequence[BookingForecast], week: date) -> Hits:
    came = {
        (bookings.kind, name): counts
        for bookings in weekly
        for name, counts in zip(bookings.names, bookings.counts, strict=True)
    }
    judged = inside = 0
    for past in earlier:
        over = (week - past.week) // WEEK
        if not 1 <= over <= HORIZON:
            continue
        for series in past.series:
            counts = came.get((series.kind, series.name), np.empty(0))[-over:]
            # A series that is no longer among the largest is not judged.
            held = [
                low <= count <= high for low, count, high in zip(series.low, counts.tolist(), series.high, strict=False)
            ]
            judged, inside = judged + len(held), inside + sum(held)
    return Hits(judged, inside)


def _series(document: Any) -> SeriesForecast:
    if not isinstance(document, Mapping):
        raise InvalidField("series", document, "a list of objects")
    numbers = []
    for name in _NUMBERS:
        values = required(document, name, list)
        required_numbers({name: {f"{place}": value for place, value in enumerate(values)}}, name)
        if len(values) != HORIZON:
            raise InvalidField(name, values, f"{HORIZON} numbers")
        numbers.append([float(value) for value in values])
    (last,) = required_numbers({"series": {"last": document.get("last")}}, "series").values()
    return SeriesForecast(required(document, "kind", str), required(document, "name", str), last, *numbers)
