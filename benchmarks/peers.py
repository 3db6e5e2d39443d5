"""Baseline recommenders for comparison: simple rankings, and two libraries of `benchmarks/requirements.txt`.

Peers learn from `peer_data.PeerData`. Tuned ones choose their settings on stretches of time before the first cutoff.
Lists leave out the events that a user has taken.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from itertools import pairwise, product
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from benchmarks import simple_peers
from benchmarks.peer_data import PeerData
from benchmarks.tuning import Fit, Score, Stretch, best_setting

_TRENDING_DAYS: Final = 7.0
_FACTORS: Final = 50
_WARP_L2: Final = 1e-5
"""Penalty on the factors of events."""
_EPSILON: Final = 1e-9


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


@dataclass(frozen=True, slots=True)
class _WarpSetting:
    """Settings of LightFM.

    Attributes
    ----------
    with_ids : give each event a factor of its own beside those of its attributes.
    learning_rate : step of the gradient.
    epochs : passes over the hits.
    """

    with_ids: bool = False
    learning_rate: float = 0.05
    epochs: int = 40


_WARP_RATES: Final = (0.05, 0.02)
_WARP_EPOCHS: Final = (10, 20, 40, 80)
_WARP_HITS: Final = 30_000
"""Hits on which settings are tried, at most: more would take many minutes."""


def _warp(data: PeerData) -> Score:
    setting = _WarpSetting(with_ids=not data.attributes.shape[1])
    return next(_warps(data, setting, (setting.epochs,)))


def _tuned_warp(stretches: Sequence[Stretch]) -> tuple[Fit, dict[str, Any]]:
    """LightFM with the settings that were best on the stretches, and these settings."""
    if not stretches:
        return _warp, {}
    has_attributes = all(stretch.data.attributes.shape[1] for stretch in stretches)
    settings: list[_WarpSetting] = []
    ndcg: list[float] = []
    for with_ids, rate in product((False, True) if has_attributes else (True,), _WARP_RATES):
        tried = [_WarpSetting(with_ids, rate, epochs) for epochs in _WARP_EPOCHS]
        settings += tried
        by_stretch = [
            [stretch.ndcg(score) for score in _warps(stretch.some_data(_WARP_HITS), tried[0], _WARP_EPOCHS)]
            for stretch in stretches
        ]
        ndcg += [float(np.concatenate(values).mean()) for values in zip(*by_stretch, strict=True)]
    chosen = best_setting(settings, ndcg)
    return lambda data: next(_warps(data, chosen, (chosen.epochs,))), asdict(chosen)


def _warps(data: PeerData, setting: _WarpSetting, epochs: Sequence[int]) -> Iterator[Score]:
    """Scoring functions of one LightFM model after each of the ascending numbers of epochs."""
    from lightfm import LightFM

    ids = sp.identity(data.user_items.shape[1], dtype=np.float32, format="csr")
    features = sp.csr_matrix(sp.hstack([ids, data.attributes])) if setting.with_ids else data.attributes
    model = LightFM(
        no_components=64, loss="warp", learning_rate=setting.learning_rate, item_alpha=_WARP_L2, random_state=0
    )
    for done, until in pairwise((0, *epochs)):
        model.fit_partial(data.user_items, item_features=features, epochs=until - done, num_threads=2)
        biases, vectors = model.get_item_representations(features)
        _, of_users = model.get_user_representations()
        yield _warp_score(biases, vectors, of_users)


def _warp_score(biases: NDArray[Any], vectors: NDArray[Any], of_users: NDArray[Any]) -> Score:
    return lambda users, events: of_users[users] @ vectors[events].T + biases[events]


@dataclass(frozen=True, slots=True)
class Peer:
    """Baseline recommender for comparison.

    Attributes
    ----------
    name : name in reports.
    fit : trains and returns the scoring function.
    package, module : required package and its module, "" for none.
    needs_attributes : True if it cannot learn from ids alone.
    tune : chooses settings on stretches of time, of which there may be none, and returns the `fit` with them and the
        settings as JSON values; None for a peer without settings to choose.
    settings : chosen settings, empty before tuning.
    """

    name: str
    fit: Fit
    package: str = ""
    module: str = ""
    needs_attributes: bool = False
    tune: Callable[[Sequence[Stretch]], tuple[Fit, dict[str, Any]]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def is_installed(self) -> bool:
        """Availability: True if the required module is installed."""
        return not self.module or find_spec(self.module) is not None

    def tuned(self, stretches: Sequence[Stretch]) -> Self:
        """Peer with settings that were chosen on `stretches`."""
        if self.tune is None:
            return self
        fit, settings = self.tune(stretches)
        return replace(self, fit=fit, settings=settings)


_IMPLICIT: Final = ("implicit", "implicit")
_LIGHTFM: Final = ("lightfm-next", "lightfm")

MOST_POPULAR: Final = Peer("most popular", _most_popular)
TRENDING: Final = Peer("trending, 7 days", _trending)
ONE_LINE_FORMULA: Final = Peer("one-line formula", simple_peers.one_line_formula, needs_attributes=True)
HAND_FEATURES: Final = Peer(
    "hand features, tuned", simple_peers.hand_features, needs_attributes=True, tune=simple_peers.tuned_hand_features
)
SIMPLE: Final = (ONE_LINE_FORMULA, HAND_FEATURES)
"""Simple baselines, against whose better one the blend is measured first of all."""

PEERS: Final = (
    MOST_POPULAR,
    TRENDING,
    Peer("soonest", _soonest),
    *SIMPLE,
    Peer(
        "attribute cosine, tuned",
        simple_peers.attribute_cosine,
        needs_attributes=True,
        tune=simple_peers.tuned_attribute_cosine,
    ),
    Peer("SVD-50 cosine", _svd),
    Peer("implicit ALS", _als, *_IMPLICIT),
    Peer("implicit BM25", _bm25, *_IMPLICIT),
    Peer("LightFM WARP, tuned", _warp, *_LIGHTFM, tune=_tuned_warp),
)
