"""What Marquee is compared to: simple rankings, and two libraries of `benchmarks/requirements.txt`.

Peers learn from who booked or saved which events before a cutoff, once each, and from the events' organizer, venue,
category, subcategory, tags and three-hour slot of the week. They leave out what a user has booked or saved.
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

from benchmarks.folds import Fold, is_hit
from shared.entities import Event
from shared.feedback.interactions import DAY_S

_TRENDING_DAYS: Final = 7.0
_FACTORS: Final = 50
_EPSILON: Final = 1e-9

Score = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[Any]]
"""Scores of b users (rows) for c events (rows), shape (b, c)."""


@dataclass(frozen=True)
class Evidence:
    """What peers learn from; users and events in the order of the files, which also settles ties.

    Attributes
    ----------
    user_rows : row of each user by id.
    event_rows : int64 of shape (n,) – the row that each event of the fold's catalog has here.
    taken : float32 of shape (users, n) – 1 where a user booked or saved an event.
    events, age_days : int64 and float64 of shape (h,) – each booking or save, also of the same event by the same user.
    attributes : float32 of shape (n, m) – 1 where an event has an attribute; m is 0 where nothing is known.
    wait_s : float64 of shape (n,) – seconds until the start.
    """

    user_rows: dict[str, int]
    event_rows: NDArray[np.int64]
    taken: sp.csr_matrix[Any]
    events: NDArray[np.int64]
    age_days: NDArray[np.float64]
    attributes: sp.csr_matrix[Any]
    wait_s: NDArray[np.float64]

    @classmethod
    def of(cls, fold: Fold) -> Self:
        """The evidence of a fold, the judged users included."""
        catalog, past, data = fold.catalog, fold.past, fold.data
        user_ids = dict.fromkeys([*data.users, *past.users.ids(), *fold.user_ids])
        user_rows = {user_id: row for row, user_id in enumerate(user_ids)}
        events = {event.event_id: event for event in data.events}
        order = catalog.events.rows(list(dict.fromkeys([*events, *catalog.events.ids()])))
        event_rows = np.empty(len(order), np.int64)
        event_rows[order] = np.arange(len(order))
        hits = is_hit(past)
        owners = np.array([user_rows[key] for key in past.users.ids()], np.int64)[past.user_rows[hits]]
        taken = _ones(owners, event_rows[past.event_rows[hits]], (len(user_rows), len(order)))
        taken.data[:] = 1
        ids = catalog.events.ids(order)
        return cls(
            user_rows=user_rows,
            event_rows=event_rows,
            taken=taken,
            events=event_rows[past.event_rows[hits]],
            age_days=(fold.cutoff.timestamp() - past.occurred_at[hits]) / DAY_S,
            attributes=_attributes([events.get(event_id) or Event(event_id=event_id) for event_id in ids]),
            wait_s=catalog.starts_at[order] - fold.cutoff.timestamp(),
        )

    def places(self, user_ids: Iterable[str]) -> NDArray[np.int64]:
        """Rows of users."""
        return np.array([self.user_rows[user_id] for user_id in user_ids], np.int64)


def _most_popular(evidence: Evidence) -> Score:
    return _for_everybody(np.asarray(evidence.taken.sum(axis=0)).ravel())


def _trending(evidence: Evidence) -> Score:
    weights = 0.5 ** (evidence.age_days / _TRENDING_DAYS)
    return _for_everybody(np.bincount(evidence.events, weights=weights, minlength=len(evidence.event_rows)))


def _soonest(evidence: Evidence) -> Score:
    return _for_everybody(-evidence.wait_s)


def _for_everybody(scores: NDArray[Any]) -> Score:
    return lambda users, events: np.broadcast_to(scores[events], (len(users), len(events)))


def _svd(evidence: Evidence) -> Score:
    taken = evidence.taken
    rank = min(_FACTORS, min(taken.shape) - 1)
    start = np.random.default_rng(0).uniform(-1, 1, min(taken.shape))
    _, values, rows = svds(taken, k=rank, v0=start)
    vectors = rows.T * values
    vectors = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + _EPSILON)
    return lambda users, events: (taken[users] @ vectors) @ vectors[events].T


def _cosine(evidence: Evidence) -> Score:
    users_attributes = _unit_rows(evidence.taken @ evidence.attributes)
    attributes = _unit_rows(evidence.attributes)
    return lambda users, events: (users_attributes[users] @ attributes[events].T).toarray()


def _als(evidence: Evidence) -> Score:
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=64, regularization=0.01, alpha=10, iterations=15, random_state=0)
    model.fit(evidence.taken, show_progress=False)
    return lambda users, events: model.user_factors[users] @ model.item_factors[events].T


def _bm25(evidence: Evidence) -> Score:
    from implicit.nearest_neighbours import BM25Recommender
    from implicit.utils import ParameterWarning

    model = BM25Recommender(K=100)
    with warnings.catch_warnings():
        # It warns of a conversion of its own.
        warnings.filterwarnings("ignore", "Method expects CSR input", ParameterWarning)
        model.fit(evidence.taken, show_progress=False)
    return lambda users, events: (evidence.taken[users] @ model.similarity)[:, events].toarray()


def _warp_ids(evidence: Evidence) -> Score:
    own = sp.identity(evidence.taken.shape[1], dtype=np.float32, format="csr")
    return _warp(evidence, sp.csr_matrix(sp.hstack([own, evidence.attributes])))


def _warp_attributes(evidence: Evidence) -> Score:
    return _warp(evidence, evidence.attributes)


def _warp(evidence: Evidence, features: sp.csr_matrix[Any]) -> Score:
    from lightfm import LightFM

    model = LightFM(no_components=64, loss="warp", random_state=0)
    model.fit(evidence.taken, item_features=features, epochs=40, num_threads=2)
    biases, vectors = model.get_item_representations(features)
    _, user_vectors = model.get_user_representations()
    return lambda users, events: user_vectors[users] @ vectors[events].T + biases[events]


@dataclass(frozen=True, slots=True)
class Peer:
    """A system to compare to.

    Attributes
    ----------
    fit : learns; gives what scores.
    package, module : what it needs to be installed, "" for nothing.
    needs_attributes : whether it has nothing to learn from ids alone.
    """

    name: str
    fit: Callable[[Evidence], Score]
    package: str = ""
    module: str = ""
    needs_attributes: bool = False

    def is_installed(self) -> bool:
        """Whether it can run here."""
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
    """One column a value, block by block in order of appearance."""
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
    rows, places = np.array(cells, np.int64).reshape(-1, 2).T
    return _ones(rows, places, (len(events), len(columns)))


def _slot(event: Event) -> str:
    return f"{(event.starts_at.weekday() * 24 + event.starts_at.hour) // 3}" if event.starts_at else ""


def _ones(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> sp.csr_matrix[Any]:
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


def _unit_rows(matrix: sp.csr_matrix[Any]) -> sp.csr_matrix[Any]:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(1 / np.maximum(lengths, _EPSILON)) @ matrix)
