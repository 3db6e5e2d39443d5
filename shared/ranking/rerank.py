"""Re-ranking of ranked candidates: caps by group and maximal marginal relevance (MMR) for diversity."""

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranks_within_groups


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
