"""Positions in arrays: concatenated ranges of rows, lookups in sorted arrays, distinct values."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Kind = TypeVar("_Kind", bound=np.generic)


def ranges(starts: NDArray[np.integer], lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Concatenated ranges: the integers `start .. start + length - 1` of each range, int64 of shape (sum of lengths,).

    Gathers the entries of many rows of a CSR matrix with a single index.

    >>> ranges(np.array([7, 0, 3]), np.array([2, 0, 3])).tolist()
    [7, 8, 3, 4, 5]
    """
    ends = np.cumsum(lengths)
    shifts = np.repeat(starts - (ends - lengths), lengths)
    rows: NDArray[np.int64] = np.arange(len(shifts), dtype=np.int64) + shifts
    return rows


def positions_of(kept: NDArray[np.integer], codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Positions of `codes` in the ascending, distinct `kept`, int64 of the shape of `codes`; -1 for absent codes."""
    if not len(kept):
        return np.full(len(codes), -1, np.int64)
    found = np.minimum(np.searchsorted(kept, codes), len(kept) - 1)
    return np.where(kept[found] == codes, found, -1)


def distinct(*vectors: NDArray[_Kind]) -> NDArray[_Kind]:
    """Distinct values of the union of one or more vectors, ascending.

    Equals `numpy.unique` of the concatenation, which would import numpy.ma on its first use and so delay a server's
    first response by 10 ms.

    >>> distinct(np.array([3, 1, 3]), np.array([2])).tolist()
    [1, 2, 3]
    """
    ordered = np.sort(np.concatenate(vectors) if len(vectors) > 1 else vectors[0])
    is_first = np.ones(len(ordered), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]
