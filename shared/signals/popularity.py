"""What is liked by all: the event itself, and what it has in common with events that were liked."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.feedback.interactions import DAY_S
from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, SignalParams, TrainingData, standardized

_FLOOR: Final = 1e-3
_LIKES_FLOOR: Final = 0.1


class PopularityRank(EventSignal):
    """−log(1 + how many candidates are more popular), with decayed popularity."""

    name = "popularity"

    def score(self, _state: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
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

    def fit(self, data: TrainingData) -> SignalParams:
        """`likes` float32 of shape (n_events,)."""
        ages = (data.now_s - data.table.occurred_at[data.liked]) / DAY_S
        weights = data.likes[data.liked] * np.exp2(-ages / self._half_life_days)
        sums = np.bincount(data.table.event_rows[data.liked], weights=weights, minlength=len(data.catalog))
        return {"likes": sums.astype(np.float32)}

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,)."""
        likes = np.append(params["likes"], np.float32(0))[candidates.catalog.trained[candidates.rows]]
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

    def fit(self, data: TrainingData) -> SignalParams:
        """`means` float32 of shape (m + 1,), the last for values not known."""
        weights = data.freshness
        field = data.catalog.fields[self._field]
        known = field.codes >= 0
        mean = float(data.likes_by_event @ weights / max(weights.sum(), 1e-9))
        likes, events = (
            np.bincount(field.codes[known], weights=values[known], minlength=len(field.names))
            for values in (data.likes_by_event * weights, weights)
        )
        means = (likes + self._damping * mean) / (events + self._damping)
        return {"means": np.append(means, mean).astype(np.float32)}

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,)."""
        return standardized(np.log(_FLOOR + params["means"][candidates.trained_codes(self._field)]))
