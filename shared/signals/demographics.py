"""What people who say the same of themselves went to: the strongest there is for somebody who did nothing yet."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.arrays.sparse import scatter
from shared.arrays.vocabulary import Vocabulary
from shared.feedback.profiles import Declared, features
from shared.signals.attributes import Shared, attributes, liked_events, terms_of
from shared.signals.signal import SignalParams, TrainingData, UserSignal, in_single_precision
from shared.signals.terms import Term
from shared.signals.users import UserBatch

_MAX_COLUMNS: Final = 1_500
_RIDGE: Final = 10.0


class DeclaredRidge(UserSignal):
    """Ridge regression from what users declare to the attributes of what they went to.

    With d_u the 0/1 features of user u scaled to length 1, and p_u the attributes of their events scaled to length 1,
    less the mean over users, W = (DᵀD + λI)⁻¹ DᵀP and the score is d_u W a_i: 0 for who says nothing. The mean is left
    to popularity. (Jeunen, Van Balen, Goethals: "Closed-form models for collaborative filtering with side-information",
    RecSys 2020, with attributes in place of ids.)
    """

    name = "declared"
    source = "content"

    def fit(self, data: TrainingData) -> SignalParams:
        """`features` bytes of shape (f,), `columns` int32 of shape (k,), `weights` float16 of shape (f, k)."""
        from scipy.sparse import coo_array, diags_array

        declared, shape = data.declared, (len(data.table.users), len(data.declared.names))
        none = {
            "features": declared.names.keys[:0],
            "columns": np.empty(0, np.int32),
            "weights": np.empty((0, 0), np.float16),
        }
        liked = liked_events(data)
        events = attributes(data.catalog)
        use = np.asarray(liked.sum(axis=0)) @ events
        kept = np.sort(np.argsort(-use, kind="stable")[:_MAX_COLUMNS])
        kept = kept[use[kept] > 1]
        if not len(kept) or not shape[1]:
            return none
        ones = np.ones(len(declared.owners), np.float32)
        every = coo_array((ones, (declared.owners, declared.columns)), shape=shape).tocsr()
        both = np.flatnonzero((np.diff(every.indptr) > 0) & (np.diff(liked.indptr) > 0))
        if not len(both):
            return none
        sizes = np.diff(every.indptr)[both].astype(np.float32)
        said = diags_array(sizes**-0.5) @ every[both]
        went = (liked[both] @ events[:, kept]).tocsr()
        lengths = np.sqrt(np.asarray(went.multiply(went).sum(axis=1)))
        went = diags_array((1 / np.maximum(lengths, 1e-9)).astype(np.float32)) @ went
        gram = (said.T @ said).toarray()
        gram[np.diag_indices(len(gram))] += _RIDGE
        target = (said.T @ went).toarray() - np.outer(np.asarray(said.sum(axis=0)), np.asarray(went.mean(axis=0)))
        weights = np.linalg.solve(gram, target)
        return {
            "features": declared.names.keys,
            "columns": kept.astype(np.int32),
            "weights": weights.astype(np.float16),
        }

    def as_float32(self, params: SignalParams) -> SignalParams:
        """With `weights` as float32."""
        return in_single_precision(params, "weights")

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """What people who say the same let expect of each attribute."""
        candidates, kept = batch.candidates, params["columns"]
        people, of_people = batch.people
        lists = [list(features(user)) for user in people]
        if not len(kept) or not any(lists):
            return
        said = Declared.with_names(Vocabulary(params["features"]), lists)
        some, local = np.unique(said.columns, return_inverse=True)
        users = scatter(said.owners, local, np.ones(len(local)), (len(lists), len(some)))
        users /= np.maximum(np.sqrt(users.sum(axis=1, keepdims=True)), 1)
        wanted = (users @ params["weights"][some].astype(np.float32, copy=False))[of_people]
        yield from terms_of(
            candidates.cached_static(f"{self.name} {id(params)}", lambda: Shared.of(candidates, kept)), wanted
        )
