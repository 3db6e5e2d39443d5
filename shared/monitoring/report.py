"""Daily report: what happened on a UTC day, in sections, as a JSON object."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.prices import AS_OF, Prices, Usage
from shared.entities.stored import read_object, require_format, required
from shared.errors import InvalidField
from shared.monitoring.alerts import Episode
from shared.monitoring.bookings import ALL, WEEK, BookingForecast, SeriesForecast
from shared.monitoring.operations import HourFigures, OperationFigures

FORMAT: Final = 1
"""Version of the report's format; other versions are refused."""
DAY: Final = timedelta(days=1)
SECTIONS: Final = ("feedback", "operations", "model", "forecast", "calibration", "experiments")
"""Sections of a report, objects by name."""
SERIES: Final = 50
"""Series of a kind in a report: those of all would make most of it, and `forecasts/` has them."""
_PERCENTILES: Final = (50, 95, 99)
_DIGITS: Final = 6
"""Digits of shares and seconds in a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReport:
    """Daily report.

    Attributes
    ----------
    day : the UTC day.
    made_at : time at which the figures were put together, UTC.
    is_closed : whether the day has ended and all of it has settled; a closed report never changes.
    sections : objects by the names of `SECTIONS`, empty ones where nothing is known.
    alerts : episodes of alerts that were open at any time of the day.
    """

    day: date
    made_at: datetime
    is_closed: bool
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    alerts: Sequence[Mapping[str, Any]] = ()

    def to_document(self) -> dict[str, Any]:
        """JSON object; numbers that are not finite are null."""
        document = {
            "format": FORMAT,
            "day": self.day.isoformat(),
            "made_at": self.made_at.isoformat(),
            "is_closed": self.is_closed,
            **{name: self.sections.get(name, {}) for name in SECTIONS},
            "alerts": list(self.alerts),
        }
        plain: dict[str, Any] = plain_json(document)
        return plain

    def to_json(self) -> bytes:
        """Stored form, UTF-8 JSON."""
        return json.dumps(self.to_document(), indent=1, sort_keys=True, allow_nan=False).encode()

    @classmethod
    def from_json(cls, data: bytes, name: str) -> Self:
        """Report from the JSON stored under `name`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, name, cls._from_document)

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        require_format(document, FORMAT)
        alerts = required(document, "alerts", list)
        if not all(isinstance(alert, dict) for alert in alerts):
            raise InvalidField("alerts", alerts, "a list of objects")
        return cls(
            day=date.fromisoformat(required(document, "day", str)),
            made_at=fields.required_time(document, "made_at"),
            is_closed=required(document, "is_closed", bool),
            sections={name: required(document, name, dict) for name in SECTIONS},
            alerts=alerts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterFigures:
    """Dead letters: `open` ones when the report was made, and `new` ones of the day that are still there."""

    open: int = 0
    new: int = 0


def begin_of(day: date) -> datetime:
    """Beginning of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def operations_section(
    hours: Sequence[HourFigures], *, used: Usage, prices: Prices, dead_letters: DeadLetterFigures
) -> dict[str, Any]:
    """Section `operations` of a day: its hours' figures, in all, by operation and by hour; and what they cost."""
    day = day_figures(hours)
    every, lists = day.total(), day.lists()
    return {
        **_requests(every),
        "by_operation": {name: _requests(figures) for name, figures in sorted(day.operations.items())},
        "by_hour": [{"hour": hour.hour.hour, **_hour(hour)} for hour in sorted(hours, key=lambda hour: hour.hour)],
        "lists": {
            **_lists(lists),
            "latency_s": _latency(lists),
            "segments": dict(sorted(lists.lists.items())),
        },
        "settled": dict(sorted(day.settled.items())),
        "interactions": dict(sorted(day.types.items())),
        "odd_documents": dict(sorted(day.odd.items())),
        "dead_letters": asdict(dead_letters),
        "usage": asdict(used),
        "price_usd": round(used.usd(prices), _DIGITS),
        "prices": {**asdict(prices), "as_of": AS_OF.isoformat()},
    }


def day_figures(hours: Iterable[HourFigures]) -> HourFigures:
    """Sum of the figures of a day's hours, under the first hour; empty figures of 1970 for none."""
    ordered = sorted(hours, key=lambda hour: hour.hour)
    day = HourFigures(hour=ordered[0].hour if ordered else datetime(1970, 1, 1, tzinfo=UTC))
    for hour in ordered:
        day.merge(hour)
    return day


def alerts_of(episodes: Iterable[Episode], day: date) -> list[dict[str, Any]]:
    """Episodes of alerts that were open on a day, as parts of its report."""
    begin = begin_of(day)
    return [episode.to_document() for episode in episodes if episode.concerns(begin, begin + DAY)]


def plain_json(value: Any) -> Any:
    """Value as JSON has it: numbers that are not finite as None, days and times as ISO 8601 texts."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(inner) for inner in value]
    return value


def share(part: float, whole: float) -> float | None:
    """Share of a whole, None of nothing.

    >>> share(1, 3), share(0, 0)
    (0.333333, None)
    """
    return round(part / whole, _DIGITS) if whole else None


def _requests(figures: OperationFigures) -> dict[str, Any]:
    return {
        "requests": figures.requests,
        "errors": figures.errors,
        "error_share": share(figures.errors, figures.requests),
        "statuses": dict(sorted(figures.statuses.items())),
        "latency_s": _latency(figures),
    }


def _latency(figures: OperationFigures) -> dict[str, float | None]:
    sketch = figures.latency
    return {
        f"p{percent}": round(sketch.percentile(percent), _DIGITS) if sketch.count else None for percent in _PERCENTILES
    }


def _lists(lists: OperationFigures) -> dict[str, Any]:
    number = lists.lists.total()
    return {
        "count": number,
        "degraded": lists.degraded,
        "degraded_share": share(lists.degraded, number),
        "fallback": lists.fallback,
        "fallback_share": share(lists.fallback, number),
    }


def _hour(hour: HourFigures) -> dict[str, Any]:
    every, lists = hour.total(), hour.lists()
    return {
        "requests": every.requests,
        "errors": every.errors,
        "latency_s": _latency(every),
        "lists": lists.lists.total(),
        "degraded": lists.degraded,
        "fallback": lists.fallback,
    }


def forecast_section(forecast: BookingForecast | None) -> dict[str, Any]:
    """Section `forecast`: the latest forecast, of each kind the `SERIES` series with the most bookings."""
    if forecast is None:
        return {}
    numbers = Counter[str]()
    largest = []
    for series in forecast.series:
        numbers[series.kind] += 1
        if numbers[series.kind] <= SERIES:
            largest.append(series)
    return replace(forecast, series=largest).to_document()


def calibration_section(
    holdout: Mapping[str, float],
    feedback: Mapping[str, Any],
    forecast: BookingForecast | None,
    before: BookingForecast | None,
) -> dict[str, Any]:
    """Section `calibration`: what was predicted beside what happened.

    Parameters
    ----------
    holdout : accuracy of the version in service, as measured before it was published.
    feedback : section of that name: the accuracy of the lists that were shown.
    forecast : the latest forecast, which knows the bookings of the week before it; None without one.
    before : the forecast of that week; None without one.
    """
    section: dict[str, Any] = {
        "holdout": dict(holdout),
        "shown": {name: feedback.get(name) for name in ("hit_lists", "ndcg_at_10", "reciprocal_rank")},
    }
    if forecast:
        section["intervals"] = {**asdict(forecast.hits), "share": forecast.hits.share}
    if forecast and before and before.week + WEEK == forecast.week:
        came, expected = _of_all(forecast), _of_all(before)
        if came and expected:
            section["bookings"] = {
                "week": before.week.isoformat(),
                "forecast": expected.mean[0],
                "low": expected.low[0],
                "high": expected.high[0],
                "counted": came.last,
            }
    return section


def _of_all(forecast: BookingForecast) -> SeriesForecast | None:
    return next((series for series in forecast.series if series.kind == ALL), None)
