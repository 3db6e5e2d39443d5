"""Which values of a field go together, learned from who liked several of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.models.request import Request, gather, scatter
from shared.models.signals.signal import Past, State, UserSignal, places
from shared.models.weights import CODES

_MAX_VALUES: Final = 2_000
_RIDGE: Final = 20.0
_FOLLOW: Final = 0.5


class Ease(UserSignal):
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

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        field = request.candidates.catalog.fields[self._field]
        place = np.append(places(state["codes"], field.trained), -1)
        liked = np.log1p(request.tally(self._field, decayed=False))
        if self._field == "organizer":
            liked = liked + _FOLLOW * request.follows()
        rows, codes = np.nonzero(liked)
        rows, codes = rows[place[codes] >= 0], codes[place[codes] >= 0]
        used, columns = np.unique(place[codes], return_inverse=True)
        values = scatter(rows, columns, liked[rows, codes], (len(request), len(used)))
        return gather(values @ state["weights"][used].astype(np.float32), place[request.candidates.codes(self._field)])
