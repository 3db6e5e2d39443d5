"""Baseline recommenders for comparison: simple rankings, and two libraries of `benchmarks/requirements.txt`.

Peers learn from the binary matrix of bookings, saves and attendances before a cutoff, and from the organizer, venue,
category, subcategory, tags and three-hour slot of the week of events. Events that a user has taken are left out.
"""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from benchmarks.folds import Fold
from shared.entities import Event
from shared.feedback.interactions import DAY_S

_TRENDING_DAYS: Final = 7.0
_FACTORS: Final = 50
_EPSILON: Final = 1e-9

Score = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[Any]]
"""Scoring function: rows of b users and of c events → scores of shape (b, c)."""


@dataclass(frozen=True)
class PeerData:
    """Training data of peers; users and events in file order, which also breaks ties.

    Attributes
    ----------
    user_rows : row of each user by id.
    event_rows : int64 of shape (n,) – row of each event of the fold's catalog in the matrices below.
    user_items : CSR, float32 of shape (users, n) – 1 where a user booked, saved or attended an event.
    taken : CSR, float32 of shape (users, n) – 1 where a user booked or attended an event, which lists leave out.
    events, age_days : int64 and float64 of shape (h,) – event row and age of each hit, repeats included.
    attributes : CSR, float32 of shape (n, m) – 1 where an event has an attribute; m is 0 without attributes.
    wait_s : float64 of shape (n,) – seconds from the cutoff to the start.
    """

    user_rows: dict[str, int]
    event_rows: NDArray[np.int64]
    user_items: sp.csr_matrix[Any]
    taken: sp.csr_matrix[Any]
    events: NDArray[np.int64]
    age_days: NDArray[np.float64]
    attributes: sp.csr_matrix[Any]
    wait_s: NDArray[np.float64]

    @classmethod
    def of(cls, fold: Fold) -> Self:
        """Training data of a fold, with rows for the evaluated users too."""
        catalog, past, data = fold.catalog, fold.past, fold.data
        user_ids = dict.fromkeys([*data.users, *past.users.ids(), *fold.user_ids])
        user_rows = {user_id: row for row, user_id in enumerate(user_ids)}
        events = {event.event_id: event for event in data.events}
        order = catalog.events.rows(list(dict.fromkeys([*events, *catalog.events.ids()])))
        event_rows = np.empty(len(order), np.int64)
        event_rows[order] = np.arange(len(order))
        hits = past.is_hit()
        row_of_user = np.array([user_rows[key] for key in past.users.ids()], np.int64)
        shape = (len(user_rows), len(order))
        user_items, taken = (
            _ones(row_of_user[past.user_rows[which]], event_rows[past.event_rows[which]], shape)
            for which in (hits, past.takes_event())
        )
        user_items.data[:] = 1
        ids = catalog.events.ids(order)
        return cls(
            user_rows=user_rows,
            event_rows=event_rows,
            user_items=user_items,
            taken=taken,
            events=event_rows[past.event_rows[hits]],
            age_days=(fold.cutoff.timestamp() - past.occurred_at[hits]) / DAY_S,
            attributes=_attributes([events.get(event_id) or Event(event_id=event_id) for event_id in ids]),
            wait_s=catalog.starts_at[order] - fold.cutoff.timestamp(),
        )

    def rows_of(self, user_ids: Iterable[str]) -> NDArray[np.int64]:
        """Rows of users, int64, in the order of `user_ids`."""
        return np.array([self.user_rows[user_id] for user_id in user_ids], np.int64)


def _most_popular(data: PeerData) -> Score:
    return _not_personal(np.asarray(data.user_items.sum(axis=0)).ravel())


def _trending(data: PeerData) -> Score:
    weights = 0.5 ** (data.age_days / _TRENDING_DAYS)
    return _not_personal(np.bincount(data.events, weights=weights, minlength=len(data.event_rows)))


def _soonest(data: PeerData) -> Score:
    return _not_personal(-data.wait_s)


def _not_personal(scores: NDArray[Any]) -> Score:
    return lambda users, events: np.broadcast_to(scores[events], (len(users), len(events)))


def _svd(data: PeerData) -> Score:
    user_items = data.user_items
    rank = min(_FACTORS, min(user_items.shape) - 1)
    start = np.random.default_rng(0).uniform(-1, 1, min(user_items.shape))
    _, values, rows = svds(user_items, k=rank, v0=start)
    vectors = rows.T * values
    vectors = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + _EPSILON)
    return lambda users, events: (user_items[users] @ vectors) @ vectors[events].T


def _cosine(data: PeerData) -> Score:
    users_attributes = _unit_rows(data.user_items @ data.attributes)
    attributes = _unit_rows(data.attributes)
    return lambda users, events: (users_attributes[users] @ attributes[events].T).toarray()


def _als(data: PeerData) -> Score:
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=64, regularization=0.01, alpha=10, iterations=15, random_state=0)
    model.fit(data.user_items, show_progress=False)
    return lambda users, events: model.user_factors[users] @ model.item_factors[events].T


def _bm25(data: PeerData) -> Score:
    from implicit.nearest_neighbours import BM25Recommender
    from implicit.utils import ParameterWarning

    model = BM25Recommender(K=100)
    with warnings.catch_warnings():
        # The library warns about its own conversion to CSR.
        warnings.filterwarnings("ignore", "Method expects CSR input", ParameterWarning)
        model.fit(data.user_items, show_progress=False)
    return lambda users, events: (data.user_items[users] @ model.similarity)[:, events].toarray()


def _warp_ids(data: PeerData) -> Score:
    event_ids = sp.identity(data.user_items.shape[1], dtype=np.float32, format="csr")
    return _warp(data, sp.csr_matrix(sp.hstack([event_ids, data.attributes])))


def _warp_attributes(data: PeerData) -> Score:
    return _warp(data, data.attributes)


def _warp(data: PeerData, features: sp.csr_matrix[Any]) -> Score:
    from lightfm import LightFM

    model = LightFM(no_components=64, loss="warp", random_state=0)
    model.fit(data.user_items, item_features=features, epochs=40, num_threads=2)
    biases, vectors = model.get_item_representations(features)
    _, user_vectors = model.get_user_representations()
    return lambda users, events: user_vectors[users] @ vectors[events].T + biases[events]


@dataclass(frozen=True, slots=True)
class Peer:
    """Baseline recommender for comparison.

    Attributes
    ----------
    name : name in reports.
    fit : trains and returns the scoring function.
    package, module : required package and its module, "" for none.
    needs_attributes : True if it cannot learn from ids alone.
    """

    name: str
    fit: Callable[[PeerData], Score]
    package: str = ""
    module: str = ""
    needs_attributes: bool = False

    def is_installed(self) -> bool:
        """Availability: True if the required module is installed."""
        return not self.module or find_spec(self.module) is not None


_IMPLICIT: Final = ("implicit", "implicit")
_LIGHTFM: Final = ("lightfm-next", "lightfm")

MOST_POPULAR: Final = Peer("most popular", _most_popular)
TRENDING: Final = Peer("trending, 7 days", _trending)
PEERS: Final = (
    MOST_POPULAR,
    TRENDING,
    Peer("soonest", _soonest),
    Peer("SVD-50 cosine", _svd),
    Peer("attribute cosine", _cosine, needs_attributes=True),
    Peer("implicit ALS", _als, *_IMPLICIT),
    Peer("implicit BM25", _bm25, *_IMPLICIT),
    Peer("LightFM WARP, id + attributes", _warp_ids, *_LIGHTFM),
    Peer("LightFM WARP, attributes", _warp_attributes, *_LIGHTFM, needs_attributes=True),
)


def _attributes(events: Iterable[Event]) -> sp.csr_matrix[Any]:
    """One-hot attributes of events, CSR float32 of shape (n, m): a column per value, in order of appearance."""
    events = list(events)
    blocks: list[list[list[str]]] = [
        [[event.organizer_id] for event in events],
        [[event.venue_id] for event in events],
        [[_slot(event)] for event in events],
        [[*event.tags] for event in events],
        [[event.category] for event in events],
        [[event.subcategory] for event in events],
    ]
    columns: dict[tuple[int, str], int] = {}
    cells = [
        (row, columns.setdefault((number, value), len(columns)))
        for number, block in enumerate(blocks)
        for row, values in enumerate(block)
        for value in values
        if value
    ]
    rows, cell_columns = np.array(cells, np.int64).reshape(-1, 2).T
    return _ones(rows, cell_columns, (len(events), len(columns)))


def _slot(event: Event) -> str:
    return f"{(event.starts_at.weekday() * 24 + event.starts_at.hour) // 3}" if event.starts_at else ""


def _ones(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> sp.csr_matrix[Any]:
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


def _unit_rows(matrix: sp.csr_matrix[Any]) -> sp.csr_matrix[Any]:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(1 / np.maximum(lengths, _EPSILON)) @ matrix)
