"""Demographic filtering: regression from declared profiles to attributes of events, for users without history too."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_ids
from shared.arrays.sparse import scatter
from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.feedback.profiles import Declared, features
from shared.signals.attributes import attribute_matrix, attribute_positions, attribute_terms, column_offsets
from shared.signals.candidates import Candidates
from shared.signals.signal import SignalParams, TrainingData, UserSignal, in_single_precision
from shared.signals.terms import Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

_MAX_COLUMNS: Final = 1_500
"""Attribute columns that are kept, those with most likes: bounds the size of the stored weights."""
_RIDGE: Final = 10.0
"""Ridge λ on the Gram matrix of features."""


class DeclaredRidge(UserSignal):
    """Ridge regression from users' declared features to the attributes of the events that they liked.

    With d_u the 0/1 features of user u scaled to length 1, and p_u the attributes of their events scaled to length 1,
    less the mean over users, W = (DᵀD + λI)⁻¹ DᵀP and the score is d_u W a_i: 0 for a user who declares nothing. The
    mean is left to popularity. (Jeunen, Van Balen, Goethals: "Closed-form models for collaborative filtering with
    side-information", RecSys 2020, with attributes in place of ids.)
    """

    name = "declared"
    source = "content"

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `features` bytes of shape (f,), `columns` int32 of shape (k,), `weights` float16 (f, k)."""
        from scipy.sparse import diags_array

        declared = data.declared
        none = {
            "features": declared.names.keys[:0],
            "columns": np.empty(0, np.int32),
            "weights": np.empty((0, 0), np.float16),
        }
        liked = data.liked_matrix
        events = attribute_matrix(data.catalog)
        use = np.asarray(liked.sum(axis=0)) @ events
        kept = np.sort(np.argsort(-use, kind="stable")[:_MAX_COLUMNS])
        kept = kept[use[kept] > 1]
        if not len(kept) or not len(declared.names):
            return none
        inputs = _inputs(data)
        # Users with declared features as well as a history.
        users = np.flatnonzero((np.diff(inputs.indptr) > 0) & (np.diff(liked.indptr) > 0))
        if not len(users):
            return none
        inputs = inputs[users]
        targets = (liked[users] @ events[:, kept]).tocsr()
        lengths = np.sqrt(np.asarray(targets.multiply(targets).sum(axis=1)))
        targets = diags_array((1 / np.maximum(lengths, 1e-9)).astype(np.float32)) @ targets
        gram = (inputs.T @ inputs).toarray()
        gram[np.diag_indices(len(gram))] += _RIDGE
        means = np.outer(np.asarray(inputs.sum(axis=0)), np.asarray(targets.mean(axis=0)))
        weights = np.linalg.solve(gram, (inputs.T @ targets).toarray() - means)
        return {
            "features": declared.names.keys,
            "columns": kept.astype(np.int32),
            "weights": weights.astype(np.float16),
        }

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where the arrays fit neither each other nor the catalog's attributes."""
        features = checked_ids(params, "features")
        high = int(column_offsets(catalog)[-1]) - 1
        columns = checked(params, "columns", "i4", -1, low=0, high=high, is_ascending=True)
        # Without columns there are no rows either.
        checked(params, "weights", "f2", len(features) if len(columns) else -1, len(columns))

    def as_float32(self, params: SignalParams) -> SignalParams:
        """Parameters with `weights` as float32."""
        return in_single_precision(params, "weights")

    def training_rows(self, data: TrainingData, _params: SignalParams) -> "csr_array":
        """Rows of D: declared features scaled to length 1."""
        return _inputs(data)

    def user_rows(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Rows of D, float32 of shape (b, f): declared features scaled to length 1."""
        used, inputs = _used_inputs(params, [list(features(user)) for user in batch.histories.users])
        rows = np.zeros((len(batch), len(params["features"])), np.float32)
        rows[:, used] = inputs
        return rows

    def for_candidates(self, params: SignalParams, candidates: Candidates) -> SignalParams:
        """Parameters with the `attribute_positions` of `columns`."""
        return {**params, **attribute_positions(candidates, params["columns"])}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Terms of the predicted attributes; none where no user declares a feature."""
        distinct_users, distinct_of_user = batch.distinct_users
        lists = [list(features(user)) for user in distinct_users]
        if not len(params["columns"]) or not any(lists):
            return
        used, inputs = _used_inputs(params, lists)
        scores = (inputs @ params["weights"][used].astype(np.float32, copy=False))[distinct_of_user]
        yield from attribute_terms(params, scores)


def _inputs(data: TrainingData) -> "csr_array":
    """Rows of D for n users and f features, float32 of shape (n, f): 0/1 features scaled to length 1."""
    from scipy.sparse import coo_array, diags_array

    declared = data.declared
    ones = np.ones(len(declared.owners), np.float32)
    shape = (len(data.table.users), len(declared.names))
    matrix = coo_array((ones, (declared.owners, declared.columns)), shape=shape).tocsr()
    sizes = np.maximum(np.diff(matrix.indptr), 1).astype(np.float32)
    return (diags_array(sizes**-0.5) @ matrix).tocsr()


def _used_inputs(params: SignalParams, lists: Sequence[Sequence[str]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Features with an entry of any user: positions in `features`, int64 of shape (t,), and rows of D, (b, t)."""
    declared = Declared.with_names(Vocabulary(params["features"]), lists)
    used, local = np.unique(declared.columns, return_inverse=True)
    inputs = scatter(declared.owners, local, np.ones(len(local)), (len(lists), len(used)))
    inputs /= np.maximum(np.sqrt(inputs.sum(axis=1, keepdims=True)), 1)
    return used, inputs
