"""Which attributes follow from which: the users' attribute profiles regressed on the attributes of a left-out event."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.models.parts import Part
from shared.models.ranges import places
from shared.models.request import Request
from shared.models.signals.attributes import Shared, attributes, entries_of, liked_events, parts_of
from shared.models.signals.signal import PartedSignal, Past, State, in_single_precision
from shared.models.sparse import scatter

_MAX_COLUMNS: Final = 1_500
_RIDGE: Final = 0.3


class LeaveOneOutRidge(PartedSignal):
    """Closed-form ridge from a user's other events to each of their events, over attributes.

    With a_i the attributes of event i and P_u their sum over the n_u events that user u liked, all pairs
    (P_u − a_i → a_i) enter with weight 1/n_u. Their Gram matrices are sums over users:
    A = Σ_u (n_u − 2)/n_u P_u P_uᵀ + Σ_ui a_i a_iᵀ/n_u and C = Σ_u P_u P_uᵀ/n_u − Σ_ui a_i a_iᵀ/n_u. Then
    W = (A + λ mean(diag A) I)⁻¹ C, and the score is P_u W a_i / |P_u W|. (The leave-one-out construction of Steck:
    "Autoencoders that don't overfit towards the identity", NeurIPS 2020, on attributes in place of ids.)
    """

    name = "ridge"
    source = "collaborative"

    def fit(self, past: Past) -> State:
        """`columns` int32 of shape (k,) into all attribute columns, `weights` float16 of shape (k, k)."""
        from scipy.sparse import diags_array

        events, liked = attributes(past.catalog), liked_events(past)
        several = np.diff(liked.indptr) > 1
        liked = liked[several]
        use = np.asarray(liked.sum(axis=0)) @ events
        kept = np.sort(np.argsort(-use, kind="stable")[:_MAX_COLUMNS])
        kept = kept[use[kept] > 1]
        if not len(kept):
            return {"columns": np.empty(0, np.int32), "weights": np.empty((0, 0), np.float16)}
        events = events[:, kept]
        size = np.diff(liked.indptr).astype(np.float32)
        profiles = (liked @ events).tocsr()
        own = (events.T @ diags_array(np.asarray(liked.T @ (1 / size))) @ events).toarray()
        gram = (profiles.T @ diags_array((size - 2) / size) @ profiles).toarray() + own
        target = (profiles.T @ diags_array(1 / size) @ profiles).toarray() - own
        gram[np.diag_indices(len(kept))] += _RIDGE * max(float(np.trace(gram)) / len(kept), 1e-6)
        return {"columns": kept.astype(np.int32), "weights": np.linalg.solve(gram, target).astype(np.float16)}

    def unpacked(self, state: State) -> State:
        """With `weights` as float32."""
        return in_single_precision(state, "weights")

    def parts(self, state: State, request: Request) -> Iterator[Part]:
        """What the users' profiles let expect of each attribute."""
        candidates, kept = request.candidates, state["columns"]
        events, columns, weights = entries_of(candidates.catalog, request.events[0])
        place = places(kept, columns)
        known = np.flatnonzero(place >= 0)
        if not len(known):
            return
        known = known[np.argsort(events[known], kind="stable")]
        some, columns = np.unique(place[known], return_inverse=True)
        once = np.ones(len(request.owners), np.float32)
        cells = request.spread(once, events[known], columns, weights[known], len(some))
        profiles = scatter(*cells, (len(request), len(some)))
        wanted = profiles @ state["weights"][some].astype(np.float32, copy=False)
        wanted /= np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-9)
        yield from parts_of(candidates.lasting(f"{self.name} {id(state)}", lambda: Shared.of(candidates, kept)), wanted)
