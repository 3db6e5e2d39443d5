"""Positions in arrays: offsets of adjacent ranges, lookups in sorted arrays, distinct values, ranks within groups."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Kind = TypeVar("_Kind", bound=np.generic)


def offsets(lengths: NDArray[np.integer] | NDArray[np.bool_] | Sequence[int]) -> NDArray[np.int64]:
    """First position of each of n adjacent ranges, then the end of the last, int64 of shape (n + 1,).

    >>> offsets([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.add.accumulate(lengths, dtype=np.int64, out=starts[1:])
    return starts


def positions_of(kept: NDArray[np.integer], codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Positions of `codes` in the ascending, distinct `kept`, int64 of the shape of `codes`; -1 for absent codes."""
    if not len(kept):
        return np.full(len(codes), -1, np.int64)
    found = np.minimum(np.searchsorted(kept, codes), len(kept) - 1)
    return np.where(kept[found] == codes, found, -1)


def ranks_within_groups(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number of earlier entries of the same group, int64 of shape (n,), for entries in order of rank.

    >>> ranks_within_groups(np.array([7, 7, -1, 7, -1])).tolist()
    [0, 1, 0, 2, 1]
    """
    order = np.argsort(groups, kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = ranks_within_runs(groups[order])
    return ranks


def ranks_within_runs(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number of earlier entries of the same run of equal numbers, int64 of shape (n,).

    >>> ranks_within_runs(np.array([-1, -1, 7, 7, 7])).tolist()
    [0, 1, 0, 1, 2]
    """
    is_first = np.ones(len(groups), np.bool_)
    is_first[1:] = groups[1:] != groups[:-1]
    begins = np.flatnonzero(is_first)
    return np.arange(len(groups)) - np.repeat(begins, np.diff(np.append(begins, len(groups))))


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
