"""What is popular in a stretch of time, and what is rising: both from sums that are kept anyway."""

from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.popularity import HALF_LIFE_DAYS, popularity_until

WINDOWS: Final = {"day": 1.0, "week": 7.0, "month": 30.0}
"""Days back from the training; what was counted since belongs to every window."""

_MEMORY_DAYS: Final = HALF_LIFE_DAYS / np.log(2)


def before_windows(table: InteractionTable, n_events: int, now: datetime) -> NDArray[np.float64]:
    """Each event's popularity from before each window, at the landmark, float64 of shape (len(WINDOWS), n_events)."""
    return popularity_until(table, n_events, [now.timestamp() - days * DAY_S for days in WINDOWS.values()])


def recent(popularity: NDArray[np.float64], before: NDArray[np.float64], window: str) -> NDArray[np.float64]:
    """What each event got within a window, float64 of shape (n,), at the landmark."""
    found: NDArray[np.float64] = np.maximum(popularity - before[list(WINDOWS).index(window)], 0)
    return found


def rising(
    popularity: NDArray[np.float64], before: NDArray[np.float64], window: str, scale: float
) -> NDArray[np.float64]:
    """How far each event exceeds, within a window, what its past lets expect: (r − e) / √(e + 1).

    The decayed sum of a steady rate is that rate times the half-life over log 2, which gives the expectation e.
    `scale` takes sums from the landmark to the present. Below 0 for events on the wane.
    """
    days = WINDOWS[window]
    found = recent(popularity, before, window) * scale
    expected = before[list(WINDOWS).index(window)] * scale * days / _MEMORY_DAYS
    surprise: NDArray[np.float64] = (found - expected) / np.sqrt(expected + 1)
    return surprise
