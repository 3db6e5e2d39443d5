"""Collaborative filtering by truncated SVD: the baseline that every report shows."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.models.history import Histories
from shared.models.interactions import InteractionTable
from shared.models.weights import taste_weights

_EPSILON = 1e-9


class TruncatedSVD:
    """Cosine similarity in the space of the leading singular vectors of the user × event matrix.

    R holds the type-weighted interactions, those that speak against an event left out. With R ≈ U S Vᵀ an event is
    its row of V S scaled to length 1, and a user is the sum of the events in their history, decayed and type-weighted,
    scaled to length 1. Which events go together does not age as a user's taste does: decaying R as well scored less.
    (Sarwar, Karypis, Konstan, Riedl: "Application of dimensionality reduction in recommender systems", 2000.)

    Parameters
    ----------
    factors : number of singular vectors, at least 1; fewer where the matrix is smaller.
    half_life_days : age at which an interaction weighs half in its user's vector.
    seed : seed of the solver's start vector.

    Attributes
    ----------
    vectors_ : float32 of shape (n_events, k) – rows of length 1, zeros for events without interactions.
    """

    def __init__(self, *, factors: int = 50, half_life_days: float = 90.0, seed: int = 0) -> None:
        self.factors = factors
        self.half_life_days = half_life_days
        self.seed = seed
        self.vectors_: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(self, table: InteractionTable, *, n_events: int) -> Self:
        """Learn event vectors from a table whose event rows lie in 0..n_events-1."""
        # Imported here because scikit-learn costs a second that serving must not pay.
        from scipy.sparse import coo_array
        from sklearn.decomposition import TruncatedSVD as Decomposition

        no_age = np.zeros(len(table), np.float32)
        weights = self._weights(table.codes, table.values, no_age)
        used = (table.event_rows >= 0) & (weights > 0)
        cells = (table.user_rows[used], table.event_rows[used])
        matrix = coo_array((weights[used], cells), shape=(len(table.users), n_events)).tocsr()
        rank = min(self.factors, min(matrix.shape) - 1)
        if rank < 1 or matrix.nnz == 0:
            self.vectors_ = np.zeros((n_events, 1), np.float32)
            return self
        solved = Decomposition(rank, algorithm="arpack", random_state=self.seed).fit(matrix)
        vectors = _unit_rows((solved.components_.T * solved.singular_values_).astype(np.float32))
        # The solver leaves rounding noise where the matrix has an empty column; scaled up it would look like taste.
        vectors[np.bincount(matrix.indices, minlength=n_events) == 0] = 0
        self.vectors_ = vectors
        return self

    def score(self, histories: Histories, event_rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Cosine of b users and c events, float32 of shape (b, c) in -1..1; NaN where either is unknown."""
        weights = self._weights(histories.codes, histories.values, histories.age_days)
        known = histories.event_rows >= 0
        # Past events of one user: a few hundred rows at most, so a gather beats a sparse product.
        gathered = self.vectors_[histories.event_rows[known]] * weights[known, None]
        users = np.zeros((len(histories), self.vectors_.shape[1]), np.float32)
        np.add.at(users, histories.owners()[known], gathered)
        candidates = self.vectors_[event_rows]
        scores: NDArray[np.float32] = _unit_rows(users) @ candidates.T
        scores[~users.any(axis=1)] = np.nan
        scores[:, ~candidates.any(axis=1)] = np.nan
        return scores

    def contributions(self, histories: Histories, event_rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """What each of one user's n entries adds to the score of c events, up to scale; float32 of shape (n, c)."""
        weights = self._weights(histories.codes, histories.values, histories.age_days)
        weights = np.where(histories.event_rows >= 0, weights, 0)
        shares: NDArray[np.float32] = (
            weights[:, None] * self.vectors_[histories.event_rows] @ self.vectors_[event_rows].T
        )
        return shares

    def realign(self, rows: NDArray[np.integer]) -> Self:
        """The same model for another catalog: `rows[i]` is the present row of its event i, -1 if unknown."""
        aligned = type(self)(factors=self.factors, half_life_days=self.half_life_days, seed=self.seed)
        padded = np.vstack([self.vectors_, np.zeros((1, self.vectors_.shape[1]), np.float32)])
        aligned.vectors_ = padded[rows]
        return aligned

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        return {"svd.vectors": self.vectors_, "svd.half_life_days": np.array([self.half_life_days])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`."""
        vectors = arrays["svd.vectors"]
        model = cls(factors=max(1, vectors.shape[1]), half_life_days=float(arrays["svd.half_life_days"][0]))
        model.vectors_ = vectors
        return model

    def _weights(
        self, codes: NDArray[np.int8], values: NDArray[np.float32], age_days: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        # A dismissed event resembles those that its user books: same city, same evening. It says little of their taste.
        return np.maximum(taste_weights(codes, values, age_days, half_life_days=self.half_life_days), 0)


def _unit_rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: NDArray[np.float32] = matrix / np.maximum(lengths, _EPSILON)
    return unit
