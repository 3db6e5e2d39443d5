"""Item-item collaborative filtering: similarity of events by shared users, with the nearest neighbours of each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_offsets
from shared.arrays.positions import offsets, ranks_within_groups
from shared.arrays.ragged import Ragged
from shared.arrays.sparse import scatter
from shared.catalog.catalog import Catalog
from shared.signals.attributes import known_likes, liked_rows
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

_USER_POWER: Final = 0.5
"""Exponent a of the users' degrees in R̃ = D_u^-a R D_i^-½; ½ is the symmetric normalization."""
_SIMILARITY_POWER: Final = 0.7
"""Exponent of the similarities; below 1 it lifts weak ones."""
_NEIGHBOURS: Final = 200
"""Neighbours that are stored of each event: bounds the size of the model."""
_CHUNK: Final = 2_000
"""Events whose similarities are computed at once: bounds memory."""


class GraphFilter(UserSignal):
    """Graph filter over events: similarity by shared users, stored for the nearest neighbours of each event.

    With R̃ = D_u^-a R D_i^-½ the similarities are the entries of R̃ᵀR̃ to a power below 1, which lifts weak ones; a
    user's score is the sum over the events that they liked. (Park, Shin, Choi: "Turbo-CF: Matrix decomposition-free
    graph filtering for fast recommendation", SIGIR 2024, its first-order filter.)
    """

    name = "shared_people"
    source = "collaborative"

    def fit(self, data: TrainingData) -> SignalParams:
        """Neighbour lists (CSR): `events` int32 of shape (k,), ascending; `starts` int64 of shape (k + 1,).

        Event i has the neighbours `starts[i]:starts[i + 1]`, nearest first: `places` int32, positions in `events`, and
        `weights` float16, similarities.
        """
        from scipy.sparse import diags_array

        liked = data.liked_matrix
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
            rows = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr))
            is_off_diagonal = product.indices != rows + begin
            rows, neighbours, values = (
                rows[is_off_diagonal],
                product.indices[is_off_diagonal],
                product.data[is_off_diagonal],
            )
            # A single sort key: the row, then the value in descending order, since positive floats sort by their bits.
            order = np.argsort(rows.astype(np.uint64) << np.uint64(32) | ~values.view(np.uint32), kind="stable")
            kept = order[ranks_within_groups(rows[order]) < _NEIGHBOURS]
            lengths.append(np.bincount(rows[kept], minlength=product.shape[0]))
            columns.append(neighbours[kept])
            weights.append(values[kept] ** _SIMILARITY_POWER)
        return {
            "events": events.astype(np.int32),
            "starts": offsets(np.concatenate([np.empty(0, np.int64), *lengths])),
            "places": np.concatenate([np.empty(0, np.int32), *columns]).astype(np.int32),
            "weights": np.concatenate([np.empty(0, np.float16), *weights]).astype(np.float16),
        }

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where the arrays fit neither each other nor the catalog."""
        events = checked(params, "events", "i4", -1, low=0, high=len(catalog) - 1, is_ascending=True)
        places = checked(params, "places", "i4", -1, low=0, high=len(events) - 1)
        checked_offsets(params, "starts", len(events), len(places))
        checked(params, "weights", "f2", len(places))

    def training_rows(self, data: TrainingData, params: SignalParams) -> "csr_array":
        """Rows of the user × event matrix, 0 or 1, for the k events of the parameters."""
        return data.liked_matrix[:, params["events"]]

    def user_rows(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Rows of the user × event matrix, float32 of shape (b, k), 0 or 1."""
        return liked_rows(params["events"], batch)

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: sums of similarities, for the candidates that neighbour an event that users liked."""
        candidates, events = batch.candidates, params["events"]
        rows, history = known_likes(events, batch)
        if not len(rows):
            return
        neighbours = Ragged(params["starts"], (params["places"], params["weights"])).rows(rows)
        positions, weights = neighbours.values
        columns = candidates.static.columns_of_trained[events[positions]]
        # Neighbours that are no candidates are dropped before lists repeat by user: most of them lie in the past.
        neighbours = neighbours.with_values(columns, weights).where(columns >= 0)
        columns, weights = neighbours.values
        kept, of_kept = np.unique(columns, return_inverse=True)
        users, of_rows = np.nonzero(history)
        of_likes = neighbours.with_values(of_kept, weights.astype(np.float32)).rows(of_rows)
        users = np.repeat(users, of_likes.lengths())
        yield PerEvent(scatter(users, *of_likes.values, (len(batch), len(kept))), kept)
