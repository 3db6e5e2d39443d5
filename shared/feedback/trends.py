"""Trending and recently popular events, from differences of the forward-decayed popularity sums."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.popularity import HALF_LIFE_DAYS, popularity, popularity_until

WINDOWS: Final = {"day": 1.0, "week": 7.0, "month": 30.0}
"""Length of each window in days before the training; interactions since the training belong to every window."""

_MEMORY_DAYS: Final = HALF_LIFE_DAYS / np.log(2)
"""Mean lifetime of decayed popularity in days: the sum of a steady daily rate, divided by that rate."""


@dataclass(frozen=True, slots=True)
class Popularity:
    """Popularity of n events as of a time.

    Attributes
    ----------
    sums : float64 of shape (n,) – forward-decayed, see `popularity.py`.
    before : float64 of shape (len(WINDOWS), n) – that from before each trend window, see `before_windows`.
    """

    sums: NDArray[np.float64]
    before: NDArray[np.float64]

    @classmethod
    def of(cls, table: InteractionTable, n_events: int, now: datetime) -> Self:
        """Popularity by a table of what holds at `now`, see `InteractionTable.as_of`."""
        return cls(popularity(table, n_events), before_windows(table, n_events, now))


def before_windows(table: InteractionTable, n_events: int, now: datetime) -> NDArray[np.float64]:
    """Popularity of each event from before each window, at the landmark, float64 of shape (len(WINDOWS), n_events).

    Windows in the order of `WINDOWS`, counted back from `now`.
    """
    return popularity_until(table, n_events, [now.timestamp() - days * DAY_S for days in WINDOWS.values()])


def recent(popularity: NDArray[np.float64], before: NDArray[np.float64], window: str) -> NDArray[np.float64]:
    """Popularity that each event gained within a window, at the landmark, float64 of shape (n,), at least 0.

    Parameters
    ----------
    popularity : float64 of shape (n,) – current popularity at the landmark.
    before : float64 of shape (len(WINDOWS), n), see `before_windows`.
    window : a key of `WINDOWS`.
    """
    gained: NDArray[np.float64] = np.maximum(popularity - before[list(WINDOWS).index(window)], 0)
    return gained


def rising(
    popularity: NDArray[np.float64], before: NDArray[np.float64], window: str, scale: float
) -> NDArray[np.float64]:
    """Trend score of each event, float64 of shape (n,): (r − e) / √(e + 1), gain r in a window against expected gain e.

    The decayed sum of a steady daily rate is that rate times the half-life over log 2, which gives e from the
    popularity before the window. `scale` converts sums from the landmark to the present. Below 0 for events that lose
    popularity.
    """
    days = WINDOWS[window]
    gained = recent(popularity, before, window) * scale
    expected = before[list(WINDOWS).index(window)] * scale * days / _MEMORY_DAYS
    scores: NDArray[np.float64] = (gained - expected) / np.sqrt(expected + 1)
    return scores
