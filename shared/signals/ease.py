"""EASE: collaborative filtering over the values of a categorical attribute, from users who liked several of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked
from shared.arrays.positions import positions_of
from shared.arrays.sparse import scatter
from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.feedback.weights import CODES
from shared.signals.candidates import Candidates
from shared.signals.signal import SignalParams, TrainingData, UserSignal, in_single_precision
from shared.signals.terms import PerValue, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

_MAX_VALUES: Final = 2_000
"""Values that take part, those with most users: the solution takes their number cubed."""
_RIDGE: Final = 20.0
"""Ridge λ on the Gram matrix of values."""
_FOLLOW: Final = 0.5
"""Weight of a followed organizer in a user's row, added to log(1 + likes)."""


class Ease(UserSignal):
    """EASE over users × values of a field: ridge regression of each value on all others, with a zero diagonal.

    With X the users' log(1 + likes) by value (plus one half for a followed organizer), P = (XᵀX + λI)⁻¹ and
    B = I − P · diag(P)⁻¹, a user's score of a value is x B. (Steck: "Embarrassingly shallow autoencoders for sparse
    data", WWW 2019.) Only the values with most users take part, since the solution takes their number cubed.
    """

    source = "collaborative"

    def __init__(self, field: str) -> None:
        self.name = f"ease_{field}"
        self._field = field

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `codes` int32 of shape (k,), values that take part, ascending; `weights` B float16 (k, k)."""
        matrix = self._matrix(data)
        users = np.bincount(matrix.indices, minlength=matrix.shape[1])
        kept = np.sort(np.argsort(-users, kind="stable")[:_MAX_VALUES])
        kept = kept[users[kept] > 1]
        gram = (matrix[:, kept].T @ matrix[:, kept]).toarray()
        gram[np.diag_indices(len(kept))] += _RIDGE
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        weights[np.diag_indices(len(kept))] = 0
        return {"codes": kept.astype(np.int32), "weights": weights.astype(np.float16)}

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where the arrays fit neither each other nor the catalog's values."""
        high = len(catalog.fields[self._field].names) - 1
        codes = checked(params, "codes", "i4", -1, low=0, high=high, is_ascending=True)
        checked(params, "weights", "f2", len(codes), len(codes))

    def _matrix(self, data: TrainingData) -> "csr_array":
        """User × value matrix X, float64 of shape (n_users, n_values)."""
        from scipy.sparse import coo_array

        field = data.catalog.fields[self._field]
        codes = field.codes[data.table.event_rows[data.liked]]
        known = data.liked[codes >= 0]
        shape = (len(data.table.users), len(field.names))
        cells = (data.table.user_rows[known], codes[codes >= 0])
        matrix = coo_array((data.likes[known].astype(np.float64), cells), shape=shape).tocsr()
        matrix.data = np.log1p(matrix.data)
        if self._field == "organizer":
            follows = (data.table.codes == CODES[InteractionType.FOLLOW]) & (data.table.organizer_rows >= 0)
            cells = (data.table.user_rows[follows], data.table.organizer_rows[follows])
            followed = coo_array((np.ones(int(follows.sum())), cells), shape=shape).tocsr()
            followed.data = np.full(len(followed.data), _FOLLOW)
            matrix = (matrix + followed).tocsr()
        return matrix

    def as_float32(self, params: SignalParams) -> SignalParams:
        """Parameters with `weights` as float32."""
        return in_single_precision(params, "weights")

    def for_candidates(self, params: SignalParams, candidates: Candidates) -> SignalParams:
        """Parameters with the values of candidates that take part, int64 of shape (t,).

        `columns` are positions among the candidates' values, `kept` among `codes`.
        """
        found = positions_of(params["codes"], candidates.static.values[self._field].trained)
        return {**params, "columns": np.flatnonzero(found >= 0), "kept": found[found >= 0]}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term per value: users' rows times B; none where no user liked or follows a value that takes part."""
        used, values = self._used_values(params, batch)
        if not len(used):
            return
        weights = params["weights"][used].take(params["kept"], axis=1).astype(np.float32, copy=False)
        yield PerValue(self._field, values @ weights, params["columns"])

    def training_rows(self, data: TrainingData, params: SignalParams) -> "csr_array":
        """Rows of X for the k values that take part."""
        return self._matrix(data)[:, params["codes"]]

    def user_rows(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Rows of X for the k values that take part, float32 of shape (b, k)."""
        used, values = self._used_values(params, batch)
        rows = np.zeros((len(batch), len(params["codes"])), np.float32)
        rows[:, used] = values
        return rows

    def _used_values(self, params: SignalParams, batch: UserBatch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Values with an entry of any user: positions in `codes`, int64 of shape (t,), and rows of X, (b, t)."""
        field, kept = batch.candidates.catalog.fields[self._field], params["codes"]
        liked = positions_of(kept, field.trained_at(batch.events[0]))[batch.events[1]]
        known = np.flatnonzero(liked >= 0)
        entries, liked = batch.liked[known], liked[known]
        follows = batch.follows[:0]
        followed = liked[:0]
        if self._field == "organizer":
            followed = positions_of(kept, field.trained[batch.histories.organizer_rows[batch.follows]])
            follows, followed = batch.follows[followed >= 0], followed[followed >= 0]
        used, local = np.unique(np.concatenate([liked, followed]), return_inverse=True)
        shape = (len(batch), len(used))
        values = np.log1p(scatter(batch.user_of_entry[entries], local[: len(liked)], batch.counts[entries], shape))
        if len(follows):
            ones = np.ones(len(follows))
            values += _FOLLOW * np.minimum(scatter(batch.user_of_entry[follows], local[len(liked) :], ones, shape), 1)
        return used, values
