"""Scores as sums of parts: what signals say of the values of a field, of the names of a bag, and of single candidates.

Most of what a signal says of an event, it says of all events with the same organizer, or with the same tag. So signals
are weighed and summed over values and names, of which there are few, and only the sums meet the candidates.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.arrays.sparse import Sparse
from shared.signals.users import UserBatch


@dataclass(frozen=True, slots=True)
class PerValue:
    """What is said to b users of values of a field, of places or of prices, see `Candidates.groups`.

    Attributes
    ----------
    columns : int64 of shape (t,) – places among the values that candidates have, each once; None for all.
    values : float of shape (b, t).
    """

    field: str
    values: NDArray[np.floating]
    columns: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class PerToken:
    """What is said to users of names of a bag, times the weight that the name has for an event."""

    bag: str
    profiles: Sparse


@dataclass(frozen=True, slots=True)
class PerEvent:
    """What is said to b users of candidates.

    Attributes
    ----------
    columns : int64 of shape (t,) – candidates, each once; None for all.
    values : float of shape (b, t).
    """

    values: NDArray[np.floating]
    columns: NDArray[np.int64] | None = None


Term = PerValue | PerToken | PerEvent


class ScoreSum:
    """The weighted sum of parts for b users and c candidates."""

    def __init__(self, batch: UserBatch) -> None:
        self._batch = batch
        self._events = np.zeros((len(batch), len(batch.candidates)), np.float32)
        self._fields: dict[str, NDArray[np.float32]] = {}
        self._bags: defaultdict[str, list[Sparse]] = defaultdict(list)

    def add(self, part: Term, weights: NDArray[np.float32]) -> None:
        """Put in a part, times the weight that it has for each user, float32 of shape (b,)."""
        if isinstance(part, PerToken):
            owners, columns, values = part.profiles
            if len(owners):
                self._bags[part.bag].append((owners, columns, values * weights[owners]))
            return
        # Numpy adds in place to all columns much faster than to some.
        places: NDArray[np.int64] | slice = slice(None) if part.columns is None else part.columns
        values = part.values * weights[:, None]
        if isinstance(part, PerEvent):
            self._events[:, places] += values
        elif values.size:
            if part.field not in self._fields:
                # The last column stays 0: it is that of candidates without a value.
                size, _ = self._batch.candidates.group_ids(part.field)
                self._fields[part.field] = np.zeros((len(self._batch), size + 1), np.float32)
            self._fields[part.field][:, :-1][:, places] += values

    def total(self) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        candidates, total = self._batch.candidates, self._events
        for field, table in self._fields.items():
            total += table.take(candidates.group_ids(field)[1], axis=1)
        for bag, profiles in self._bags.items():
            owners, columns, values = (np.concatenate(arrays) for arrays in zip(*profiles, strict=True))
            total += candidates.dot(bag, (owners, columns, values), len(self._batch))
        return total
