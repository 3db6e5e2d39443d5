"""Collaborative filtering over events: what people with like histories went to."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import places
from shared.arrays.svd import right_singular_vectors
from shared.signals.attributes import liked_events
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch

BANDS: Final = ((0, 64), (64, 256), (256, 768))
"""Singular vectors by rank, the leading ones first; each band is a signal, so that their filter is learned."""
_NOTHING: Final[SignalParams] = {
    "events": np.empty(0, np.int32),
    "vectors": np.empty((0, 0), np.float16),
    "scale": np.empty(0, np.float32),
}
_LIKES_A_FACTOR: Final = 1_000
_MAX_USERS: Final = 100_000
_MAX_CELLS: Final = 32_000_000


class SpectralBand(UserSignal):
    """Projection on a band of singular vectors of the normalised user × event matrix.

    R̃ = D_u^-½ R D_i^-½ ≈ U S Vᵀ; a user's row x scores x D_i^-½ V Vᵀ D_i^½, divided by |x D_i^-½|, with the vectors V
    of the band. All
    bands together are the low-pass filter of Shen et al.: "How powerful is graph convolution for recommendation?",
    CIKM 2021, with a weight for each band. A matrix has a factor for each thousand of its likes, at least those of the
    first band: fewer likes do not tell more factors from noise. Many users' vectors are those of a sample of them.
    """

    source = "collaborative"

    def __init__(self, band: tuple[int, int]) -> None:
        self.name = f"neighbours_{band[1]}"
        self._band = slice(*band)

    def fit(self, data: TrainingData) -> SignalParams:
        """`events` int32 of shape (k,) with feedback, `vectors` float16 (k, f), f perhaps 0, `scale` float32 (k,)."""
        events, scale, vectors = data.cached("singular vectors", lambda: _singular_vectors(data))
        band = vectors[:, self._band].astype(np.float16)
        return {"events": events, "vectors": band, "scale": scale} if band.shape[1] else _NOTHING

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The projections on the events of the training."""
        catalog, candidates, events = batch.candidates.catalog, batch.candidates, params["events"]
        rows, local = batch.events
        found = places(events, catalog.trained[rows])
        some = found[found >= 0]
        if not len(some):
            return
        history = np.zeros((len(batch), len(rows)), np.float32)
        history[batch.user_of_entry[batch.liked], local] = 1
        history = history[:, found >= 0]
        weights = 1 / params["scale"][some, None]
        users = history @ (params["vectors"][some] * weights)
        users /= np.sqrt(np.maximum(history @ weights**2, 1e-18))

        def of_candidates() -> tuple[NDArray[np.int64] | None, NDArray[np.float32]]:
            place = places(events, catalog.trained[candidates.rows])
            columns = np.flatnonzero(place >= 0)
            out = params["vectors"][place[columns]] * params["scale"][place[columns], None]
            return None if len(columns) == len(place) else columns, np.ascontiguousarray(out.T)

        shown, out = candidates.cached_static(f"{self.name} {id(params)}", of_candidates)
        yield PerEvent(users @ out, shown)


def _singular_vectors(data: TrainingData) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Events with feedback, the square roots of their users' number, and right singular vectors as columns."""
    from scipy.sparse import diags_array

    liked = liked_events(data)
    events = np.flatnonzero(np.bincount(liked.indices, minlength=liked.shape[1]))
    active = np.flatnonzero(np.diff(liked.indptr))
    if len(active) > _MAX_USERS:
        active = np.sort(np.random.default_rng(0).choice(active, _MAX_USERS, replace=False))
    liked = liked[active][:, events]
    scale = np.sqrt(np.maximum(np.bincount(liked.indices, minlength=len(events)), 1)).astype(np.float32)
    size = max(*liked.shape, 1)
    rank = max(BANDS[0][1], min(BANDS[-1][1], liked.nnz // _LIKES_A_FACTOR, _MAX_CELLS // size))
    rank = min(rank, *liked.shape)
    if rank < 2:
        return np.empty(0, np.int32), scale[:0], np.zeros((0, 0), np.float32)
    by_user = (np.diff(liked.indptr).astype(np.float32)) ** -0.5
    normalized = diags_array(by_user) @ liked @ diags_array(1 / scale)
    vectors = right_singular_vectors(normalized.astype(np.float32).tocsr(), rank)
    return events.astype(np.int32), scale, vectors
