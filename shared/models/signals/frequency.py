"""How often a user went to what an event shares with others: the strongest signal in large cities."""

import numpy as np
from numpy.typing import NDArray

from shared.models.request import Request, gather, scatter
from shared.models.signals.signal import State, UserSignal, places


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
