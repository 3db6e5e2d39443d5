"""The baselines that every report shows: most popular, and collaborative filtering by truncated SVD."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import taste_weights
from shared.models.scorer import TrainingInput
from shared.signals.users import UserBatch

_EPSILON = 1e-9


class MostPopular:
    """The same list for everybody: most popular first, then soonest first."""

    name: ClassVar[str] = "popularity"

    @classmethod
    def train(cls, _given: TrainingInput) -> Self:
        """There is nothing to learn: popularity is kept beside the model."""
        return cls()

    @classmethod
    def from_arrays(cls, _arrays: Mapping[str, NDArray[Any]]) -> Self:
        """There is nothing to read."""
        return cls()

    def prepare(self) -> None:
        """There is nothing to get ready."""

    def score(self, batch: UserBatch) -> NDArray[np.float32]:
        """Float32 of shape (b, c) in 0..1."""
        candidates = batch.candidates
        scores = fallback_scores(candidates.popularity, candidates.catalog.starts_at[candidates.rows])
        return np.broadcast_to(scores, (len(batch), len(candidates)))

    def personal_scores(self, _batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """Nothing is personal."""
        return {}

    def report(self) -> dict[str, Any]:
        """There is nothing to set."""
        return {}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """There is nothing to store."""
        return {}


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

    name: ClassVar[str] = "svd"

    def __init__(self, *, factors: int = 50, half_life_days: float = 90.0, seed: int = 0) -> None:
        self.factors = factors
        self.half_life_days = half_life_days
        self.seed = seed
        self.vectors_: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Event vectors of the interactions' matrix, see `fit`."""
        return cls(half_life_days=given.half_life_days).fit(given.table, n_events=given.n_events)

    def fit(self, table: InteractionTable, *, n_events: int) -> Self:
        """Learn event vectors from a table whose event rows lie in 0..n_events-1."""
        # Imported here because scikit-learn costs a second that serving must not pay.
        from scipy.sparse import coo_array
        from sklearn.decomposition import TruncatedSVD as Decomposition

        no_age = np.zeros(len(table), np.float32)
        weights = self._weights(table.codes, table.values, no_age)
        used = (table.event_rows >= 0) & (weights > 0)
        # Empty rows and columns are left out: users and events that nothing is known of yet must not move the others.
        user_rows, users = np.unique(table.user_rows[used], return_inverse=True)
        event_rows, events = np.unique(table.event_rows[used], return_inverse=True)
        rank = min(self.factors, min(len(user_rows), len(event_rows)) - 1)
        self.vectors_ = np.zeros((n_events, max(1, rank)), np.float32)
        if rank < 1:
            return self
        matrix = coo_array((weights[used], (users, events)), shape=(len(user_rows), len(event_rows))).tocsr()
        # The solver also divides by the variance, which is 0 where all users did the same.
        with np.errstate(divide="ignore", invalid="ignore"):
            solved = Decomposition(rank, algorithm="arpack", random_state=self.seed).fit(matrix)
        self.vectors_[event_rows] = _unit_rows((solved.components_.T * solved.singular_values_).astype(np.float32))
        return self

    def prepare(self) -> None:
        """There is nothing to get ready."""

    def score(self, batch: UserBatch) -> NDArray[np.floating]:
        """The cosine where both are known and it is above 0, the popular elsewhere; shape (b, c)."""
        return over(self.cosines(batch), MostPopular().score(batch)[0])

    def personal_scores(self, batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """The cosine, 0 where either is unknown, float32 of shape (b, c); all of it is what others did."""
        return {"collaborative": np.nan_to_num(self.cosines(batch))}

    def report(self) -> dict[str, Any]:
        """The settings, for the manifest."""
        return {"factors": self.vectors_.shape[1], "half_life_days": self.half_life_days}

    def cosines(self, batch: UserBatch) -> NDArray[np.float32]:
        """Cosine of b users and c events, float32 of shape (b, c) in -1..1; NaN where either is unknown."""
        histories, catalog = batch.histories, batch.candidates.catalog
        weights = self._weights(histories.codes, histories.values, histories.age_days)
        rows = np.append(catalog.trained, np.int32(-1))[histories.event_rows]
        # Past events of one user: a few hundred rows at most, so a gather beats a sparse product.
        known = rows >= 0
        users = np.zeros((len(histories), self.vectors_.shape[1]), np.float32)
        np.add.at(users, batch.user_of_entry[known], self.vectors_[rows[known]] * weights[known, None])
        places = catalog.trained[batch.candidates.rows]
        candidates = np.zeros((len(places), self.vectors_.shape[1]), np.float32)
        candidates[places >= 0] = self.vectors_[places[places >= 0]]
        scores: NDArray[np.float32] = _unit_rows(users) @ candidates.T
        scores[~users.any(axis=1)] = np.nan
        scores[:, ~candidates.any(axis=1)] = np.nan
        return scores

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
