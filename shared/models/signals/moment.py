"""Time to the start, of the event and within its series."""

import numpy as np
from numpy.typing import NDArray

from shared.models.candidates import Candidates
from shared.models.signals.signal import EventSignal, State


class Soonness(EventSignal):
    """−log(1 + days to the start); what soonness is worth, and whether, is for the weights to say."""

    name = "soonness"
    source = "soonest"
    is_free = True

    def score(self, _state: State, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at most 0."""
        return -np.log1p(candidates.wait_days())


class NextOf(EventSignal):
    """−log(1 + how many candidates with the same value of a field start earlier): 0 for the next of a series."""

    source = "soonest"

    def __init__(self, field: str) -> None:
        self.name = f"next_of_{field}"
        self._field = field

    def score(self, _state: State, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,), at most 0; 0 where the value is unknown."""
        codes = candidates.codes(self._field)
        order = np.lexsort((candidates.rows, candidates.wait_days(), codes))
        begins = np.flatnonzero(np.diff(codes[order], prepend=-2))
        sizes = np.diff(np.append(begins, len(order)))
        ranks = np.empty(len(order), np.float32)
        ranks[order] = np.arange(len(order)) - np.repeat(begins, sizes)
        return -np.log1p(np.where(codes >= 0, ranks, 0)).astype(np.float32)
