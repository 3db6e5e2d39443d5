"""How good lists and predicted ratings are, on held-out data.

Ranking metrics follow Järvelin and Kekäläinen ("Cumulated gain-based evaluation of IR techniques", 2002) with
binary gains: DCG@k = Σ rel_i / log2(i + 1), divided by the best DCG@k that the user's holdout allows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RankingMetrics:
    """Means over the users with a holdout; `coverage` is the share of candidates in any list."""

    users: int
    ndcg: float
    recall: float
    coverage: float


@dataclass(frozen=True, slots=True)
class RatingMetrics:
    """Errors of predicted stars on n held-out ratings."""

    ratings: int
    rmse: float
    mae: float
    explained_variance: float


def ranking_metrics(lists: NDArray[np.integer], relevant: NDArray[np.bool_], *, n_candidates: int) -> RankingMetrics:
    """Metrics of b users' lists.

    Parameters
    ----------
    lists : int of shape (b, k) – candidate columns, best first, -1 where a list ends early.
    relevant : bool of shape (b, n_candidates) – the holdout; every user has at least one.
    """
    per_user_ndcg, per_user_recall = ndcg_and_recall(lists, relevant)
    shown = np.unique(lists[lists >= 0])
    return RankingMetrics(
        users=len(lists),
        ndcg=float(per_user_ndcg.mean()) if len(lists) else 0.0,
        recall=float(per_user_recall.mean()) if len(lists) else 0.0,
        coverage=len(shown) / n_candidates if n_candidates else 0.0,
    )


def ndcg_and_recall(
    lists: NDArray[np.integer], relevant: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NDCG@k and recall@k of each user, float64 of shape (b,) each.

    Recall divides by min(k, number of relevant), so that a perfect list scores 1.
    """
    k = lists.shape[1]
    hits = np.take_along_axis(relevant, np.maximum(lists, 0), axis=1) & (lists >= 0)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    attainable = np.minimum(relevant.sum(axis=1), k)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[attainable]
    ndcg: NDArray[np.float64] = (hits * discounts).sum(axis=1) / ideal
    recall: NDArray[np.float64] = hits.sum(axis=1) / attainable
    return ndcg, recall


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
