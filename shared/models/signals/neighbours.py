"""Collaborative filtering over events: what people with like histories went to."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.models.request import Request, scatter
from shared.models.signals.signal import Past, State, UserSignal, places

_FACTORS: Final = 64


class NormalizedSvd(UserSignal):
    """Projection on the leading singular vectors of the normalised user × event matrix.

    R̃ = D_u^-½ R D_i^-½ ≈ U S Vᵀ; a user's row x scores x D_i^-½ V Vᵀ D_i^½, divided by |x D_i^-½ V|. The vectors come
    from a randomized solver with two power iterations (Halko, Martinsson, Tropp 2011); the ideal low-pass filter of
    Shen et al.: "How powerful is graph convolution for recommendation?", CIKM 2021.
    """

    name = "neighbours"
    source = "collaborative"

    def fit(self, past: Past) -> State:
        """`events` int32 of shape (k,) with feedback, `into` and `out` float32 of shape (k, f)."""
        from scipy.sparse import coo_array, diags_array
        from sklearn.utils.extmath import randomized_svd

        users, user_places = np.unique(past.table.user_rows[past.liked], return_inverse=True)
        events, event_places = np.unique(past.table.event_rows[past.liked], return_inverse=True)
        rank = min(_FACTORS, len(users), len(events))
        if rank < 2:
            none = np.zeros((0, 1), np.float32)
            return {"events": np.empty(0, np.int32), "into": none, "out": none}
        cells = np.unique(user_places.astype(np.int64) * len(events) + event_places)
        ones = np.ones(len(cells), np.float32)
        matrix = coo_array((ones, (cells // len(events), cells % len(events))), shape=(len(users), len(events))).tocsr()
        by_user, by_event = np.asarray(matrix.sum(axis=1)), np.asarray(matrix.sum(axis=0))
        normalized = diags_array(by_user**-0.5) @ matrix @ diags_array(by_event**-0.5)
        _, _, vectors = randomized_svd(normalized, rank, n_iter=2, random_state=0)
        scale = np.sqrt(by_event)[:, None]
        into, out = vectors.T / scale, vectors.T * scale
        return {"events": events.astype(np.int32), "into": into.astype(np.float32), "out": out.astype(np.float32)}

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        catalog, candidates, events = request.candidates.catalog, request.candidates, state["events"]
        if not len(events):
            return np.zeros((len(request), len(candidates)), np.float32)
        past = request.histories.event_rows
        entries = places(events, np.where(past >= 0, catalog.trained[past], -1))
        used = (request.counts > 0) & (entries >= 0)
        rows = np.minimum(
            scatter(request.owners[used], entries[used], np.ones(int(used.sum())), (len(request), len(events))), 1
        )
        some = np.flatnonzero(rows.any(axis=0))
        users = rows[:, some] @ state["into"][some]
        users /= np.maximum(np.linalg.norm(users, axis=1, keepdims=True), 1e-9)

        def of_candidates() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            place = places(events, catalog.trained[candidates.rows])
            columns = np.flatnonzero(place >= 0)
            return columns, np.ascontiguousarray(state["out"][place[columns]].T)

        columns, out = candidates.once(f"{self.name} {id(state)}", of_candidates)
        scores = np.zeros((len(request), len(candidates)), np.float32)
        scores[:, columns] = users @ out
        return scores
