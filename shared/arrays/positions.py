"""Rows as an index: many stretches of them, and where some are among others."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Kind = TypeVar("_Kind", bound=np.generic)


def ranges(starts: NDArray[np.integer], lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """The whole numbers `start .. start + length - 1` of each stretch, one stretch after the other.

    >>> ranges(np.array([7, 0, 3]), np.array([2, 0, 3])).tolist()
    [7, 8, 3, 4, 5]
    """
    ends = np.cumsum(lengths)
    shifts = np.repeat(starts - (ends - lengths), lengths)
    rows: NDArray[np.int64] = np.arange(len(shifts), dtype=np.int64) + shifts
    return rows


def places(kept: NDArray[np.integer], codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where each of `codes` is in the ascending `kept`, int64 of the shape of `codes`; -1 where it is not."""
    if not len(kept):
        return np.full(len(codes), -1, np.int64)
    found = np.minimum(np.searchsorted(kept, codes), len(kept) - 1)
    return np.where(kept[found] == codes, found, -1)


def distinct(*parts: NDArray[_Kind]) -> NDArray[_Kind]:
    """The values that occur in any of these vectors, ascending.

    `numpy.unique` gives the same, but imports numpy.ma on its first use, which takes 10 ms of the first answer.

    >>> distinct(np.array([3, 1, 3]), np.array([2])).tolist()
    [1, 2, 3]
    """
    ordered = np.sort(np.concatenate(parts) if len(parts) > 1 else parts[0])
    is_first = np.ones(len(ordered), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]
