"""Whether an event is news: how long it has been known, and whether the user could have chosen it before."""

import numpy as np
from numpy.typing import NDArray

from shared.models.interactions import DAY_S
from shared.models.request import Candidates, Request, gather
from shared.models.signals.signal import EventSignal, Past, State, UserSignal


def _known_since(past: Past) -> State:
    """`since` float64 of shape (n_events,): POSIX seconds of the first sign of an event, inf without any."""
    since = np.full(len(past.catalog), np.inf)
    np.minimum.at(since, past.table.event_rows[past.liked], past.table.occurred_at[past.liked])
    created = past.catalog.created_at
    known = np.isfinite(created) & (created < past.now_s)
    return {"since": np.where(known, np.minimum(since, created), since)}


def _age_days(state: State, candidates: Candidates) -> NDArray[np.float32]:
    """Days since each candidate has been known, float32 of shape (c,); -1 where it is not known yet."""
    rows = candidates.catalog.trained[candidates.rows]
    since = np.append(state["since"], np.inf)[rows]
    return np.where(np.isfinite(since), np.maximum(candidates.now_s - since, 0) / DAY_S, -1).astype(np.float32)


class Freshness(EventSignal):
    """−log(1 + days since the first sign of the event), 0 where there is none yet."""

    name = "freshness"
    is_free = True

    def fit(self, past: Past) -> State:
        """See `_known_since`."""
        return _known_since(past)

    def score(self, state: State, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at most 0."""
        return -np.log1p(np.maximum(_age_days(state, candidates), 0))


class Unseen(EventSignal):
    """1 where there is no sign of the event yet."""

    name = "unseen"
    is_free = True

    def fit(self, past: Past) -> State:
        """See `_known_since`."""
        return _known_since(past)

    def score(self, state: State, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), 0 or 1."""
        return (_age_days(state, candidates) < 0).astype(np.float32)


class PassedOver(UserSignal):
    """−1 where the event was known when the user last liked something with the same value of a field, and was left."""

    def __init__(self, field: str) -> None:
        self.name = f"passed_{field}"
        self._field = field

    def fit(self, past: Past) -> State:
        """See `_known_since`."""
        return _known_since(past)

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c), -1 or 0."""
        values = request.candidates.catalog.fields[self._field]
        codes = values.at(request.histories.event_rows)
        used = (request.counts > 0) & (codes >= 0)
        # As nearness to now, so that 0 says that there was none.
        nearest = np.zeros((len(request), len(values.names)), np.float32)
        ages = np.maximum(request.histories.age_days[used], 0)
        np.maximum.at(nearest, (request.owners[used], codes[used]), 1 / (1 + ages))
        known = _age_days(state, request.candidates)
        bars = np.where(known >= 0, 1 / (1 + np.maximum(known, 0)), np.inf)
        passed: NDArray[np.float32] = (gather(nearest, request.candidates.codes(self._field)) > bars).astype(np.float32)
        return -passed
