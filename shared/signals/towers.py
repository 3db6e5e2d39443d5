"""Two towers: an event's vector from its attributes and texts, a user's from recent likes and the declared profile."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_ids
from shared.arrays.positions import positions_of
from shared.arrays.sparse import scatter
from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.catalog.meaning import BAG
from shared.feedback.profiles import Declared, features
from shared.signals.candidates import Candidates
from shared.signals.node_attributes import attributes_of, column_offsets, most_used, sums_of_attributes
from shared.signals.recent_likes import LikedPairs, recent_likes
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

MAX_PAIRS: Final = 40_000
"""Latest pairs of a user and a liked event that are learned from: bounds the time of a fit."""
MIN_PAIRS: Final = 200
"""Pairs below which nothing is fitted: fewer than half a batch teach no tower anything."""

_BLOCK: Final = 256
"""Rows of each matrix product of events' vectors, which makes a vector independent of what other events there are."""
_CHUNK: Final = 4_096
"""Events whose vectors are computed at once: bounds memory."""
_HALF: Final = ("embeddings", "text", "layer", "bias", "history", "declared")
_DIMENSIONS: Final = 64
_SHORTEST: Final = np.float32(1e-6)


class Towers(UserSignal):
    """Cosine, −1..1, of a user's and an event's vector, learned together (two-tower model).

    The event tower sums the embeddings of the event's attributes, weighted, and a linear map of the vector of its text,
    and adds a layer of rectified units: v = x + max(0, x L + b), scaled to length 1. The user tower adds a linear map
    of the mean of the vectors of the `N_RECENT` latest liked events and the mean of the embeddings of what the user
    declares, scaled to length 1. A user with neither scores 0.
    (Covington, Adams, Sargin: "Deep neural networks for YouTube recommendations", RecSys 2016; Yi et al.:
    "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019.)

    Without the extra `deep`, nothing is fitted, and no event has a vector.
    """

    name = "towers"
    source = "collaborative"
    is_optional = True
    by_vectors = True

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters of the towers, see `check`; of no attributes and dimensions where nothing can be learned.

        `columns` int32 (k,) and `embeddings` float16 (k, d): attributes, ascending, and their embeddings; `text`
        (r, d): map of the vectors of texts; `layer` (d, d) and `bias` (d,); `history` (d, d): map of the mean of liked
        events; `features` bytes (f,) and `declared` (f, d): declared features and their embeddings; float16 all.
        """
        # Serving neither has PyTorch nor needs what trains with it.
        from shared.deep.extra import is_installed

        pairs = LikedPairs.of_data(data)
        if len(pairs) < MIN_PAIRS or not is_installed():
            return _nothing()
        from shared.deep.towers import TowersInput, fit_towers

        learned = np.sort(np.argsort(-pairs.times, kind="stable")[:MAX_PAIRS])
        rows, events = np.unique(pairs.events, return_inverse=True)
        attributes = attributes_of(data.catalog, rows)
        # What only older pairs have would keep the embedding with which it began.
        kept = most_used(attributes.rows(np.unique(events[learned])).values[0])
        columns = positions_of(kept, attributes.values[0])
        attributes = attributes.with_values(columns, attributes.values[1]).where(columns >= 0)
        of_learned = np.isin(data.declared.owners, pairs.users[learned])
        known, declared = np.unique(data.declared.columns[of_learned], return_inverse=True)
        fitted = fit_towers(
            TowersInput(
                attributes=attributes,
                n_attributes=len(kept),
                texts=_texts(data.catalog, rows),
                users=pairs.users,
                events=events,
                times=pairs.times,
                likes=pairs.likes,
                pasts=pairs.before_each(),
                learned=learned,
                feature_owners=data.declared.owners[of_learned],
                features=declared,
                n_features=len(known),
                n_users=len(data.table.users),
            ),
            dimensions=_DIMENSIONS,
            seed=data.seed,
        )
        arrays = {name: array.astype(np.float16) for name, array in fitted.items()}
        return {"columns": kept.astype(np.int32), "features": data.declared.names.keys[known], **arrays}

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where the arrays fit neither each other nor the catalog."""
        high = int(column_offsets(catalog)[-1]) - 1
        columns = checked(params, "columns", "i4", -1, low=0, high=high, is_ascending=True)
        d = checked(params, "embeddings", "f2", len(columns), -1).shape[1]
        checked(params, "text", "f2", catalog.meaning.words.shape[1] if d else -1, d)
        checked(params, "layer", "f2", d, d)
        checked(params, "bias", "f2", d)
        checked(params, "history", "f2", d, d)
        checked(params, "declared", "f2", len(checked_ids(params, "features")), d)

    def as_float32(self, params: SignalParams) -> SignalParams:
        """Parameters with the arrays of half precision as float32."""
        return {**params, **{name: params[name].astype(np.float32) for name in _HALF}}

    def training_rows(self, data: TrainingData, _params: SignalParams) -> "csr_array":
        """Rows of users: each of the latest liked events by 1 / their number."""
        from scipy.sparse import csr_array

        pairs = LikedPairs.of_data(data)
        latest = pairs.latest()
        shape = (len(data.table.users), len(data.catalog))
        rows = csr_array((np.ones(len(latest), np.float32), (pairs.users[latest], pairs.events[latest])), shape=shape)
        rows.data /= np.repeat(np.diff(rows.indptr), np.diff(rows.indptr))
        return rows

    def user_rows(self, _params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Rows of users, float32 of shape (b, n_events): each of the latest liked events by 1 / their number."""
        rows = np.zeros((len(batch), len(batch.candidates.catalog)), np.float32)
        recent = recent_likes(batch)
        rows[recent.users, batch.events[0][recent.events]] = _shares(recent, len(batch))
        return rows

    def for_candidates(self, params: SignalParams, candidates: Candidates) -> SignalParams:
        """Parameters with `vectors` of the candidates, float32 of shape (c, d)."""
        return {**params, "vectors": event_vectors(params, candidates.catalog, candidates.rows)}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: cosines; none where no user has a vector."""
        users = user_vectors(params, batch)
        if users.any():
            yield PerEvent(products(users, params["vectors"]))


def _nothing() -> SignalParams:
    """Parameters of towers of no dimensions."""
    arrays: dict[str, NDArray[Any]] = {name: np.empty((0, 0), np.float16) for name in _HALF}
    no_features = np.empty(0, "S1")
    return {**arrays, "bias": np.empty(0, np.float16), "columns": np.empty(0, np.int32), "features": no_features}


def _texts(catalog: Catalog, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Vectors of the texts of the events `rows`, float32 of shape (n, r)."""
    bag = catalog.bags[BAG]
    return catalog.meaning.of_events(bag, rows, bag.fingerprints(rows))


def event_vectors(params: SignalParams, catalog: Catalog, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Vectors of the events `rows`, float32 of shape (n, d), of length 1, or 0 where nothing of an event is known."""
    d = len(params["bias"])
    vectors = np.zeros((len(rows), d), np.float32)
    if not d:
        return vectors
    text, layer, bias = (params[name].astype(np.float32, copy=False) for name in ("text", "layer", "bias"))
    for begin in range(0, len(rows), _CHUNK):
        part = rows[begin : begin + _CHUNK]
        # Products of full blocks always, since the last digits of a matrix product depend on the number of rows.
        size = -(-len(part) // _BLOCK) * _BLOCK
        sums, texts = np.zeros((size, d), np.float32), np.zeros((size, len(text)), np.float32)
        texts[: len(part)] = _texts(catalog, part)
        sums[: len(part)], _ = sums_of_attributes(catalog, part, params["columns"], params["embeddings"])
        blocks = sums.reshape(size // _BLOCK, _BLOCK, d)
        blocks += texts.reshape(size // _BLOCK, _BLOCK, len(text)) @ text
        is_known = blocks.any(axis=2, keepdims=True)
        blocks += np.maximum(blocks @ layer + bias, 0)
        blocks *= is_known
        vectors[begin : begin + len(part)] = _unit(sums)[: len(part)]
    return vectors


def user_vectors(params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
    """Vectors of the b users, float32 of shape (b, d), of length 1, or 0 for users without likes and profile."""
    users = np.zeros((len(batch), len(params["bias"])), np.float32)
    if not users.shape[1]:
        return users
    recent = recent_likes(batch)
    if len(recent):
        events, local = np.unique(recent.events, return_inverse=True)
        vectors = event_vectors(params, batch.candidates.catalog, batch.events[0][events])
        shares = scatter(recent.users, local, _shares(recent, len(batch)), (len(batch), len(events)))
        users += shares @ vectors @ params["history"].astype(np.float32, copy=False)
    return _unit(users + _declared(params, batch))


def _declared(params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
    """Means of the embeddings of what the b users declare, float32 of shape (b, d); 0 for those who declare nothing."""
    distinct_users, distinct_of_user = batch.distinct_users
    found = Declared.with_names(Vocabulary(params["features"]), [list(features(user)) for user in distinct_users])
    used, local = np.unique(found.columns, return_inverse=True)
    shares = scatter(found.owners, local, np.ones(len(local)), (len(distinct_users), len(used)))
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    means: NDArray[np.float32] = shares @ params["declared"][used].astype(np.float32, copy=False)
    return means[distinct_of_user]


def _shares(recent: LikedPairs, b: int) -> NDArray[np.float32]:
    """Share of each pair in its user's mean, float32: 1 / the number of the user's pairs."""
    counts = np.bincount(recent.users, minlength=b)
    return (1 / counts[recent.users]).astype(np.float32)


def products(users: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Dot products of the vectors of b users and c candidates, float32 of shape (b, c)."""
    # Of one user by candidate: a request must not tell in which order the instance has got to know its events.
    found: NDArray[np.float32] = np.vecdot(vectors, users)[None] if len(users) == 1 else users @ vectors.T
    return found


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _SHORTEST)
    return unit
