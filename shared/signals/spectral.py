"""Spectral collaborative filtering: projection of histories on singular vectors of the user × event matrix."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked
from shared.arrays.positions import positions_of
from shared.catalog.catalog import Catalog
from shared.signals.attributes import known_likes, liked_rows
from shared.signals.candidates import Candidates
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.singular_vectors import SingularVectors
from shared.signals.static_candidates import KnownEvents
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array


class Spectral(UserSignal):
    """Projection on the leading singular vectors of the normalized user × event matrix.

    R̃ = D_u^-½ R D_i^-½ ≈ U S Vᵀ; a user's row x scores x D_i^-½ V Vᵀ D_i^½, divided by |x D_i^-½|: the ideal low-pass
    filter of Shen et al.: "How powerful is graph convolution for recommendation?", CIKM 2021, which the blend adds to
    the linear one of `EventGraph`. See `SingularVectors`.
    """

    name = "neighbours"
    source = "collaborative"
    prepares_known = True
    by_vectors = True

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `events` int32 of shape (k,), `vectors` float16 (k, f), f perhaps 0, `scale` float32 (k,).

        The events are those with likes; `scale` is the square root of the number of users who liked the event.
        """
        found = SingularVectors.of(data.liked_matrix)
        return {"events": found.events, "vectors": found.vectors.astype(np.float16), "scale": found.scale}

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where the arrays fit neither each other nor the catalog."""
        events = checked(params, "events", "i4", -1, low=0, high=len(catalog) - 1, is_ascending=True)
        checked(params, "vectors", "f2", len(events), -1)
        checked(params, "scale", "f4", len(events), low=1)

    def training_rows(self, data: TrainingData, params: SignalParams) -> "csr_array":
        """Rows of the user × event matrix, 0 or 1, for the k events of the parameters."""
        return data.liked_matrix[:, params["events"]]

    def user_rows(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Rows of the user × event matrix, float32 of shape (b, k), 0 or 1."""
        return liked_rows(params["events"], batch)

    def for_known(self, params: SignalParams, known: KnownEvents) -> SignalParams:
        """Parameters with `rows` of the t known events with likes, ascending, and `factors` float32 (f, t)."""
        found = positions_of(params["events"], known.rows)
        kept = found[found >= 0]
        factors = params["vectors"][kept] * params["scale"][kept, None]
        return {**params, "rows": params["events"][kept], "factors": np.ascontiguousarray(factors.T)}

    def for_candidates(self, params: SignalParams, candidates: Candidates) -> SignalParams:
        """Parameters with `columns`, candidates with likes, and `places`, their places among the `factors`, int64."""
        places = positions_of(params["rows"], candidates.catalog.trained[candidates.rows])
        columns = np.flatnonzero(places >= 0)
        return {**params, "columns": columns, "places": places[columns]}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: projections, for candidates with likes at training; none where no user liked such an event."""
        known, history = known_likes(params["events"], batch)
        if not len(known):
            return
        weights = 1 / params["scale"][known, None]
        users = history @ (params["vectors"][known] * weights)
        users /= np.sqrt(np.maximum(history @ weights**2, 1e-18))
        columns, scores = params["columns"], users @ params["factors"]
        if not np.array_equal(params["places"], np.arange(scores.shape[1])):
            # The candidates are not in the order of the catalog.
            scores = scores.take(params["places"], axis=1)
        yield PerEvent(scores, None if len(columns) == len(batch.candidates) else columns)
