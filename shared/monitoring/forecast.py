"""Forecasts of weekly counts: exponential smoothing with a pooled season, and intervals from past errors.

Simple exponential smoothing (SES; Hyndman, Athanasopoulos: "Forecasting", 8.1) whose smoothing parameter each series
takes by its own past one-step errors. On weekly bookings, methods with more parameters did no better.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

HORIZON: Final = 4
"""Weeks ahead that are forecast."""

COVERAGE: Final = 0.8
"""Share of the counts that the intervals should hold."""

_ALPHAS: Final = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5])
"""Smoothing parameters to choose from: means of about the last 100 weeks to those of the last three."""
_CHOICE_WEEKS: Final = 52
"""Weeks by whose errors a smoothing parameter is chosen; with half of them or twice as many, forecasts got worse."""
_ERROR_WEEKS: Final = 26
"""Weeks whose errors make the intervals: older ones are of another level, and intervals became too narrow."""
_POOLED_WEEKS: Final = 20.0
"""Weeks of a series that the errors of all series count as, since a quantile of 26 errors is uncertain."""
_MIN_ERRORS: Final = 8
"""Errors from which a quantile of them is taken; with fewer, that of a Poisson distribution."""
_NORMAL_QUANTILE: Final = 1.2816
"""Quantile of the absolute normal deviate at `COVERAGE`."""
_YEAR: Final = 52
_YEARS: Final = 3
"""Years whose season is learned."""
_SEASON_WEEKS: Final = 4
"""Weeks on each side of a week that share its season, since holidays move."""
_SEASON_COUNTS: Final = 200.0
"""Counts by which a season is shrunk towards none."""
_RECENT: Final = 8
"""Weeks whose season the level of a series holds."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts of n series for the weeks to come, each float64 of shape (n, `HORIZON`).

    Attributes
    ----------
    mean : expected counts.
    low, high : interval that should hold `COVERAGE` of the counts; `low` is at least 0.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def forecast(counts: NDArray[np.float64]) -> Forecasts:
    """Forecasts of n series of weekly counts, for the `HORIZON` weeks after the last.

    Parameters
    ----------
    counts : float64 of shape (n, weeks) – counts, not negative, the latest week last.
    """
    series = np.arange(len(counts))
    levels = _levels(counts)
    weeks = counts.shape[1]
    # Before the first count there is no level whose error could be taken.
    judged = slice(max(weeks - _CHOICE_WEEKS, min(1, weeks)), weeks)
    errors = np.abs(levels[:, :, judged] - counts[:, judged]).sum(axis=2)
    chosen = levels[errors.argmin(axis=0), series]
    mean = chosen[:, -1:] * _season(counts.sum(axis=0))
    width = np.stack(
        [_quantiles(counts, chosen, ahead) * _spread(mean[:, ahead - 1]) for ahead in range(1, HORIZON + 1)], axis=1
    )
    return Forecasts(mean, np.maximum(mean - width, 0.0), mean + width)


def _levels(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smoothed levels before each week and after the last, float64 of shape (`_ALPHAS`, n, weeks + 1).

    Weighted means of the counts so far, so that the first weeks need no initial level; 0 before the first week.
    """
    series, weeks = counts.shape
    levels = np.zeros((len(_ALPHAS), series, weeks + 1))
    kept = 1.0 - _ALPHAS[:, None]
    total, weight = np.zeros((len(_ALPHAS), series)), np.zeros((len(_ALPHAS), 1))
    for week in range(weeks):
        total, weight = total * kept + counts[:, week], weight * kept + 1.0
        levels[:, :, week + 1] = total / weight
    return levels


def _season(total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Season of the weeks to come relative to that of the last `_RECENT`, float64 of shape (`HORIZON`,), 1 for none.

    Parameters
    ----------
    total : float64 of shape (weeks,) – counts of all series together, whose season is less noisy than each one's.
    """
    recent = np.mean([_index(total, -back) for back in range(1, _RECENT + 1)])
    season: NDArray[np.float64] = np.array([_index(total, ahead) for ahead in range(HORIZON)]) / recent
    return season


def _index(total: NDArray[np.float64], ahead: int) -> float:
    """Seasonal index of the week `ahead` of the last one: its share of the mean of the years around it in the past."""
    found, expected = _SEASON_COUNTS, _SEASON_COUNTS
    for years in range(1, _YEARS + 1):
        week = len(total) + ahead - years * _YEAR
        if week < _YEAR // 2:
            break
        # Of the year around the latest weeks, the last ones are not over yet.
        around = total[week - _YEAR // 2 : week + _YEAR // 2]
        near = total[week - _SEASON_WEEKS : week + _SEASON_WEEKS + 1]
        found += float(near.sum())
        expected += float(around.mean()) * len(near)
    return found / expected


def _quantiles(counts: NDArray[np.float64], levels: NDArray[np.float64], ahead: int) -> NDArray[np.float64]:
    """Quantile at `COVERAGE` of the absolute errors of past levels `ahead` weeks later, in units of their spread.

    float64 of shape (n,). One quantile of both sides: a series of rare counts has no error below.
    """
    weeks = counts.shape[1]
    past = min(_ERROR_WEEKS, weeks - ahead)
    if past < _MIN_ERRORS or not len(counts):
        return np.full(len(counts), _NORMAL_QUANTILE)
    before = levels[:, weeks - past - ahead + 1 : weeks - ahead + 1]
    errors = np.abs(counts[:, weeks - past :] - before) / _spread(before)
    own, pooled = np.quantile(errors, COVERAGE, axis=1), np.quantile(errors, COVERAGE)
    quantiles: NDArray[np.float64] = (own * past + pooled * _POOLED_WEEKS) / (past + _POOLED_WEEKS)
    return quantiles


def _spread(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread of counts of a level, as that of Poisson counts; of a level of 0, that of one count."""
    spread: NDArray[np.float64] = np.sqrt(levels + 1.0)
    return spread
