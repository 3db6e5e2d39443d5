"""Affinity signals: how often and how lately a user liked events with the same value of a categorical attribute."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.arrays.checked import checked
from shared.arrays.positions import positions_of
from shared.arrays.sparse import scatter
from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, PerValue, Term
from shared.signals.users import HISTORY_HALF_LIFE_DAYS, UserBatch


class Share(UserSignal):
    """Share of the user's decayed likes that went to events with the same value of a field, 0..1."""

    def __init__(self, field: str) -> None:
        self.name = f"share_{field}"
        self._field = field

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the share of each value."""
        affinity = batch.affinity(self._field)
        yield PerValue(self._field, affinity.likes / np.maximum(batch.total_likes, 1e-9)[:, None], affinity.columns)


class Rate(UserSignal):
    """Rate of likes: the share of the past events with the same value of a field that the user liked, 0..1.

    Likes and events both decay with age. A user who went to all of a club's few evenings will probably go to the next
    one. `damping` events without a like are added, so that few events give no high rate.
    """

    def __init__(self, field: str, *, damping: float) -> None:
        self.name = f"rate_{field}"
        self._field = field
        self._damping = damping

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `events` float32 of shape (m,): number of past events of each of m values, decayed with age."""
        field, starts_at = data.catalog.fields[self._field], data.catalog.starts_at
        begun = np.flatnonzero((field.codes >= 0) & (starts_at < data.now_s) & np.isfinite(starts_at))
        decayed = np.exp2((starts_at[begun] - data.now_s) / (HISTORY_HALF_LIFE_DAYS * DAY_S))
        events = np.bincount(field.codes[begun], weights=decayed, minlength=len(field.names))
        return {"events": events.astype(np.float32)}

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where `events` does not fit the catalog."""
        checked(params, "events", "f4", len(catalog.fields[self._field].names), low=0)

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the rate of each value."""
        affinity = batch.affinity(self._field)
        columns, likes = affinity.columns, affinity.likes
        trained = batch.candidates.static.values[self._field].trained[columns]
        events = np.where(trained >= 0, params["events"].take(trained, mode="clip"), 0) if len(columns) else 0
        yield PerValue(self._field, likes / (np.maximum(events, likes) + self._damping), columns)


class Recent(UserSignal):
    """Recency of likes: 2^(−days since the user last liked an event with the same value of a field / 30), 0..1."""

    _HALF_LIFE_DAYS: Final = 30.0

    def __init__(self, field: str) -> None:
        self.name = f"recent_{field}"
        self._field = field

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the recency of each value's last like."""
        affinity = batch.affinity(self._field)
        yield PerValue(self._field, np.exp2(-affinity.days / self._HALF_LIFE_DAYS), affinity.columns)


class Interest(UserSignal):
    """Interest in the event itself: 1 − exp(−10 × the user's likes of this very event), without decay.

    Most are views, clicks, shares and saves, since lists leave out events that the user booked or attended. It is near
    its maximum after a few views: that somebody came back to an event says more than how often, or by what.
    """

    name = "interest"
    _KEENNESS = 10.0

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the interest in each candidate that any user of the batch liked."""
        events, event_of_like = batch.events
        rows, order = batch.candidates.static.sorted_rows
        found = positions_of(rows, events)
        columns = order[found[found >= 0]]
        if not len(columns):
            return
        local = np.where(found >= 0, np.cumsum(found >= 0) - 1, -1)[event_of_like]
        entries, shape = batch.liked[local >= 0], (len(batch), len(columns))
        interest = scatter(batch.user_of_entry[entries], local[local >= 0], batch.counts[entries], shape)
        yield PerEvent(-np.expm1(-self._KEENNESS * interest), columns)
