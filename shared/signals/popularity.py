"""What is liked by all: the event itself, and what it has in common with events that were liked."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.feedback.interactions import DAY_S
from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, Past, State, standardized

_FLOOR: Final = 1e-3
_LIKES_FLOOR: Final = 0.1


class PopularityRank(EventSignal):
    """−log(1 + how many candidates are more popular), with decayed popularity."""

    name = "popularity"

    def score(self, _state: State, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at most 0."""
        ascending = np.sort(candidates.popularity)
        more = len(ascending) - np.searchsorted(ascending, candidates.popularity, side="right")
        return -np.log1p(more.astype(np.float32))


class Likes(EventSignal):
    """log of an event's likes, halved with every `half_life_days` of their age, standardised over the candidates."""

    is_timeless = True

    def __init__(self, name: str, half_life_days: float) -> None:
        self.name = name
        self._half_life_days = half_life_days

    def fit(self, past: Past) -> State:
        """`likes` float32 of shape (n_events,)."""
        ages = (past.now_s - past.table.occurred_at[past.liked]) / DAY_S
        weights = past.likes[past.liked] * np.exp2(-ages / self._half_life_days)
        sums = np.bincount(past.table.event_rows[past.liked], weights=weights, minlength=len(past.catalog))
        return {"likes": sums.astype(np.float32)}

    def score(self, state: State, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,)."""
        likes = np.append(state["likes"], np.float32(0))[candidates.catalog.trained[candidates.rows]]
        return standardized(np.log(_LIKES_FLOOR + likes))


class LikesPerEvent(EventSignal):
    """log of the likes per event that events with the same value of a field got, standardised over the candidates.

    Means are weighted by freshness and shrunk towards the mean of all events by `damping` events.
    """

    is_timeless = True

    def __init__(self, field: str, *, damping: float) -> None:
        self.name = f"liked_{field}"
        self._field = field
        self._damping = damping

    def fit(self, past: Past) -> State:
        """`means` float32 of shape (m + 1,), the last for values not known."""
        weights = past.freshness
        field = past.catalog.fields[self._field]
        known = field.codes >= 0
        mean = float(past.likes_by_event @ weights / max(weights.sum(), 1e-9))
        likes, events = (
            np.bincount(field.codes[known], weights=values[known], minlength=len(field.names))
            for values in (past.likes_by_event * weights, weights)
        )
        means = (likes + self._damping * mean) / (events + self._damping)
        return {"means": np.append(means, mean).astype(np.float32)}

    def score(self, state: State, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,)."""
        return standardized(np.log(_FLOOR + state["means"][candidates.trained_codes(self._field)]))
