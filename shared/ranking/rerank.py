"""Re-ranking of ranked candidates: caps by group and maximal marginal relevance (MMR) for diversity."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranks_within_groups
from shared.ranking import topk


@dataclass(frozen=True, slots=True)
class Cap:
    """Cap of a list: at most `limit` events of a group, those that come earlier in the list included.

    Attributes
    ----------
    groups : int of shape (c,) – group of each candidate, -1 for none.
    limit : greatest number of events of one group.
    before : int64 of shape (s,) – columns of candidates that come earlier in the list, such as on pages before.
    """

    groups: NDArray[np.integer]
    limit: int
    before: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def best_within(
    scores: NDArray[np.floating], allowed: NDArray[np.bool_], k: int, caps: Sequence[Cap] = ()
) -> NDArray[np.int64]:
    """Columns of the best k of c candidates within caps, int64 of shape (at most k,), best first.

    What an earlier cap leaves out does not count for a later one.

    Parameters
    ----------
    scores : float of shape (c,), no NaN.
    allowed : bool of shape (c,) – candidates that may be listed.

    >>> weekly = Cap(np.array([7, 7, -1]), 1)
    >>> best_within(np.array([3.0, 2.0, 1.0]), np.ones(3, np.bool_), 2, [weekly]).tolist()
    [0, 2]
    """
    reach = 4 * k if caps else k
    while True:
        columns, _ = topk.top(scores[None], allowed[None], reach)
        pool: NDArray[np.int64] = columns[0][columns[0] >= 0]
        kept = pool
        for cap in caps:
            kept = kept[within_caps(cap.groups[kept], cap.limit, before=cap.groups[cap.before])]
        if len(kept) >= k or len(pool) < reach:
            return kept[:k]
        reach *= 4


def top_within(
    scores: NDArray[np.floating], allowed: NDArray[np.bool_], k: int, cap: Cap
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Top-k columns of c candidates for each of b users within a cap, as `topk.top` without one."""
    b, c = scores.shape
    columns, best = np.full((b, min(k, c)), -1, np.int64), np.full((b, min(k, c)), -np.inf, scores.dtype)
    for user in range(b):
        found = best_within(scores[user], allowed[user], k, [cap])
        columns[user, : len(found)], best[user, : len(found)] = found, scores[user, found]
    return columns, best


def within_caps(
    groups: NDArray[np.integer], cap: int, *, before: NDArray[np.integer] | None = None
) -> NDArray[np.bool_]:
    """Mask of ranked items that keep their group at no more than `cap` items, bool of shape (n,).

    Parameters
    ----------
    groups : int of shape (n,) – group of each item, best item first; -1 for none, which has no cap.
    cap : greatest number of items of one group.
    before : int of shape (s,) – groups of items that come earlier in the list, such as on pages before.

    >>> within_caps(np.array([7, 7, -1, 7, 3]), 2, before=np.array([3, 3])).tolist()
    [True, True, True, False, False]
    """
    earlier = np.empty(0, np.int64) if before is None else before
    ranks = ranks_within_groups(np.concatenate([earlier, groups]))
    return (groups < 0) | (ranks[len(earlier) :] < cap)


def diverse(
    scores: NDArray[np.floating], similarity: NDArray[np.floating], k: int, *, diversity: float
) -> NDArray[np.int64]:
    """Indices of at most k of m candidates, re-ranked by maximal marginal relevance (MMR), int64.

    The next candidate is that with the greatest (1 − diversity) · relevance − diversity · similarity, relevance being
    the score scaled to 0..1 and similarity that to the most similar candidate chosen before. (Carbonell, Goldstein:
    "The use of MMR, diversity-based reranking for reordering documents and producing summaries", SIGIR 1998.)

    Parameters
    ----------
    scores : float of shape (m,), best first, finite.
    similarity : float of shape (m, m + s) in 0..1 – to each candidate, then to s items that come earlier in the list.
    k : length of the list.
    diversity : weight of similarity, 0..1; 0 keeps the order of scores.

    >>> twins = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1.0]])
    >>> diverse(np.array([3, 2.9, 1]), twins, 2, diversity=0.6).tolist()
    [0, 2]
    """
    m = len(scores)
    span = float(scores[0] - scores[-1]) if m else 0.0
    relevance = (scores - scores[-1]) / span if span > 0 else np.ones(m)
    margin = (1 - diversity) * relevance
    closest = similarity[:, m:].max(axis=1, initial=0.0).astype(np.float64)
    chosen = np.empty(min(k, m), np.int64)
    for position in range(len(chosen)):
        best = int(np.argmax(margin - diversity * closest))
        chosen[position] = best
        margin[best] = -np.inf
        np.maximum(closest, similarity[:, best], out=closest)
    return chosen
