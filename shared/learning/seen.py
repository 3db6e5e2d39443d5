"""Events that users saw in lists and did not take: weak negatives, weighed by how likely they were looked at."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.feedback.exposures import Exposures
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import codes_where
from shared.learning.propensity import POSITIONS, examination
from shared.learning.windows import Window

SEEN_AS: Final = 30.0
"""Negatives for which an event stands that was certainly looked at in vain: in simulated cities 3 and 10 gain less, and
100 loses 4 % of the bookings of one."""
_MAX_SEEN: Final = 50
"""Events of a user in a window, the likeliest to have been looked at: bounds memory."""
_IS_LIKED: Final = codes_where(lambda meaning: meaning.weight > 0)
"""Lookup table by code: types that speak for an event."""


@dataclass(frozen=True, slots=True)
class SeenInVain:
    """Events that users saw in vain in a window, n pairs in order of user and event.

    Attributes
    ----------
    user_rows, event_rows : int64 of shape (n,) – rows of the table's users and of the catalog.
    weights : float64 of shape (n,) – negatives for which the event stands, above 0.
    """

    user_rows: NDArray[np.int64]
    event_rows: NDArray[np.int64]
    weights: NDArray[np.float64]

    def of_user(self, user_row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Event rows that a user saw in vain, and their weights."""
        start, stop = np.searchsorted(self.user_rows, [user_row, user_row + 1])
        return self.event_rows[start:stop], self.weights[start:stop]


def seen_in_vain(exposures: Exposures, table: InteractionTable, window: Window, n_events: int) -> SeenInVain | None:
    """Events that users saw in a window without anything that speaks for them; None where too few clicks are known.

    The probabilities to look at a position follow from the exposures and clicks before the window's end, so that
    nothing depends on what comes later.
    """
    known = exposures.between(-np.inf, window.until_s)
    clicked = known.clicked(table.between(-np.inf, window.until_s), n_events)
    propensities = examination(known.event_rows, known.positions, clicked)
    if propensities is None:
        return None
    inside = known.between(window.start_s, window.until_s)
    pairs, pair_of = np.unique(_pairs(inside.user_rows, inside.event_rows, n_events), return_inverse=True)
    looked_at = propensities[np.minimum(inside.positions, POSITIONS - 1)]
    weights = np.asarray(SEEN_AS * np.bincount(pair_of, looked_at, len(pairs)), np.float64)
    later = table.between(window.start_s, window.until_s)
    liked = later.where(_IS_LIKED[later.codes] & (later.event_rows >= 0))
    kept = (weights > 0) & ~np.isin(pairs, _pairs(liked.user_rows, liked.event_rows, n_events))
    kept[kept] = _is_likeliest(pairs[kept] // max(n_events, 1), weights[kept])
    pairs = pairs[kept]
    return SeenInVain(pairs // max(n_events, 1), pairs % max(n_events, 1), weights[kept])


def _pairs(user_rows: NDArray[np.int32], event_rows: NDArray[np.int32], n_events: int) -> NDArray[np.int64]:
    return user_rows.astype(np.int64) * max(n_events, 1) + event_rows


def _is_likeliest(user_rows: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of the `_MAX_SEEN` heaviest of each user, bool of shape (n,), for users in ascending order."""
    order = np.lexsort((-weights, user_rows))
    ranks = np.arange(len(order)) - np.searchsorted(user_rows, user_rows[order])
    mask = np.zeros(len(order), np.bool_)
    mask[order[ranks < _MAX_SEEN]] = True
    return mask
