"""Collaborative filtering over events: which events share people, without compressing it."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.arrays.positions import places, ranges
from shared.arrays.sparse import scatter
from shared.signals.attributes import liked_events
from shared.signals.signal import SignalParams, TrainingData, UserSignal, candidate_columns
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch

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

    def fit(self, data: TrainingData) -> SignalParams:
        """`events` int32 of shape (k,), ascending; event i has the neighbours `starts[i]:starts[i + 1]`.

        `places` int32 points into `events`, `weights` float16 says how near.
        """
        from scipy.sparse import diags_array

        liked = liked_events(data)
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

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The neighbours of the users' events."""
        catalog, candidates, events = batch.candidates.catalog, batch.candidates, params["events"]
        found, local = batch.events
        entries = places(events, catalog.trained[found])
        rows = entries[entries >= 0]
        if not len(rows):
            return
        starts = params["starts"][rows]
        lengths = params["starts"][rows + 1] - starts
        picked = ranges(starts, lengths)
        columns = candidate_columns(candidates)[events[params["places"][picked]]]
        shown = columns >= 0
        # Neighbours that are no candidates go before users meet them: most of them lie in the past.
        owned = np.bincount(np.repeat(np.arange(len(rows)), lengths)[shown], minlength=len(rows))
        weights = params["weights"][picked[shown]].astype(np.float32)
        shown_columns, places_of = np.unique(columns[shown], return_inverse=True)
        of_rows = np.where(entries >= 0, np.cumsum(entries >= 0) - 1, -1)[local]
        pairs = np.unique(batch.user_of_entry[batch.liked[of_rows >= 0]] * len(rows) + of_rows[of_rows >= 0])
        owners, of_rows = pairs // len(rows), pairs % len(rows)
        each = ranges((np.cumsum(owned) - owned)[of_rows], owned[of_rows])
        owners = np.repeat(owners, owned[of_rows])
        yield PerEvent(scatter(owners, places_of[each], weights[each], (len(batch), len(shown_columns))), shown_columns)
