"""How often a user went to what an event shares with others: the strongest signal in large cities."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.arrays.positions import places
from shared.arrays.sparse import scatter
from shared.feedback.interactions import DAY_S
from shared.signals.signal import PartedSignal, Past, State
from shared.signals.terms import OfEvents, OfField, Part
from shared.signals.users import TASTE_HALF_LIFE_DAYS, Request


class Share(PartedSignal):
    """The share of the user's decayed likes that went to events with the same value of a field, 0..1."""

    def __init__(self, field: str) -> None:
        self.name = f"share_{field}"
        self._field = field

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """The share of each value."""
        touched = request.touched(self._field)
        yield OfField(self._field, touched.likes / np.maximum(request.total_likes, 1e-9)[:, None], touched.columns)


class Count(PartedSignal):
    """log(1 + the user's likes of events with the same value of a field), undecayed."""

    def __init__(self, field: str) -> None:
        self.name = f"count_{field}"
        self._field = field

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """The likes of each value."""
        touched = request.touched(self._field)
        yield OfField(self._field, np.log1p(touched.counts), touched.columns)


class Rate(PartedSignal):
    """The share that the user liked of the past events with the same value of a field, both decayed with age, 0..1.

    Somebody who went to all of a club's few evenings will go to the next one. `damping` events, which nobody went to,
    are added.
    """

    def __init__(self, field: str, *, damping: float) -> None:
        self.name = f"rate_{field}"
        self._field = field
        self._damping = damping

    def fit(self, past: Past) -> State:
        """`events` float32 of shape (m,): how many there were of each value, decayed with age."""
        field, starts_at = past.catalog.fields[self._field], past.catalog.starts_at
        begun = np.flatnonzero((field.codes >= 0) & (starts_at < past.now_s) & np.isfinite(starts_at))
        decayed = np.exp2((starts_at[begun] - past.now_s) / (TASTE_HALF_LIFE_DAYS * DAY_S))
        events = np.bincount(field.codes[begun], weights=decayed, minlength=len(field.names))
        return {"events": events.astype(np.float32)}

    def parts(self, state: State, request: Request) -> Iterator[Part]:
        """The rate of each value."""
        touched = request.touched(self._field)
        columns, likes = touched.columns, touched.likes
        trained = request.candidates.values(self._field).trained[columns]
        events = np.where(trained >= 0, state["events"].take(trained, mode="clip"), 0) if len(columns) else 0
        yield OfField(self._field, likes / (np.maximum(events, likes) + self._damping), columns)


class Recent(PartedSignal):
    """2^(−days since the user last liked an event with the same value of a field / 30), 0..1."""

    _HALF_LIFE_DAYS: Final = 30.0

    def __init__(self, field: str) -> None:
        self.name = f"recent_{field}"
        self._field = field

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """How recent the last like of each value is."""
        touched = request.touched(self._field)
        yield OfField(self._field, np.exp2(-touched.days / self._HALF_LIFE_DAYS), touched.columns)


class Interest(PartedSignal):
    """log(1 + the user's own looks, shares and saves of this very event)."""

    name = "interest"

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """The looks at each candidate that got any."""
        events, of_entries = request.events
        rows, order = request.candidates.ascending()
        found = places(rows, events)
        columns = order[found[found >= 0]]
        if not len(columns):
            return
        numbers = np.where(found >= 0, np.cumsum(found >= 0) - 1, -1)[of_entries]
        entries, shape = request.liked[numbers >= 0], (len(request), len(columns))
        looks = scatter(request.owners[entries], numbers[numbers >= 0], request.counts[entries], shape)
        yield OfEvents(np.log1p(looks), columns)
