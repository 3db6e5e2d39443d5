"""Accuracy of forecasts of weekly bookings at rolling origins: `python -m benchmarks.forecasts FOLDER`.

The mean absolute scaled error (MASE; Hyndman, Koehler 2006) is the absolute error over that of repeating the week
before, in the past of the series.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.runs import run_on_folder
from jobs.console import Console, table
from jobs.folder import read_dataset
from jobs.options import ReadingOptions, add_arguments, reading_parser
from shared.entities import fields
from shared.errors import InvalidField
from shared.monitoring.bookings import WEEK, WeeklyBookings, booked_weeks, week_of, weekly_bookings
from shared.monitoring.forecast import HORIZON, forecast
from shared.services.training.dataset import TrainingSet

Counts = NDArray[np.float64]
_YEAR: Final = 52
_JUDGED_WEEKS: Final = 104
_MIN_BOOKINGS: Final = 50
"""Bookings in the `_JUDGED_WEEKS` before an origin from which a series is judged."""
_OURS: Final = "forecast"


def _repeated(weeks: int) -> Callable[[Counts], Counts]:
    return lambda past: np.repeat(past[:, -weeks:].mean(axis=1, keepdims=True), HORIZON, axis=1)


def _seasonal_naive(past: Counts) -> Counts:
    if past.shape[1] < _YEAR:
        return np.full((len(past), HORIZON), np.nan)
    return past[:, past.shape[1] - _YEAR :][:, :HORIZON]


_METHODS: Final[dict[str, Callable[[Counts], Counts]]] = {
    "seasonal naive": _seasonal_naive,
    "naive": _repeated(1),
    "mean of 8 weeks": _repeated(8),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark of forecasts; returns the exit status."""
    parser = reading_parser(
        "benchmarks.forecasts",
        f"Forecast weekly bookings {HORIZON} weeks ahead, as of origins {HORIZON} weeks apart, and compare with what "
        "came: mean absolute scaled error (MASE) and the share inside the 80 % intervals, over series with "
        f"{_MIN_BOOKINGS} bookings in the two years before an origin.",
        example="FOLDER --until 2015-12-01",
    )
    parser.add_argument("folder", type=Path, help="folder with events.csv, users.csv and interactions.csv")
    parser.add_argument("--origins", type=int, default=6, help="number of origins (default: %(default)s)")
    parser.add_argument(
        "--until", help="time before which all judged weeks end (default: that of the last interaction)"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    add_arguments(parser)
    given = parser.parse_args(arguments)

    def measured(console: Console) -> dict[str, dict[str, Any]]:
        if not 1 <= given.origins <= _YEAR:
            raise InvalidField("--origins", given.origins, f"1 to {_YEAR}")
        until = fields.time({"--until": given.until}, "--until")
        return measure(given.folder, given.origins, until, console, ReadingOptions.parse(given))

    return run_on_folder(parser, measured, shown, given.out)


def measure(
    folder: Path, origins: int, until: datetime | None, console: Console, options: ReadingOptions
) -> dict[str, dict[str, Any]]:
    """Figures by kind of series: `cases` of a series at an origin, `mase` by method, and the share `inside`."""
    data = read_dataset(folder, console, before=until or datetime.max.replace(tzinfo=UTC), options=options)
    if not data.interactions:
        raise InvalidField("--until", until, "a time after the first interaction")
    now = until or max(interaction.occurred_at for interaction in data.interactions)
    training_set = TrainingSet.of(data, now=now)
    last = week_of(now)
    errors: dict[str, dict[str, list[float]]] = {}
    inside: dict[str, list[float]] = {}
    for back in range(origins, 0, -1):
        origin = last - back * HORIZON * WEEK
        came = _by_name(_weekly(training_set, origin + HORIZON * WEEK))
        for bookings in _weekly(training_set, origin):
            judged = bookings.counts[:, -_JUDGED_WEEKS:].sum(axis=1) >= _MIN_BOOKINGS
            past = bookings.counts[judged]
            names = [name for name, is_judged in zip(bookings.names, judged, strict=True) if is_judged]
            if not names:
                continue
            future = np.stack([came.get((bookings.kind, name), np.zeros(HORIZON))[-HORIZON:] for name in names])
            made = forecast(past)
            scales = np.array([_scale(series) for series in past])
            of_kind = errors.setdefault(bookings.kind, {})
            for method, expected in {_OURS: made.mean, **{name: of(past) for name, of in _METHODS.items()}}.items():
                scaled = np.abs(expected - future).mean(axis=1) / scales
                of_kind.setdefault(method, []).extend(scaled.tolist())
            held = (made.low <= future) & (future <= made.high)
            inside.setdefault(bookings.kind, []).extend(held.mean(axis=1).tolist())
    return {
        kind: {
            "cases": len(inside[kind]),
            "mase": {method: float(np.mean(values)) for method, values in of_kind.items()},
            "inside": float(np.mean(inside[kind])),
        }
        for kind, of_kind in errors.items()
    }


def _weekly(training_set: TrainingSet, week: date) -> list[WeeklyBookings]:
    return weekly_bookings(booked_weeks(training_set.table, week), training_set.catalog)


def _by_name(weekly: Sequence[WeeklyBookings]) -> dict[tuple[str, str], Counts]:
    return {
        (bookings.kind, name): counts
        for bookings in weekly
        for name, counts in zip(bookings.names, bookings.counts, strict=True)
    }


def _scale(series: Counts) -> float:
    """Mean absolute change from week to week since the first booking; NaN for a series of less than two weeks."""
    known = series[np.flatnonzero(series)[0] :]
    return float(np.abs(np.diff(known)).mean()) if len(known) > 1 else float("nan")


def shown(result: dict[str, dict[str, Any]]) -> str:
    """Table of a result, a row for each kind of series."""
    methods = [_OURS, *_METHODS]
    rows = [
        [
            kind,
            f"{figures['cases']:,}",
            *(f"{figures['mase'][method]:.3f}" for method in methods),
            f"{figures['inside']:.0%}",
        ]
        for kind, figures in result.items()
    ]
    return table(["series", "cases", *methods, "inside"], rows)


if __name__ == "__main__":
    sys.exit(main())
