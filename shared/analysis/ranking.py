"""Turns scores into lists."""

import numpy as np
from numpy.typing import NDArray


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
    k = min(k, c)
    if k == 0:
        return np.empty((b, 0), np.int64), np.empty((b, 0), masked.dtype)
    if 4 * k < c:
        # Everything that reaches the k-th best score survives, ties too, so that order does not decide membership.
        bars = np.partition(masked, c - k, axis=1)[:, c - k]
        columns = np.full((b, k), -1, np.int64)
        for user in range(b):
            survivors = np.flatnonzero(masked[user] >= bars[user])
            order = np.argsort(-masked[user, survivors], kind="stable")[:k]
            columns[user] = survivors[order]
    else:
        columns = np.argsort(-masked, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(masked, columns, axis=1)
    return np.where(np.isneginf(best), -1, columns), best


def fallback_scores(popularity: NDArray[np.floating], starts_at: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scores in 0..1 for who is not known: most popular first, then soonest first; float32 of shape (c,)."""
    order = np.lexsort((starts_at, -popularity))
    scores = np.empty(len(order), np.float32)
    scores[order] = np.linspace(1.0, 0.0, len(order), endpoint=False, dtype=np.float32)
    return scores


def over(personal: NDArray[np.floating], fallback: NDArray[np.floating]) -> NDArray[np.floating]:
    """What a user likes first, 1 + score; then what no model knows; last what a model holds against.

    `personal` has shape (b, c), NaN where a model has nothing to say; `fallback`, in 0..1, has shape (c,).
    """
    return np.where(personal > 0, 1 + personal, fallback - (personal <= 0))
