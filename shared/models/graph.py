"""LightGCN: vectors propagated on the graph of users, events, their attributes and what users declare."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_ids, named
from shared.arrays.positions import positions_of
from shared.arrays.sparse import scatter
from shared.arrays.vocabulary import Vocabulary
from shared.catalog.attributes import part, prefixed
from shared.catalog.catalog import Catalog
from shared.feedback.profiles import Declared, features
from shared.models.baselines import MostPopular, with_ties
from shared.models.scorer import TrainingInput
from shared.signals.node_attributes import attributes_of, column_offsets, most_used, sums_of_attributes
from shared.signals.recent_likes import LikedPairs
from shared.signals.signal import SignalParams, TrainingData
from shared.signals.towers import products
from shared.signals.users import UserBatch

MAX_PAIRS: Final = 40_000
"""Latest pairs of a user and a liked event that are edges of the graph: each step of the training visits all edges."""

_PREFIX: Final = "graph."
_DIMENSIONS: Final = 64
_HALF: Final = ("vectors", "messages", "attributes", "declared")
_SHORTEST: Final = np.float32(1e-6)


class Graph:
    """LightGCN over users, events, attributes of events and declared features as nodes.

    The vector of a node is the mean of its layers; layer l + 1 is the sum of layer l over the neighbours, each times
    weight / √(degree × degree). Layer 0 is learned. Users are computed when they ask, by propagating their history and
    profile: the sum of the messages of these neighbours, without a layer 0 of their own. An event that is newer than
    the training is the sum of the messages of its attributes in the same way. Users without any neighbour see events
    by popularity.
    (He, Deng, Wang, Li, Zhang, Wang: "LightGCN: simplifying and powering graph convolution network for
    recommendation", SIGIR 2020.)

    Attributes
    ----------
    params : `events` int32 (k,), ascending rows of the events with a vector, and their `vectors` and `messages` (k, d);
        `columns` int32 (a,), ascending, and the messages of these `attributes` (a, d); `features` bytes (f,) and their
        messages `declared` (f, d); float16 all. The message of a node is the mean of the layers that reach a neighbour,
        divided by √degree.
    """

    name: ClassVar[str] = "graph"
    needs_extra: ClassVar[bool] = True

    def __init__(self, params: SignalParams) -> None:
        self.params = params

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Model fitted to the interactions of at most `MAX_LEARNED`, the latest `MAX_PAIRS` likes of them."""
        return cls(_fitted(given.replay().data(given.now)))

    def prepare(self) -> None:
        """Warm-up: convert the vectors to float32."""
        self.params = {**self.params, **{name: self.params[name].astype(np.float32) for name in _HALF}}

    def score(self, batch: UserBatch) -> NDArray[np.float64]:
        """Ranking scores, float64 of shape (b, c): product, and popularity rank among equals, see `with_ties`."""
        return with_ties(self._products(batch), MostPopular().score(batch))

    def personal_scores(self, batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """Personal part of the scores, source "collaborative": product of the vectors, float32 of shape (b, c)."""
        return {"collaborative": self._products(batch)}

    def report(self) -> dict[str, Any]:
        """Sizes of the model, for the manifest."""
        sizes = {name: len(self.params[name]) for name in ("events", "columns", "features")}
        return {"dimensions": self.params["vectors"].shape[1], **sizes}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the model."""
        return prefixed({**self.params, **{name: self.params[name].astype(np.float16) for name in _HALF}}, _PREFIX)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], catalog: Catalog) -> Self:
        """Model from its artifact arrays; raises `ValueError` where these do not fit the catalog."""
        params = part(arrays, _PREFIX)
        with named(_PREFIX):
            events = checked(params, "events", "i4", -1, low=0, high=len(catalog) - 1, is_ascending=True)
            d = checked(params, "vectors", "f2", len(events), -1).shape[1]
            checked(params, "messages", "f2", len(events), d)
            high = int(column_offsets(catalog)[-1]) - 1
            columns = checked(params, "columns", "i4", -1, low=0, high=high, is_ascending=True)
            checked(params, "attributes", "f2", len(columns), d)
            checked(params, "declared", "f2", len(checked_ids(params, "features")), d)
        return cls(params)

    def _products(self, batch: UserBatch) -> NDArray[np.float32]:
        candidates = batch.candidates
        return products(self._users(batch), self._events("vectors", candidates.catalog, candidates.rows))

    def _users(self, batch: UserBatch) -> NDArray[np.float32]:
        """Vectors of the b users, float32 of shape (b, d), of length 1 or 0: only their direction ranks events."""
        likes = batch.liked_events
        users = likes @ self._events("messages", batch.candidates.catalog, batch.events[0])
        declared = [list(features(user)) for user in batch.histories.users]
        found = Declared.with_names(Vocabulary(self.params["features"]), declared)
        used, local = np.unique(found.columns, return_inverse=True)
        owns = scatter(found.owners, local, np.ones(len(local)), (len(batch), len(used)))
        users += owns @ self.params["declared"][used].astype(np.float32, copy=False)
        unit: NDArray[np.float32] = users / np.maximum(np.linalg.norm(users, axis=1, keepdims=True), _SHORTEST)
        return unit

    def _events(self, name: str, catalog: Catalog, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Vectors or messages of the events `rows`, float32 of shape (n, d); of newer ones by their attributes."""
        found = positions_of(self.params["events"], catalog.trained[rows])
        events = np.zeros((len(rows), self.params[name].shape[1]), np.float32)
        known, others = found >= 0, np.flatnonzero(found < 0)
        events[known] = self.params[name][found[known]]
        sums, weights = sums_of_attributes(catalog, rows[others], self.params["columns"], self.params["attributes"])
        # A newer event has no likes: its degree is that of its attributes. Its message is its vector over √degree.
        power = np.float32(0.5 if name == "vectors" else 1)
        events[others] = sums / np.maximum(weights, _SHORTEST)[:, None] ** power
        return events


def _nothing() -> SignalParams:
    """Parameters of a graph without nodes."""
    arrays: dict[str, NDArray[Any]] = {name: np.empty((0, 0), np.float16) for name in _HALF}
    none = np.empty(0, np.int32)
    return {**arrays, "events": none, "columns": none, "features": np.empty(0, "S1")}


def _fitted(data: TrainingData) -> SignalParams:
    """Parameters of the graph of what was liked, see `Graph`."""
    pairs = LikedPairs.of_data(data)
    if not len(pairs):
        return _nothing()
    # Importing PyTorch takes two seconds, and serving has none.
    from shared.deep.graph import GraphInput, degrees, fit_graph

    latest = np.sort(np.argsort(-pairs.times, kind="stable")[:MAX_PAIRS])
    user_rows, users = np.unique(pairs.users[latest], return_inverse=True)
    rows, events = np.unique(pairs.events[latest], return_inverse=True)
    attributes = attributes_of(data.catalog, rows)
    kept = most_used(attributes.values[0])
    columns = positions_of(kept, attributes.values[0])
    of_kept = columns >= 0
    owners = positions_of(user_rows, data.declared.owners)
    of_users = owners >= 0
    known, features_of_users = np.unique(data.declared.columns[of_users], return_inverse=True)
    first_attribute = len(user_rows) + len(rows)
    first_feature = first_attribute + len(kept)
    heads = (users, len(user_rows) + attributes.row_of_entry()[of_kept], owners[of_users])
    tails = (len(user_rows) + events, first_attribute + columns[of_kept], first_feature + features_of_users)
    weights = (np.ones(len(latest)), attributes.values[1][of_kept], np.ones(len(features_of_users)))
    given = GraphInput(
        heads=np.concatenate(heads),
        tails=np.concatenate(tails),
        weights=np.concatenate(weights).astype(np.float32),
        n_users=len(user_rows),
        n_events=len(rows),
        n_nodes=first_feature + len(known),
        users=users,
        events=events,
    )
    layers = fit_graph(given, dimensions=_DIMENSIONS, seed=data.seed)
    # Only the order of products matters, which are in steps for vectors of at most length 1.
    layers /= max(float(np.linalg.norm(layers.mean(axis=0), axis=1).max(initial=0)), float(_SHORTEST))
    vectors = layers.mean(axis=0).astype(np.float16)
    scale = np.sqrt(np.maximum(degrees(given), _SHORTEST))[:, None]
    messages = (layers[:-1].sum(axis=0) / len(layers) / scale).astype(np.float16)
    return {
        "events": rows.astype(np.int32),
        "vectors": vectors[len(user_rows) : first_attribute],
        "messages": messages[len(user_rows) : first_attribute],
        "columns": kept.astype(np.int32),
        "attributes": messages[first_attribute:first_feature],
        "features": data.declared.names.keys[known],
        "declared": messages[first_feature:],
    }
