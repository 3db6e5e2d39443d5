"""Time-to-start signals: days until the event, and its order in time among candidates of the same series."""

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranks_within_runs
from shared.signals.candidates import Candidates
from shared.signals.signal import EventSignal, SignalParams


class Soonness(EventSignal):
    """Soonness: −log(1 + days to the start). Its weight may have either sign, learned from the deployment's past."""

    name = "soonness"
    source = "soonest"
    may_be_negative = True

    def score(self, _params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Soonness of c candidates, float32 of shape (c,), at most 0."""
        return -np.log1p(candidates.days_to_go())


class Beyond(EventSignal):
    """Hinge of the time to the start: max(0, log((1 + days to the start) / (1 + d))).

    With `Soonness` it gives events that start after d days a slope of their own. The effect of time differs
    between tomorrow, next week and next month, and between deployments: hinges make it a piecewise linear function of
    log(1 + days).
    """

    source = "soonest"
    may_be_negative = True

    def __init__(self, days: int) -> None:
        self.name = f"beyond_{days}_days"
        self._bound = np.float32(np.log1p(days))

    def score(self, _params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Hinge values of c candidates, float32 of shape (c,), at least 0."""
        return np.maximum(np.log1p(candidates.days_to_go()) - self._bound, 0)


class NextOf(EventSignal):
    """Order in time: −log(1 + number of earlier candidates with the same value of a field), 0 for the next one."""

    source = "soonest"

    def __init__(self, field: str) -> None:
        self.name = f"next_of_{field}"
        self._field = field

    def score(self, _params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Negated log ranks by start time, float32 of shape (c,), at most 0; 0 where the value is unknown."""
        codes, order = candidates.static.codes[self._field], self._order(candidates)
        ranks = np.empty(len(order), np.float32)
        ranks[order] = ranks_within_runs(codes[order])
        return -np.log1p(np.where(codes >= 0, ranks, 0)).astype(np.float32)

    def _order(self, candidates: Candidates) -> NDArray[np.int64]:
        """Candidates by value, then by days to go, then by row, int64 of shape (c,)."""
        codes, days, rows = candidates.static.codes[self._field], candidates.days_to_go(), candidates.rows
        order = candidates.static.by_start[self._field]
        ordered_codes, ordered_days, ordered_rows = codes[order], days[order], rows[order]
        # Most are in the order of their starts: only values are sorted of which two neighbours are not in order.
        is_same = ordered_codes[1:] == ordered_codes[:-1]
        is_later = ordered_days[1:] > ordered_days[:-1]
        is_tied = (ordered_days[1:] == ordered_days[:-1]) & (ordered_rows[1:] > ordered_rows[:-1])
        is_wrong = np.zeros(len(candidates.catalog.fields[self._field].names) + 1, np.bool_)
        is_wrong[ordered_codes[1:][is_same & ~is_later & ~is_tied]] = True
        # The order of those without a value counts for nothing.
        is_wrong[-1] = False
        places = np.flatnonzero(is_wrong[ordered_codes])
        if len(places):
            keys = (ordered_rows[places], ordered_days[places], ordered_codes[places])
            order = order.copy()
            order[places] = order[places][np.lexsort(keys)]
        return order
