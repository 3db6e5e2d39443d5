"""Which values of a field go together, learned from who liked several of them."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import places
from shared.arrays.sparse import scatter
from shared.entities import InteractionType
from shared.feedback.weights import CODES
from shared.signals.candidates import Candidates
from shared.signals.signal import PartedSignal, Past, State, in_single_precision
from shared.signals.terms import OfField, Part
from shared.signals.users import Request

_MAX_VALUES: Final = 2_000
_RIDGE: Final = 20.0
_FOLLOW: Final = 0.5


class Ease(PartedSignal):
    """EASE over users × values of a field: ridge regression of each value on all others, with an empty diagonal.

    With X the users' log(1 + likes) by value (and half a like for a followed organizer), P = (XᵀX + λI)⁻¹ and
    B = I − P · diag(P)⁻¹, a user's score of a value is x B. (Steck: "Embarrassingly shallow autoencoders for sparse
    data", WWW 2019.) Only the values with most users take part, since the solution takes their number cubed.
    """

    source = "collaborative"

    def __init__(self, field: str) -> None:
        self.name = f"ease_{field}"
        self._field = field

    def fit(self, past: Past) -> State:
        """`codes` int32 of shape (k,), `weights` float16 of shape (k, k)."""
        from scipy.sparse import coo_array

        field = past.catalog.fields[self._field]
        codes = field.codes[past.table.event_rows[past.liked]]
        known = past.liked[codes >= 0]
        shape = (len(past.table.users), len(field.names))
        cells = (past.table.user_rows[known], codes[codes >= 0])
        matrix = coo_array((past.likes[known].astype(np.float64), cells), shape=shape).tocsr()
        matrix.data = np.log1p(matrix.data)
        if self._field == "organizer":
            follows = (past.table.codes == CODES[InteractionType.FOLLOW]) & (past.table.organizer_rows >= 0)
            cells = (past.table.user_rows[follows], past.table.organizer_rows[follows])
            followed = coo_array((np.ones(int(follows.sum())), cells), shape=shape).tocsr()
            followed.data = np.full(len(followed.data), _FOLLOW)
            matrix = (matrix + followed).tocsr()
        users = np.bincount(matrix.indices, minlength=shape[1])
        kept = np.sort(np.argsort(-users, kind="stable")[:_MAX_VALUES])
        kept = kept[users[kept] > 1]
        gram = (matrix[:, kept].T @ matrix[:, kept]).toarray()
        gram[np.diag_indices(len(kept))] += _RIDGE
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        weights[np.diag_indices(len(kept))] = 0
        return {"codes": kept.astype(np.int32), "weights": weights.astype(np.float16)}

    def unpacked(self, state: State) -> State:
        """With `weights` as float32."""
        return in_single_precision(state, "weights")

    def parts(self, state: State, request: Request) -> Iterator[Part]:
        """What the values that the users liked or follow let expect of each value."""
        field, kept = request.candidates.catalog.fields[self._field], state["codes"]
        liked = places(kept, field.trained_at(request.events[0]))[request.events[1]]
        known = np.flatnonzero(liked >= 0)
        entries, liked = request.liked[known], liked[known]
        follows = request.follows[:0]
        followed = liked[:0]
        if self._field == "organizer":
            followed = places(kept, field.trained[request.histories.organizer_rows[request.follows]])
            follows, followed = request.follows[followed >= 0], followed[followed >= 0]
        used, local = np.unique(np.concatenate([liked, followed]), return_inverse=True)
        if not len(used):
            return
        shape = (len(request), len(used))
        values = np.log1p(scatter(request.owners[entries], local[: len(liked)], request.counts[entries], shape))
        if len(follows):
            ones = np.ones(len(follows))
            values += _FOLLOW * np.minimum(scatter(request.owners[follows], local[len(liked) :], ones, shape), 1)
        columns, of_columns = self._columns(state, request.candidates)
        weights = state["weights"][used].take(of_columns, axis=1).astype(np.float32, copy=False)
        yield OfField(self._field, values @ weights, columns)

    def _columns(self, state: State, candidates: Candidates) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The candidates' values that take part, and their places among those that do."""

        def make() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            found = places(state["codes"], candidates.values(self._field).trained)
            return np.flatnonzero(found >= 0), found[found >= 0]

        return candidates.lasting(f"{self.name} {id(state)}", make)
