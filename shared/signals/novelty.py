"""Whether an event is news: how long it has been known, and whether the user could have chosen it before."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranges
from shared.feedback.interactions import DAY_S
from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, PartedSignal, Past, State
from shared.signals.terms import OfEvents, Part
from shared.signals.users import Request


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


class PassedOver(PartedSignal):
    """−1 where the event was known when the user last liked something with the same value of a field, and was left."""

    def __init__(self, field: str) -> None:
        self.name = f"passed_{field}"
        self._field = field

    def fit(self, past: Past) -> State:
        """See `_known_since`."""
        return _known_since(past)

    def parts(self, state: State, request: Request) -> Iterator[Part]:
        """The candidates whose value the users liked."""
        touched, candidates = request.touched(self._field), request.candidates
        if not len(touched.columns):
            return
        starts, holders = candidates.holders(self._field)
        lengths = starts[touched.columns + 1] - starts[touched.columns]
        columns = holders[ranges(starts[touched.columns], lengths)]
        # As nearness to now, so that 0 says that there was no like.
        nearest = 1 / (1 + touched.days)
        bars = candidates.once(f"{self.name} {id(state)}", lambda: _bars(state, candidates))
        passed = nearest.repeat(lengths, axis=1) > bars[columns]
        yield OfEvents(-passed.astype(np.float32), columns)


def _bars(state: State, candidates: Candidates) -> NDArray[np.float32]:
    """How near to now each candidate came to be known, float32 of shape (c,); inf where it is not known yet."""
    known = _age_days(state, candidates)
    return np.where(known >= 0, 1 / (1 + np.maximum(known, 0)), np.float32(np.inf)).astype(np.float32)
