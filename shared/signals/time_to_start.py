"""Time to the start, of the event and within its series."""

import numpy as np
from numpy.typing import NDArray

from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, SignalParams


class Soonness(EventSignal):
    """−log(1 + days to the start); what soonness is worth, and whether, is for the weights to say."""

    name = "soonness"
    source = "soonest"
    may_be_negative = True

    def score(self, _state: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at most 0."""
        return -np.log1p(candidates.wait_days())


class Beyond(EventSignal):
    """max(0, log((1 + days to the start) / (1 + d))): with soonness, a slope of its own for what starts after d days.

    What time to the start is worth differs between tomorrow, next week and next month, and from one deployment to
    another: with a few of these the weights draw that curve piece by piece.
    """

    source = "soonest"
    may_be_negative = True

    def __init__(self, days: int) -> None:
        self.name = f"beyond_{days}_days"
        self._bound = np.float32(np.log1p(days))

    def score(self, _state: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at least 0."""
        return np.maximum(np.log1p(candidates.wait_days()) - self._bound, 0)


class NextOf(EventSignal):
    """−log(1 + how many candidates with the same value of a field start earlier): 0 for the next of a series."""

    source = "soonest"

    def __init__(self, field: str) -> None:
        self.name = f"next_of_{field}"
        self._field = field

    def score(self, _state: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at most 0; 0 where the value is unknown."""
        codes = candidates.codes(self._field)
        order = np.lexsort((candidates.rows, candidates.wait_days(), codes))
        begins = np.flatnonzero(np.diff(codes[order], prepend=-2))
        sizes = np.diff(np.append(begins, len(order)))
        ranks = np.empty(len(order), np.float32)
        ranks[order] = np.arange(len(order)) - np.repeat(begins, sizes)
        return -np.log1p(np.where(codes >= 0, ranks, 0)).astype(np.float32)
