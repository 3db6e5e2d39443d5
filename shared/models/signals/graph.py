"""Collaborative filtering over events: which events share people, without compressing it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.models.ranges import ranges
from shared.models.request import Request, scatter
from shared.models.signals.attributes import liked_events
from shared.models.signals.signal import Past, State, UserSignal, candidate_columns, places

_USER_POWER: Final = 0.5
_SIMILARITY_POWER: Final = 0.7
_NEIGHBOURS: Final = 200
_CHUNK: Final = 2_000


class GraphFilter(UserSignal):
    """Similarity of events by shared users, kept for the strongest neighbours of each.

    With R̃ = D_u^-a R D_i^-½ the similarities are the entries of R̃ᵀR̃ to a power below 1, which lifts weak ties; a
    user's score is the sum over their events. (Park, Shin, Choi: "Turbo-CF: Matrix decomposition-free graph filtering
    for fast recommendation", SIGIR 2024, its first-order filter.)
    """

    name = "shared_people"
    source = "collaborative"

    def fit(self, past: Past) -> State:
        """`events` int32 of shape (k,), ascending; event i has the neighbours `starts[i]:starts[i + 1]`.

        `places` int32 points into `events`, `weights` float16 says how near.
        """
        from scipy.sparse import diags_array

        liked = liked_events(past)
        events = np.flatnonzero(np.bincount(liked.indices, minlength=liked.shape[1]))
        liked = liked[:, events]
        by_user, by_event = np.diff(liked.indptr), np.bincount(liked.indices, minlength=len(events))
        normalized = (
            diags_array(np.maximum(by_user, 1).astype(np.float32) ** -_USER_POWER)
            @ liked
            @ diags_array(by_event.astype(np.float32) ** -0.5)
        ).tocsr()
        lengths, columns, weights = [], [], []
        transposed = normalized.T.tocsr()
        for begin in range(0, len(events), _CHUNK):
            product = (transposed[begin : begin + _CHUNK] @ normalized).tocsr()
            owners = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr))
            apart = product.indices != owners + begin
            owners, others, values = owners[apart], product.indices[apart], product.data[apart]
            # One key to sort by: the row, then the value from above, as bits, which positive floats are ordered by.
            order = np.argsort(owners.astype(np.uint64) << np.uint64(32) | ~values.view(np.uint32), kind="stable")
            ranks = np.arange(len(order)) - np.searchsorted(owners, owners[order])
            kept = order[ranks < _NEIGHBOURS]
            lengths.append(np.bincount(owners[kept], minlength=product.shape[0]))
            columns.append(others[kept])
            weights.append(values[kept] ** _SIMILARITY_POWER)
        return {
            "events": events.astype(np.int32),
            "starts": np.concatenate([[0], np.cumsum(np.concatenate([[0][:0], *lengths]))]).astype(np.int64),
            "places": np.concatenate([np.empty(0, np.int32), *columns]).astype(np.int32),
            "weights": np.concatenate([np.empty(0, np.float16), *weights]).astype(np.float16),
        }

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        catalog, candidates, events = request.candidates.catalog, request.candidates, state["events"]
        size = max(len(events), 1)
        past = request.histories.event_rows
        entries = places(events, np.where(past >= 0, catalog.trained[past], -1))
        used = (request.counts > 0) & (entries >= 0)
        pairs = np.unique(request.owners[used] * size + entries[used])
        owners, rows = pairs // size, pairs % size
        lengths = state["starts"][rows + 1] - state["starts"][rows]
        picked = ranges(state["starts"][rows], lengths)

        columns = candidate_columns(candidates)[events[state["places"][picked]]]
        shown = columns >= 0
        weights = state["weights"][picked][shown].astype(np.float32)
        return scatter(np.repeat(owners, lengths)[shown], columns[shown], weights, (len(request), len(candidates)))
