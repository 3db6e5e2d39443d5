"""Popularity signals: likes by all users, of the event itself and of events with the same attribute."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked
from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S
from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, SignalParams, TrainingData, standardized

_FLOOR: Final = 1e-3
"""Added to a mean before the logarithm, so that a mean of 0 gives a finite score."""
_LIKES_FLOOR: Final = 0.1
"""Added to an event's likes before the logarithm, so that an event without likes has a finite score."""


class PopularityRank(EventSignal):
    """Popularity rank: −log(1 + number of candidates with higher decayed popularity)."""

    name = "popularity"

    def score(self, _params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Negated log ranks of c candidates, float32 of shape (c,), at most 0."""
        ascending = np.sort(candidates.popularity)
        more = len(ascending) - np.searchsorted(ascending, candidates.popularity, side="right")
        return -np.log1p(more.astype(np.float32))


class Likes(EventSignal):
    """Log popularity: log of an event's likes by all users, standardized over the candidates.

    A like counts half after `half_life_days`; inf for no decay.
    """

    is_timeless = True

    def __init__(self, name: str, half_life_days: float) -> None:
        self.name = name
        self._half_life_days = half_life_days

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `likes` float32 of shape (n_events,): decayed sum of the likes of each event."""
        ages = (data.now_s - data.table.occurred_at[data.liked]) / DAY_S
        weights = data.likes[data.liked] * np.exp2(-ages / self._half_life_days)
        sums = np.bincount(data.table.event_rows[data.liked], weights=weights, minlength=len(data.catalog))
        return {"likes": sums.astype(np.float32)}

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where `likes` does not fit the catalog."""
        checked(params, "likes", "f4", len(catalog), low=0)

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Standardized log likes of c candidates, float32 of shape (c,)."""
        likes = np.append(params["likes"], np.float32(0))[candidates.catalog.trained[candidates.rows]]
        return standardized(np.log(_LIKES_FLOOR + likes))


class LikesPerEvent(EventSignal):
    """Log mean popularity of events with the same value of a field, standardized over the candidates.

    Mean likes per event are weighted by the events' freshness (see `TrainingData.freshness`) and shrunk towards the
    mean of all events by `damping` events. `past_only` leaves out events to come, whose likes are not complete.
    With `may_be_negative`, its weight may be, as it is where `NewcomersPerEvent` has one of its own: what is liked by
    regulars alone counts against an organizer.
    """

    is_timeless = True

    def __init__(self, field: str, *, damping: float, past_only: bool = False, may_be_negative: bool = False) -> None:
        self.name = f"liked_{field}"
        self.may_be_negative = may_be_negative
        self._field = field
        self._damping = damping
        self._past_only = past_only

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `means` float32 of shape (m + 1,): damped mean likes of each of m values, the last for unknown."""
        weights = data.freshness_of_past if self._past_only else data.freshness
        field, likes_by_event = data.catalog.fields[self._field], self.likes(data)
        known = field.codes >= 0
        mean = float(likes_by_event @ weights / max(weights.sum(), 1e-9))
        likes, events = (
            np.bincount(field.codes[known], weights=values[known], minlength=len(field.names))
            for values in (likes_by_event * weights, weights)
        )
        means = (likes + self._damping * mean) / (events + self._damping)
        return {"means": np.append(means, mean).astype(np.float32)}

    def likes(self, data: TrainingData) -> NDArray[np.float64]:
        """Likes of each event, float64 of shape (n_events,)."""
        return data.likes_by_event

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where `means` does not fit the catalog."""
        checked(params, "means", "f4", len(catalog.fields[self._field].names) + 1, low=0)

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Standardized log mean likes of c candidates, float32 of shape (c,)."""
        return standardized(np.log(_FLOOR + params["means"][candidates.static.trained_codes[self._field]]))


class NewcomersPerEvent(LikesPerEvent):
    """Log mean number of newcomers to events with the same value of a field, standardized over the candidates.

    A newcomer to an event had liked no event with this value before. Of two organizers with the same attendance, the
    one whose guests are new each time is easier to discover than the one that the same people come back to.
    """

    def __init__(self, field: str, *, damping: float) -> None:
        super().__init__(field, damping=damping)
        self.name = f"newcomers_{field}"

    def likes(self, data: TrainingData) -> NDArray[np.float64]:
        """Newcomers to each event, float64 of shape (n_events,)."""
        table, field = data.table, data.catalog.fields[self._field]
        rows = table.event_rows[data.liked]
        order = np.lexsort((rows, table.occurred_at[data.liked]))
        users = table.user_rows[data.liked[order]].astype(np.int64)
        # Plus one, since the code of events without a value is -1.
        _, first = np.unique(users * (len(field.names) + 1) + field.codes[rows[order]] + 1, return_index=True)
        return np.bincount(rows[order[first]], minlength=len(data.catalog)).astype(np.float64)
