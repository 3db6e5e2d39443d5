"""Metrics of ranked lists and predicted ratings on a holdout: NDCG, recall, novelty, diversity, RMSE, MAE.

Ranking metrics follow Järvelin and Kekäläinen ("Cumulated gain-based evaluation of IR techniques", 2002) with
binary gains: DCG@k = Σ rel_i / log2(i + 1), divided by the best DCG@k that the user's holdout allows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LONG: Final = 1_000
"""Length of lists that are to be restricted to a kind of candidates: most still hold ten of the kind."""


@dataclass(frozen=True, slots=True)
class RatingMetrics:
    """Errors of predicted stars on the ratings of a holdout; `ratings` is their number."""

    ratings: int
    rmse: float
    mae: float
    explained_variance: float


def ndcg_and_recall(
    lists: NDArray[np.integer], relevant: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NDCG@k and recall@k of the lists of b users, float64 of shape (b,) each; 0 for a user without relevant events.

    Recall divides by min(k, number of relevant), so that a perfect list scores 1.

    Parameters
    ----------
    lists : int of shape (b, k) – candidate columns, best first, -1 where a list ends early.
    relevant : bool of shape (b, c) – relevant candidates of each user.
    """
    is_hit = np.take_along_axis(relevant, np.maximum(lists, 0), axis=1) & (lists >= 0)
    return of_hits(is_hit, relevant.sum(axis=1))


def of_hits(
    is_hit: NDArray[np.bool_], n_relevant: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NDCG@k and recall@k from hits by rank, float64 of shape (b,) each; 0 for a user without relevant events.

    Parameters
    ----------
    is_hit : bool of shape (b, k) – True where the entry at that rank of the user's list is relevant.
    n_relevant : int of shape (b,) – number of relevant events of each user.
    """
    k = is_hit.shape[1]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    attainable = np.minimum(n_relevant, k)
    ideal = np.concatenate([[1.0], np.cumsum(discounts)])[attainable]
    ndcg: NDArray[np.float64] = (is_hit * discounts).sum(axis=1) / ideal
    recall: NDArray[np.float64] = is_hit.sum(axis=1) / np.maximum(attainable, 1)
    return ndcg, recall


def restricted(lists: NDArray[np.integer], is_of_kind: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """Lists of b users restricted to the entries of a kind, in their order, int64 of shape (b, min(k, m)).

    Parameters
    ----------
    lists : int of shape (b, m) – candidate columns, best first, -1 where a list ends early, see `LONG`.
    is_of_kind : bool of shape (b, m) – entries that stay.

    >>> restricted(np.array([[4, 2, 0, 3]]), np.array([[True, False, True, True]]), 2).tolist()
    [[4, 0]]
    """
    kept = is_of_kind & (lists >= 0)
    # A stable sort by "is not of the kind" moves a list's entries of the kind to its front, in their order.
    order = np.argsort(~kept, axis=1, kind="stable")[:, :k]
    front = np.take_along_axis(lists, order, 1).astype(np.int64)
    return np.where(np.take_along_axis(kept, order, 1), front, -1)


def self_information(takers: NDArray[np.integer], n_users: int) -> NDArray[np.float64]:
    """Self-information (novelty) of each event in bits: −log2 of the share of users who took it, float64 of shape (n,).

    The mean over the events of a list is its novelty (Zhou et al.: "Solving the apparent diversity-accuracy dilemma of
    recommender systems", PNAS 2010). An event without any user counts as taken by one user, so the
    maximum is log2(n_users).

    Parameters
    ----------
    takers : int of shape (n,) – number of users, of all `n_users`, who took each event.

    >>> self_information(np.array([8, 2, 1, 0]), 8).tolist()
    [0.0, 2.0, 3.0, 3.0]
    """
    if not n_users:
        return np.zeros(len(takers))
    information: NDArray[np.float64] = np.log2(n_users) - np.log2(np.maximum(takers, 1))
    return information


def unlikeness(lists: NDArray[np.integer]) -> float:
    """Inter-user diversity: mean share of entries that two lists do not share, 0 if all are equal, 1 if disjoint.

    1 − Σ n_e (n_e − 1) / ((b − 1) Σ n_e), where n_e is the number of the b lists with event e. This is the mean over
    all pairs of lists without computing the pairs (the Hamming distance of Zhou et al., 2010). 0 with fewer than two
    lists.

    Parameters
    ----------
    lists : int of shape (b, k) – candidate columns, each at most once a list, -1 where a list ends early.

    >>> unlikeness(np.array([[0, 1], [1, 2]]))
    0.5
    """
    counts = np.bincount(lists[lists >= 0]).astype(np.float64)
    if len(lists) < 2 or not counts.any():
        return 0.0
    return float(1 - (counts * (counts - 1)).sum() / ((len(lists) - 1) * counts.sum()))


def rating_metrics(stars: NDArray[np.floating], predicted: NDArray[np.floating]) -> RatingMetrics:
    """Rating errors: RMSE, MAE and explained variance 1 − Var(stars − predicted) / Var(stars); NaN where undefined.

    Parameters
    ----------
    stars, predicted : float of shape (n,) – given and predicted stars.
    """
    errors = stars - predicted
    if not len(errors):
        return RatingMetrics(0, np.nan, np.nan, np.nan)
    variance = float(np.var(stars))
    return RatingMetrics(
        ratings=len(errors),
        rmse=float(np.sqrt(np.mean(errors**2))),
        mae=float(np.mean(np.abs(errors))),
        explained_variance=float(1 - np.var(errors) / variance) if variance > 0 else np.nan,
    )
