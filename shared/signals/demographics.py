"""Demographic filtering: regression from declared profiles to attributes of events, for users without history too."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.arrays.sparse import scatter
from shared.arrays.vocabulary import Vocabulary
from shared.feedback.profiles import Declared, features
from shared.signals.attributes import CandidateAttributes, attribute_matrix, attribute_terms, liked_matrix
from shared.signals.signal import SignalParams, TrainingData, UserSignal, in_single_precision
from shared.signals.terms import Term
from shared.signals.users import UserBatch

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
        from scipy.sparse import coo_array, diags_array

        declared, shape = data.declared, (len(data.table.users), len(data.declared.names))
        none = {
            "features": declared.names.keys[:0],
            "columns": np.empty(0, np.int32),
            "weights": np.empty((0, 0), np.float16),
        }
        liked = liked_matrix(data)
        events = attribute_matrix(data.catalog)
        use = np.asarray(liked.sum(axis=0)) @ events
        kept = np.sort(np.argsort(-use, kind="stable")[:_MAX_COLUMNS])
        kept = kept[use[kept] > 1]
        if not len(kept) or not shape[1]:
            return none
        ones = np.ones(len(declared.owners), np.float32)
        user_features = coo_array((ones, (declared.owners, declared.columns)), shape=shape).tocsr()
        # Users with declared features as well as a history.
        users = np.flatnonzero((np.diff(user_features.indptr) > 0) & (np.diff(liked.indptr) > 0))
        if not len(users):
            return none
        sizes = np.diff(user_features.indptr)[users].astype(np.float32)
        inputs = diags_array(sizes**-0.5) @ user_features[users]
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

    def as_float32(self, params: SignalParams) -> SignalParams:
        """Parameters with `weights` as float32."""
        return in_single_precision(params, "weights")

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Terms of the predicted attributes; none where no user declares a feature."""
        candidates, kept = batch.candidates, params["columns"]
        distinct_users, distinct_of_user = batch.distinct_users
        lists = [list(features(user)) for user in distinct_users]
        if not len(kept) or not any(lists):
            return
        declared = Declared.with_names(Vocabulary(params["features"]), lists)
        used, local = np.unique(declared.columns, return_inverse=True)
        inputs = scatter(declared.owners, local, np.ones(len(local)), (len(lists), len(used)))
        inputs /= np.maximum(np.sqrt(inputs.sum(axis=1, keepdims=True)), 1)
        scores = (inputs @ params["weights"][used].astype(np.float32, copy=False))[distinct_of_user]
        key = f"{self.name} {id(params)}"
        yield from attribute_terms(
            candidates.cached_static(key, lambda: CandidateAttributes.of(candidates, kept)), scores
        )
