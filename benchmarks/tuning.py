"""Tuning of peers on stretches of time before the first cutoff: grid search and coordinate ascent of NDCG@10."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.folds import Fold
from benchmarks.peer_data import PeerData
from shared.evaluation.metrics import ndcg_and_recall
from shared.ranking import topk

Score = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[Any]]
"""Scoring function: rows of b users and of c events → scores of shape (b, c)."""

Fit = Callable[[PeerData], Score]

_K: Final = 10
_CHUNK: Final = 64
_SAMPLE: Final = 1_000
"""Users by whom settings of a grid are compared, at most."""
_LEAST_GAIN: Final = 1e-4
"""NDCG by which a step of the coordinate ascent must be better; smaller gains on a few hundred users are noise."""

_Setting = TypeVar("_Setting")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Stretch of time before the first cutoff: a fold and the training data of peers at its beginning."""

    fold: Fold
    data: PeerData

    @classmethod
    def of(cls, fold: Fold) -> Self:
        """Stretch of a fold."""
        return cls(fold, PeerData.of(fold))

    def ndcg(self, score: Score) -> NDArray[np.float64]:
        """NDCG@10 of a scoring function, float64 of shape (at most `_SAMPLE`,), of the same users for all functions."""
        users = self._judged()
        rows = self.data.rows_of(self.fold.user_ids)[users]
        relevant = self.relevant(users)
        values = []
        for begin in range(0, len(users), _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            asked = rows[chunk]
            scores = np.asarray(score(asked, self.data.candidates), np.float64)
            values.append(_ndcg(scores, self.data.allowed(asked), relevant[chunk]))
        return np.concatenate(values)

    def some_data(self, limit: int) -> PeerData:
        """Training data with at most `limit` hits, for peers that train slowly, unless the users of `ndcg` have more.

        Whole users are kept: those of `ndcg`, and others who are drawn. Only `user_items` is reduced.
        """
        user_items = self.data.user_items
        if user_items.nnz <= limit:
            return self.data
        judged = self.data.rows_of(self.fold.user_ids)[self._judged()]
        others = np.setdiff1d(np.arange(user_items.shape[0]), judged)
        order = np.append(judged, np.random.default_rng(0).permutation(others))
        fits = np.cumsum(np.diff(user_items.indptr)[order]) <= limit
        fits[: len(judged)] = True
        kept = np.zeros(user_items.shape[0], np.float32)
        kept[order[fits]] = 1
        some = sp.csr_matrix(sp.diags(kept) @ user_items)
        some.eliminate_zeros()
        return replace(self.data, user_items=some)

    def _judged(self) -> NDArray[np.int64]:
        return drawn(np.arange(len(self.fold.user_ids)), _SAMPLE)

    def relevant(self, users: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Relevance of the candidates in the order of `data.candidates`, bool of shape (b, c).

        `users` are b distinct indices of evaluated users.
        """
        row = np.full(len(self.fold.user_ids), -1)
        row[users] = np.arange(len(users))
        rows, columns = row[self.fold.hit_users], np.argsort(self.data.columns)[self.fold.hit_columns]
        relevant = np.zeros((len(users), len(self.data.candidates)), np.bool_)
        relevant[rows[rows >= 0], columns[rows >= 0]] = True
        return relevant


def drawn(users: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Ascending sample of at most `limit` users, the same for the same users."""
    if len(users) <= limit:
        return users
    return np.sort(np.random.default_rng(0).choice(users, limit, replace=False))


def best_setting(settings: Sequence[_Setting], ndcg: Sequence[float]) -> _Setting:
    """Setting with the highest NDCG; of equal ones the first."""
    return settings[int(np.argmax(ndcg))]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranking task for a weighted sum of features: b users, c candidates.

    Attributes
    ----------
    features : arrays that broadcast to shape (b, c).
    allowed, relevant : bool of shape (b, c).
    """

    features: Sequence[NDArray[np.float32]]
    allowed: NDArray[np.bool_]
    relevant: NDArray[np.bool_]

    def scores(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """Weighted sum of the features, float32 of shape (b, c)."""
        scores = np.zeros(self.allowed.shape, np.float32)
        for weight, feature in zip(weights.tolist(), self.features, strict=True):
            if weight:
                scores += np.float32(weight) * feature
        return scores


def coordinate_ascent(
    rankings: Sequence[Ranking],
    start: Sequence[float],
    steps: Callable[[int, float], Iterator[float]],
    *,
    rounds: int = 3,
) -> NDArray[np.float64]:
    """Weights of features that maximise the mean NDCG@10 of users, one weight at a time.

    Parameters
    ----------
    rankings : tasks; without any, `start` is returned.
    start : first weight of each feature.
    steps : values to try for a feature, by its index and present weight.
    rounds : passes over all features, at most; a pass without a gain is the last.
    """
    weights = np.array(start, np.float64)
    if not rankings:
        return weights
    scores = [ranking.scores(weights) for ranking in rankings]
    best = _mean_ndcg(rankings, scores)
    for _ in range(rounds):
        before = weights.copy()
        for index in range(len(weights)):
            for value in list(steps(index, weights[index])):
                change = np.float32(value - weights[index])
                tried = [
                    of_task + change * ranking.features[index]
                    for ranking, of_task in zip(rankings, scores, strict=True)
                ]
                ndcg = _mean_ndcg(rankings, tried)
                if ndcg > best + _LEAST_GAIN:
                    best, scores, weights[index] = ndcg, tried, value
        if (weights == before).all():
            break
    return weights


def _mean_ndcg(rankings: Sequence[Ranking], scores: Sequence[NDArray[np.float32]]) -> float:
    values = [_ndcg(of_task, task.allowed, task.relevant) for task, of_task in zip(rankings, scores, strict=True)]
    return float(np.concatenate(values).mean())


def _ndcg(scores: NDArray[np.floating], allowed: NDArray[np.bool_], relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    columns, _ = topk.top(scores, allowed, _K)
    return ndcg_and_recall(columns, relevant)[0]
