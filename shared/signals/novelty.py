"""Novelty signals: how long an event has been known, and whether the user passed it over before."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked
from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S
from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch


def _first_seen(data: TrainingData) -> SignalParams:
    """First-seen time of each event: `since` float64 of shape (n_events,), POSIX seconds, inf where not seen yet.

    An event is first seen at its creation or at its first like, whichever is earlier.
    """
    since = np.full(len(data.catalog), np.inf)
    np.minimum.at(since, data.table.event_rows[data.liked], data.table.occurred_at[data.liked])
    created = data.catalog.created_at
    known = np.isfinite(created) & (created < data.now_s)
    return {"since": np.where(known, np.minimum(since, created), since)}


def _check(params: SignalParams, catalog: Catalog) -> None:
    """Check of first-seen times, see `_first_seen`; raises `ValueError`."""
    checked(params, "since", "f8", len(catalog), low=-np.inf, high=np.inf)


def _age_days(params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
    """Days since each candidate was first seen, float32 of shape (c,), at least 0; -1 where it is not seen yet."""
    rows = candidates.catalog.trained[candidates.rows]
    since = np.append(params["since"], np.inf)[rows]
    return np.where(np.isfinite(since), np.maximum(candidates.now_s - since, 0) / DAY_S, -1).astype(np.float32)


class Freshness(EventSignal):
    """Freshness: −log(1 + days since the event was first seen), 0 where it is not seen yet."""

    name = "freshness"
    may_be_negative = True

    def fit(self, data: TrainingData) -> SignalParams:
        """First-seen times, see `_first_seen`."""
        return _first_seen(data)

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where `since` does not fit the catalog."""
        _check(params, catalog)

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Freshness of c candidates, float32 of shape (c,), at most 0."""
        return -np.log1p(np.maximum(_age_days(params, candidates), 0))


class Unseen(EventSignal):
    """Unseen events: 1 where the event has neither a creation time before training nor a like, else 0."""

    name = "unseen"
    may_be_negative = True

    def fit(self, data: TrainingData) -> SignalParams:
        """First-seen times, see `_first_seen`."""
        return _first_seen(data)

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where `since` does not fit the catalog."""
        _check(params, catalog)

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Unseen flag of c candidates, float32 of shape (c,), 0 or 1."""
        return (_age_days(params, candidates) < 0).astype(np.float32)


class PassedOver(UserSignal):
    """Passed-over events: −1 where the event was first seen before the user's last like of the same value of a field.

    0 where it was first seen later, or where the user has no such like.
    """

    is_timeless = False

    def __init__(self, field: str) -> None:
        self.name = f"passed_{field}"
        self._field = field

    def fit(self, data: TrainingData) -> SignalParams:
        """First-seen times, see `_first_seen`."""
        return _first_seen(data)

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where `since` does not fit the catalog."""
        _check(params, catalog)

    def for_candidates(self, params: SignalParams, candidates: Candidates) -> SignalParams:
        """Parameters with `first_seen`, see `_seen_recency`."""
        return {**params, "first_seen": _seen_recency(params, candidates)}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the candidates whose value of the field users liked."""
        affinity = batch.affinity(self._field)
        if not len(affinity.columns):
            return
        of_values = batch.candidates.static.candidates_of_values[self._field].rows(affinity.columns)
        (columns,) = of_values.values
        # Recency 1 / (1 + days) instead of days, so that 0 says that there is no like.
        last_like = 1 / (1 + affinity.days)
        is_passed = last_like.repeat(of_values.lengths(), axis=1) > params["first_seen"][columns]
        yield PerEvent(-is_passed.astype(np.float32), columns)


def _seen_recency(params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
    """Recency, 1 / (1 + days), of the time each candidate was first seen, float32 of shape (c,); inf where not seen."""
    age_days = _age_days(params, candidates)
    return np.where(age_days >= 0, 1 / (1 + np.maximum(age_days, 0)), np.float32(np.inf)).astype(np.float32)
