"""How good lists and predicted ratings are, on held-out data.

Ranking metrics follow Järvelin and Kekäläinen ("Cumulated gain-based evaluation of IR techniques", 2002) with
binary gains: DCG@k = Σ rel_i / log2(i + 1), divided by the best DCG@k that the user's holdout allows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RatingMetrics:
    """Errors of predicted stars on n held-out ratings."""

    ratings: int
    rmse: float
    mae: float
    explained_variance: float


def ndcg_and_recall(
    lists: NDArray[np.integer], relevant: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NDCG@k and recall@k of each user, float64 of shape (b,) each.

    Recall divides by min(k, number of relevant), so that a perfect list scores 1.
    """
    is_hit = np.take_along_axis(relevant, np.maximum(lists, 0), axis=1) & (lists >= 0)
    return of_hits(is_hit, relevant.sum(axis=1))


def of_hits(
    is_hit: NDArray[np.bool_], n_relevant: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same from which places of the lists are hits, bool of shape (b, k), and how many each user could have.

    Both are 0 for a user with nothing relevant.
    """
    k = is_hit.shape[1]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    attainable = np.minimum(n_relevant, k)
    ideal = np.concatenate([[1.0], np.cumsum(discounts)])[attainable]
    ndcg: NDArray[np.float64] = (is_hit * discounts).sum(axis=1) / ideal
    recall: NDArray[np.float64] = is_hit.sum(axis=1) / np.maximum(attainable, 1)
    return ndcg, recall


def self_information(takers: NDArray[np.integer], n_users: int) -> NDArray[np.float64]:
    """How little known each event is, in bits: −log2 of the share of users who took it; float64 of shape (n,).

    The mean over shown events is a list's novelty (Zhou et al.: "Solving the apparent diversity-accuracy dilemma of
    recommender systems", PNAS 2010). An event that nobody took counts as taken by one user, so nothing exceeds
    log2(n_users).

    Parameters
    ----------
    takers : int of shape (n,) – by how many of the `n_users` users each event was taken.

    >>> self_information(np.array([8, 2, 1, 0]), 8).tolist()
    [0.0, 2.0, 3.0, 3.0]
    """
    if not n_users:
        return np.zeros(len(takers))
    information: NDArray[np.float64] = np.log2(n_users) - np.log2(np.maximum(takers, 1))
    return information


def unlikeness(lists: NDArray[np.integer]) -> float:
    """The mean share of entries that two users' lists do not have in common: 0 if all are the same, 1 if disjoint.

    1 − Σ n_e (n_e − 1) / ((b − 1) Σ n_e), n_e being how many of the b lists hold event e: the mean over all pairs of
    lists, without forming any (the Hamming distance of Zhou et al., 2010). 0 with fewer than two lists.

    Parameters
    ----------
    lists : int of shape (b, k) – candidate columns, each at most once a list, -1 where a list ends early.

    >>> unlikeness(np.array([[0, 1], [1, 2]]))
    0.5
    """
    held = np.bincount(lists[lists >= 0]).astype(np.float64)
    if len(lists) < 2 or not held.any():
        return 0.0
    return float(1 - (held * (held - 1)).sum() / ((len(lists) - 1) * held.sum()))


def rating_metrics(stars: NDArray[np.floating], predicted: NDArray[np.floating]) -> RatingMetrics:
    """RMSE, MAE and explained variance 1 − Var(stars − predicted) / Var(stars); NaN where undefined."""
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
