"""How often a user went to what an event shares with others: the strongest signal in large cities."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.models.interactions import DAY_S
from shared.models.request import TASTE_HALF_LIFE_DAYS, Request, gather, scatter
from shared.models.signals.signal import Past, State, UserSignal, places


class Share(UserSignal):
    """The share of the user's decayed likes that went to events with the same value of a field, 0..1."""

    def __init__(self, field: str) -> None:
        self.name = f"share_{field}"
        self._field = field

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        totals = np.bincount(request.owners, weights=request.likes, minlength=len(request))
        shares = request.tally(self._field, decayed=True) / np.maximum(totals, 1e-9)[:, None]
        return gather(shares.astype(np.float32), request.candidates.codes(self._field))


class Count(UserSignal):
    """log(1 + the user's likes of events with the same value of a field), undecayed."""

    def __init__(self, field: str) -> None:
        self.name = f"count_{field}"
        self._field = field

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        return gather(np.log1p(request.tally(self._field, decayed=False)), request.candidates.codes(self._field))


class Rate(UserSignal):
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

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        field = request.candidates.catalog.fields[self._field]
        events = np.append(state["events"], np.float32(0))[field.trained]
        tally = request.tally(self._field, decayed=True)
        rates = tally / (np.maximum(events, tally) + self._damping)
        return gather(rates.astype(np.float32), request.candidates.codes(self._field))


class Recent(UserSignal):
    """2^(−days since the user last liked an event with the same value of a field / 30), 0..1."""

    _HALF_LIFE_DAYS: Final = 30.0

    def __init__(self, field: str) -> None:
        self.name = f"recent_{field}"
        self._field = field

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        values = request.candidates.catalog.fields[self._field]
        codes = values.at(request.histories.event_rows)
        used = (request.counts > 0) & (codes >= 0)
        fresh = np.exp2(-np.maximum(request.histories.age_days[used], 0) / self._HALF_LIFE_DAYS)
        table = np.zeros((len(request), len(values.names)), np.float32)
        np.maximum.at(table, (request.owners[used], codes[used]), fresh)
        return gather(table, request.candidates.codes(self._field))


class Interest(UserSignal):
    """log(1 + the user's own looks, shares and saves of this very event)."""

    name = "interest"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        rows = request.candidates.rows
        order = np.argsort(rows, kind="stable")
        columns = np.append(order, -1)[places(rows[order], request.histories.event_rows)]
        used = (request.counts > 0) & (columns >= 0)
        shape = (len(request), len(rows))
        return np.log1p(scatter(request.owners[used], columns[used], request.counts[used], shape))
