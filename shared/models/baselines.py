"""Baseline models, part of every evaluation: most popular, and collaborative filtering by truncated SVD."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked
from shared.catalog.catalog import Catalog
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import confidence_weights
from shared.models.scorer import TrainingInput
from shared.signals.users import UserBatch

_LONGEST = 1.01
"""Upper bound of the entries of a vector of length 1, rounding included."""
_SHORTEST_DAYS = 1e-3
"""Shortest half-life of a stored model, days; the settings demand a day."""
_STEP = 2.0**-12
"""Difference of products of vectors of length 1 that means nothing: that of vectors stored in half precision."""
_EPSILON = 1e-9
"""Lower bound of vector lengths, which keeps zero vectors zero when they are scaled to length 1."""


class MostPopular:
    """Most-popular baseline: a non-personalized ranking by popularity, then by start time, soonest first."""

    name: ClassVar[str] = "popularity"
    needs_extra: ClassVar[bool] = False

    @classmethod
    def train(cls, _given: TrainingInput) -> Self:
        """Model without parameters: popularity is kept outside the model and is current at serving time."""
        return cls()

    @classmethod
    def from_arrays(cls, _arrays: Mapping[str, NDArray[Any]], _catalog: Catalog) -> Self:
        """Model without parameters; no array is read."""
        return cls()

    def prepare(self) -> None:
        """Warm-up: none, there are no parameters."""

    def score(self, batch: UserBatch) -> NDArray[np.float32]:
        """Popularity ranks as scores, float32 of shape (b, c) in 0..1, equal for all users."""
        candidates = batch.candidates
        scores = fallback_scores(candidates.popularity, candidates.wait_s())
        return np.broadcast_to(scores, (len(batch), len(candidates)))

    def personal_scores(self, _batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """Personal part of the scores: none."""
        return {}

    def report(self) -> dict[str, Any]:
        """Settings and weights for the manifest: none."""
        return {}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays: none."""
        return {}


class TruncatedSVD:
    """Truncated SVD baseline: cosine similarity in the space of the singular vectors of the user × event matrix.

    R holds the confidence weights of the interactions without the negative ones. With R ≈ U S Vᵀ an event vector is a
    row of V S scaled to length 1; a user vector is the sum of the vectors of the events in the history, weighted with
    decayed confidence, scaled to length 1. R is not decayed: the similarity of events does not age as the taste of a
    user does, and decaying R as well scored less.
    (Sarwar, Karypis, Konstan, Riedl: "Application of dimensionality reduction in recommender systems", 2000.)

    Parameters
    ----------
    factors : number k of singular vectors, at least 1; fewer if the matrix is smaller.
    half_life_days : age at which an interaction weighs half in the user vector.
    seed : seed of the start vector of the solver (ARPACK).

    Attributes
    ----------
    vectors_ : float32 of shape (n_events, k) – rows of length 1, zeros for events without interactions.
    """

    name: ClassVar[str] = "svd"
    needs_extra: ClassVar[bool] = False

    def __init__(self, *, factors: int = 50, half_life_days: float = 90.0, seed: int = 0) -> None:
        self.factors = factors
        self.half_life_days = half_life_days
        self.seed = seed
        self.vectors_: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Model fitted to the interactions, see `fit`."""
        return cls(half_life_days=given.half_life_days).fit(given.table, n_events=given.n_events)

    def fit(self, table: InteractionTable, *, n_events: int) -> Self:
        """Fit event vectors to a table whose event rows are -1..n_events-1."""
        # Importing scikit-learn takes a second, which serving must not pay.
        from scipy.sparse import coo_array
        from sklearn.decomposition import TruncatedSVD as Decomposition

        no_age = np.zeros(len(table), np.float32)
        weights = self._weights(table.codes, table.values, no_age)
        used = (table.event_rows >= 0) & (weights > 0)
        # Empty rows and columns are left out, so that users and events without feedback do not affect the solution.
        user_rows, users = np.unique(table.user_rows[used], return_inverse=True)
        event_rows, events = np.unique(table.event_rows[used], return_inverse=True)
        rank = min(self.factors, min(len(user_rows), len(event_rows)) - 1)
        self.vectors_ = np.zeros((n_events, max(1, rank)), np.float32)
        if rank < 1:
            return self
        matrix = coo_array((weights[used], (users, events)), shape=(len(user_rows), len(event_rows))).tocsr()
        # The solver also divides by the variance, which is 0 if all users have the same interactions.
        with np.errstate(divide="ignore", invalid="ignore"):
            solved = Decomposition(rank, algorithm="arpack", random_state=self.seed).fit(matrix)
        self.vectors_[event_rows] = _unit_rows((solved.components_.T * solved.singular_values_).astype(np.float32))
        return self

    def prepare(self) -> None:
        """Warm-up: none, the vectors are used as stored."""

    def score(self, batch: UserBatch) -> NDArray[np.floating]:
        """Ranking scores of shape (b, c): the cosine where it is positive, else the popularity rank, see `over`."""
        return over(self.cosines(batch), MostPopular().score(batch))

    def personal_scores(self, batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """Personal part of the scores, source "collaborative": cosine, 0 where unknown, float32 of shape (b, c)."""
        return {"collaborative": np.nan_to_num(self.cosines(batch))}

    def report(self) -> dict[str, Any]:
        """Settings of the model, for the manifest."""
        return {"factors": self.vectors_.shape[1], "half_life_days": self.half_life_days}

    def cosines(self, batch: UserBatch) -> NDArray[np.float32]:
        """Cosine similarity of b users and c candidates, float32 of shape (b, c), −1..1; NaN where one is unknown."""
        histories, catalog = batch.histories, batch.candidates.catalog
        weights = self._weights(histories.codes, histories.values, histories.age_days)
        rows = np.append(catalog.trained, np.int32(-1))[histories.event_rows]
        # A history has a few hundred entries at most, for which a gather is faster than a sparse product.
        known = rows >= 0
        users = np.zeros((len(histories), self.vectors_.shape[1]), np.float32)
        np.add.at(users, batch.user_of_entry[known], self.vectors_[rows[known]] * weights[known, None])
        candidate_rows = catalog.trained[batch.candidates.rows]
        candidates = np.zeros((len(candidate_rows), self.vectors_.shape[1]), np.float32)
        candidates[candidate_rows >= 0] = self.vectors_[candidate_rows[candidate_rows >= 0]]
        scores: NDArray[np.float32] = _unit_rows(users) @ candidates.T
        scores[~users.any(axis=1)] = np.nan
        scores[:, ~candidates.any(axis=1)] = np.nan
        return scores

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the model: event vectors and half-life."""
        return {"svd.vectors": self.vectors_, "svd.half_life_days": np.array([self.half_life_days], np.float64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], catalog: Catalog) -> Self:
        """Model from its artifact arrays; raises `ValueError` where these do not fit the catalog."""
        vectors = checked(arrays, "svd.vectors", "f4", len(catalog), -1, low=-_LONGEST, high=_LONGEST)
        [half_life_days] = checked(arrays, "svd.half_life_days", "f8", 1, low=_SHORTEST_DAYS)
        model = cls(factors=max(1, vectors.shape[1]), half_life_days=float(half_life_days))
        model.vectors_ = vectors
        return model

    def _weights(
        self, codes: NDArray[np.int8], values: NDArray[np.float32], age_days: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        # A dismissed event resembles the booked ones (same city, same evening), so as a negative it misleads.
        return np.maximum(confidence_weights(codes, values, age_days, half_life_days=self.half_life_days), 0)


def _unit_rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: NDArray[np.float32] = matrix / np.maximum(lengths, _EPSILON)
    return unit


def fallback_scores(popularity: NDArray[np.floating], wait_s: NDArray[np.floating]) -> NDArray[np.float32]:
    """Fallback scores for cold-start users, float32 of shape (c,) in 0..1: most popular first, then soonest first.

    Scores are distinct and equidistant.

    Parameters
    ----------
    popularity : float of shape (c,).
    wait_s : float of shape (c,) – see `Candidates.wait_s`.
    """
    order = np.lexsort((wait_s, -popularity))
    scores = np.empty(len(order), np.float32)
    scores[order] = np.linspace(1.0, 0.0, len(order), endpoint=False, dtype=np.float32)
    return scores


def over(personal: NDArray[np.floating], fallback: NDArray[np.floating]) -> NDArray[np.floating]:
    """Combined scores of shape (b, c): positive personal scores first, then unknown ones, then those of 0 or less.

    A positive personal score gives 1 + score, NaN gives the fallback score, any other the fallback score − 1.

    Parameters
    ----------
    personal : float of shape (b, c), NaN where the model has no score.
    fallback : float of shape (b, c) in 0..1.
    """
    return np.where(personal > 0, 1 + personal, fallback - (personal <= 0))


def with_ties(personal: NDArray[np.floating], fallback: NDArray[np.floating]) -> NDArray[np.float64]:
    """Combined scores of shape (b, c): personal scores in steps of `_STEP`, those of one step by the fallback score.

    Events with equal vectors, such as the dates of a series, are in the order of popularity, then of start.

    Parameters
    ----------
    personal : float of shape (b, c), finite.
    fallback : float of shape (b, c), above 0, at most 1.
    """
    steps = np.rint(personal.astype(np.float64) / _STEP)
    combined: NDArray[np.float64] = (steps + fallback) * _STEP
    return combined
