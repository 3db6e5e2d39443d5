"""How often a user went to what an event shares with others: the strongest signal in large cities."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.arrays.positions import places
from shared.arrays.sparse import scatter
from shared.feedback.interactions import DAY_S
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, PerValue, Term
from shared.signals.users import TASTE_HALF_LIFE_DAYS, UserBatch


class Share(UserSignal):
    """The share of the user's decayed likes that went to events with the same value of a field, 0..1."""

    def __init__(self, field: str) -> None:
        self.name = f"share_{field}"
        self._field = field

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The share of each value."""
        affinity = batch.affinity(self._field)
        yield PerValue(self._field, affinity.likes / np.maximum(batch.total_likes, 1e-9)[:, None], affinity.columns)


class Count(UserSignal):
    """log(1 + the user's likes of events with the same value of a field), undecayed."""

    def __init__(self, field: str) -> None:
        self.name = f"count_{field}"
        self._field = field

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The likes of each value."""
        affinity = batch.affinity(self._field)
        yield PerValue(self._field, np.log1p(affinity.counts), affinity.columns)


class Rate(UserSignal):
    """The share that the user liked of the past events with the same value of a field, both decayed with age, 0..1.

    Somebody who went to all of a club's few evenings will go to the next one. `damping` events, which nobody went to,
    are added.
    """

    def __init__(self, field: str, *, damping: float) -> None:
        self.name = f"rate_{field}"
        self._field = field
        self._damping = damping

    def fit(self, data: TrainingData) -> SignalParams:
        """`events` float32 of shape (m,): how many there were of each value, decayed with age."""
        field, starts_at = data.catalog.fields[self._field], data.catalog.starts_at
        begun = np.flatnonzero((field.codes >= 0) & (starts_at < data.now_s) & np.isfinite(starts_at))
        decayed = np.exp2((starts_at[begun] - data.now_s) / (TASTE_HALF_LIFE_DAYS * DAY_S))
        events = np.bincount(field.codes[begun], weights=decayed, minlength=len(field.names))
        return {"events": events.astype(np.float32)}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The rate of each value."""
        affinity = batch.affinity(self._field)
        columns, likes = affinity.columns, affinity.likes
        trained = batch.candidates.values(self._field).trained[columns]
        events = np.where(trained >= 0, params["events"].take(trained, mode="clip"), 0) if len(columns) else 0
        yield PerValue(self._field, likes / (np.maximum(events, likes) + self._damping), columns)


class Recent(UserSignal):
    """2^(−days since the user last liked an event with the same value of a field / 30), 0..1."""

    _HALF_LIFE_DAYS: Final = 30.0

    def __init__(self, field: str) -> None:
        self.name = f"recent_{field}"
        self._field = field

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """How recent the last like of each value is."""
        affinity = batch.affinity(self._field)
        yield PerValue(self._field, np.exp2(-affinity.days / self._HALF_LIFE_DAYS), affinity.columns)


class Interest(UserSignal):
    """log(1 + the user's own looks, shares and saves of this very event)."""

    name = "interest"

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The looks at each candidate that got any."""
        events, of_entries = batch.events
        rows, order = batch.candidates.ascending()
        found = places(rows, events)
        columns = order[found[found >= 0]]
        if not len(columns):
            return
        numbers = np.where(found >= 0, np.cumsum(found >= 0) - 1, -1)[of_entries]
        entries, shape = batch.liked[numbers >= 0], (len(batch), len(columns))
        looks = scatter(batch.user_of_entry[entries], numbers[numbers >= 0], batch.counts[entries], shape)
        yield PerEvent(np.log1p(looks), columns)
