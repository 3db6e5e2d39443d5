"""Whether an event is news: how long it has been known, and whether the user could have chosen it before."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranges
from shared.feedback.interactions import DAY_S
from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch


def _known_since(data: TrainingData) -> SignalParams:
    """`since` float64 of shape (n_events,): POSIX seconds of the first sign of an event, inf without any."""
    since = np.full(len(data.catalog), np.inf)
    np.minimum.at(since, data.table.event_rows[data.liked], data.table.occurred_at[data.liked])
    created = data.catalog.created_at
    known = np.isfinite(created) & (created < data.now_s)
    return {"since": np.where(known, np.minimum(since, created), since)}


def _age_days(params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
    """Days since each candidate has been known, float32 of shape (c,); -1 where it is not known yet."""
    rows = candidates.catalog.trained[candidates.rows]
    since = np.append(params["since"], np.inf)[rows]
    return np.where(np.isfinite(since), np.maximum(candidates.now_s - since, 0) / DAY_S, -1).astype(np.float32)


class Freshness(EventSignal):
    """−log(1 + days since the first sign of the event), 0 where there is none yet."""

    name = "freshness"
    may_be_negative = True

    def fit(self, data: TrainingData) -> SignalParams:
        """See `_known_since`."""
        return _known_since(data)

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at most 0."""
        return -np.log1p(np.maximum(_age_days(params, candidates), 0))


class Unseen(EventSignal):
    """1 where there is no sign of the event yet."""

    name = "unseen"
    may_be_negative = True

    def fit(self, data: TrainingData) -> SignalParams:
        """See `_known_since`."""
        return _known_since(data)

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), 0 or 1."""
        return (_age_days(params, candidates) < 0).astype(np.float32)


class PassedOver(UserSignal):
    """−1 where the event was known when the user last liked something with the same value of a field, and was left."""

    def __init__(self, field: str) -> None:
        self.name = f"passed_{field}"
        self._field = field

    def fit(self, data: TrainingData) -> SignalParams:
        """See `_known_since`."""
        return _known_since(data)

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The candidates whose value the users liked."""
        affinity, candidates = batch.affinity(self._field), batch.candidates
        if not len(affinity.columns):
            return
        starts, holders = candidates.holders(self._field)
        lengths = starts[affinity.columns + 1] - starts[affinity.columns]
        columns = holders[ranges(starts[affinity.columns], lengths)]
        # As nearness to now, so that 0 says that there was no like.
        nearest = 1 / (1 + affinity.days)
        bars = candidates.cached(f"{self.name} {id(params)}", lambda: _bars(params, candidates))
        passed = nearest.repeat(lengths, axis=1) > bars[columns]
        yield PerEvent(-passed.astype(np.float32), columns)


def _bars(params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
    """How near to now each candidate came to be known, float32 of shape (c,); inf where it is not known yet."""
    known = _age_days(params, candidates)
    return np.where(known >= 0, 1 / (1 + np.maximum(known, 0)), np.float32(np.inf)).astype(np.float32)
