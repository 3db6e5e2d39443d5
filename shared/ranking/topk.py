"""Turns scores into lists."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SAMPLE: Final = 1_000
_SPARE: Final = 8


def top(
    scores: NDArray[np.floating], allowed: NDArray[np.bool_], k: int
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The best k of c candidates for each of b users.

    Parameters
    ----------
    scores : float of shape (b, c), no NaN.
    allowed : bool of shape (b, c) – candidates that may appear at all.
    k : length of the lists, at least 1.

    Returns
    -------
    columns : int64 of shape (b, min(k, c)) – best first, ties in order of the column; -1 where nothing is left.
    scores : of the same shape; -inf where nothing is left.
    """
    masked = np.where(allowed, scores, -np.inf)
    b, c = masked.shape
    columns = np.full((b, min(k, c)), -1, np.int64)
    best = np.full((b, min(k, c)), -np.inf, masked.dtype)
    for user, row in enumerate(masked):
        found = _best(row, k)
        columns[user, : len(found)], best[user, : len(found)] = found, row[found]
    return columns, best


def _best(row: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Columns of the best k that are above -inf, best first, ties in order of the column."""
    # A sample tells where the best begin; whoever reaches that bar is sorted, ties too, so that order does not decide
    # membership. Where the sample misleads, all are sorted.
    sample = row[:: max(len(row) // _SAMPLE, 1)]
    bar = -np.inf
    if (rank := _SPARE + 2 * k * len(sample) // max(len(row), 1)) < len(sample):
        bar = np.partition(sample, len(sample) - rank)[len(sample) - rank]
    found = np.flatnonzero(row >= bar) if bar > -np.inf else np.flatnonzero(row > -np.inf)
    if len(found) < k:
        found = np.flatnonzero(row > -np.inf)
    if 4 * k < len(found):
        reached = row[found]
        found = found[reached >= np.partition(reached, len(found) - k)[len(found) - k]]
    best: NDArray[np.int64] = found[np.argsort(-row[found], kind="stable")[:k]]
    return best
