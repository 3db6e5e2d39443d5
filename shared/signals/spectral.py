"""Spectral collaborative filtering: projection of histories on singular vectors of the user × event matrix."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import positions_of
from shared.arrays.svd import right_singular_vectors
from shared.signals.attributes import known_likes, liked_matrix, liked_rows
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

BANDS: Final = ((0, 64), (64, 256), (256, 768))
"""Bands of singular vectors by rank, leading vectors first; each is a signal, so the spectral filter is learned."""
_EMPTY: Final[SignalParams] = {
    "events": np.empty(0, np.int32),
    "vectors": np.empty((0, 0), np.float16),
    "scale": np.empty(0, np.float32),
}
_LIKES_PER_FACTOR: Final = 1_000
"""Likes that a factor needs: fewer do not tell more factors from noise."""
_MAX_USERS: Final = 100_000
"""Users that the vectors are computed from, a random sample of them where there are more: bounds training time."""
_MAX_CELLS: Final = 32_000_000
"""Cells of the dense matrix of vectors over users or events, 128 MB as float32: bounds memory."""


class SpectralBand(UserSignal):
    """Projection on a band of singular vectors of the normalized user × event matrix.

    R̃ = D_u^-½ R D_i^-½ ≈ U S Vᵀ; a user's row x scores x D_i^-½ V Vᵀ D_i^½, divided by |x D_i^-½|, with the vectors V
    of the band. All bands together are the low-pass filter of Shen et al.: "How powerful is graph convolution for
    recommendation?", CIKM 2021, with a weight for each band. The rank is the number of likes divided by
    `_LIKES_PER_FACTOR`, at least that of the first band. With more than `_MAX_USERS` users the vectors come from a
    sample of them.
    """

    source = "collaborative"

    def __init__(self, band: tuple[int, int]) -> None:
        self.name = f"neighbours_{band[1]}"
        self._band = slice(*band)

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `events` int32 of shape (k,), `vectors` float16 (k, f), f perhaps 0, `scale` float32 (k,).

        The events are those with likes; `scale` is the square root of the number of users who liked the event.
        """
        events, scale, vectors = data.cached("singular vectors", lambda: _singular_vectors(data))
        band = vectors[:, self._band].astype(np.float16)
        return {"events": events, "vectors": band, "scale": scale} if band.shape[1] else _EMPTY

    def training_rows(self, data: TrainingData, params: SignalParams) -> "csr_array":
        """Rows of the user × event matrix, 0 or 1, for the k events of the parameters."""
        return liked_matrix(data)[:, params["events"]]

    def user_rows(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Rows of the user × event matrix, float32 of shape (b, k), 0 or 1."""
        return liked_rows(params["events"], batch)

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: projections, for candidates with likes at training; none where no user liked such an event."""
        catalog, candidates, events = batch.candidates.catalog, batch.candidates, params["events"]
        known, history = known_likes(events, batch)
        if not len(known):
            return
        weights = 1 / params["scale"][known, None]
        users = history @ (params["vectors"][known] * weights)
        users /= np.sqrt(np.maximum(history @ weights**2, 1e-18))

        def candidate_factors() -> tuple[NDArray[np.int64] | None, NDArray[np.float32]]:
            positions = positions_of(events, catalog.trained[candidates.rows])
            columns = np.flatnonzero(positions >= 0)
            factors = params["vectors"][positions[columns]] * params["scale"][positions[columns], None]
            return None if len(columns) == len(positions) else columns, np.ascontiguousarray(factors.T)

        columns, factors = candidates.cached_static(f"{self.name} {id(params)}", candidate_factors)
        yield PerEvent(users @ factors, columns)


def _singular_vectors(data: TrainingData) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Right singular vectors of the normalized user × event matrix, as columns, with their events.

    Returns k events with likes, int32 of shape (k,); the square roots of their numbers of users, float32 of shape (k,);
    and the vectors, float32 of shape (k, rank).
    """
    from scipy.sparse import diags_array

    liked = liked_matrix(data)
    events = np.flatnonzero(np.bincount(liked.indices, minlength=liked.shape[1]))
    active = np.flatnonzero(np.diff(liked.indptr))
    if len(active) > _MAX_USERS:
        active = np.sort(np.random.default_rng(0).choice(active, _MAX_USERS, replace=False))
    liked = liked[active][:, events]
    scale = np.sqrt(np.maximum(np.bincount(liked.indices, minlength=len(events)), 1)).astype(np.float32)
    size = max(*liked.shape, 1)
    rank = max(BANDS[0][1], min(BANDS[-1][1], liked.nnz // _LIKES_PER_FACTOR, _MAX_CELLS // size))
    rank = min(rank, *liked.shape)
    if rank < 2:
        return np.empty(0, np.int32), scale[:0], np.zeros((0, 0), np.float32)
    by_user = (np.diff(liked.indptr).astype(np.float32)) ** -0.5
    normalized = diags_array(by_user) @ liked @ diags_array(1 / scale)
    vectors = right_singular_vectors(normalized.astype(np.float32).tocsr(), rank)
    return events.astype(np.int32), scale, vectors
