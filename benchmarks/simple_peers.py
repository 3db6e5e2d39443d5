"""Simple baselines: one formula, hand features with tuned weights, and the cosine of decayed attributes.

They need no library and a second of training, and what is more intricate must beat them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.peer_data import PeerData, divided, unit_rows
from benchmarks.tuning import Fit, Ranking, Score, Stretch, best_setting, coordinate_ascent, drawn
from shared.catalog.geography import equirectangular_km
from shared.feedback.interactions import DAY_S

_HALF_LIFE_DAYS: Final = 180.0
_RISING_DAYS: Final = 7.0
_LONGEST_WAIT_DAYS: Final = 3_650.0
"""Wait that counts for an undated event, so that no score is infinite."""
_SHRINKAGE: Final = 3.0
"""Events of mean popularity that are added to those of each organizer."""
_SEGMENT_USERS: Final = 400
"""Users of a segment by whom weights are tuned, at most, per stretch; with fewer, weights depend on who is drawn."""
_EPSILON: Final = 1e-9

HAND_FEATURES: Final[dict[str, float]] = {
    "share of organizer": 1.0,
    "count of organizer": 0.0,
    "share of venue": 0.3,
    "share of series": 0.0,
    "share of slot": 0.0,
    "attribute cosine": 0.0,
    "nearness": 0.0,
    "follows": 0.3,
    "popularity": 0.1,
    "rising": 0.0,
    "popularity of organizer": 0.0,
    "unseen": 0.3,
    "soonness": 0.05,
    "next of organizer": 0.0,
}
"""Hand features and the weights at which tuning begins."""

_MAY_BE_NEGATIVE: Final = ("soonness", "next of organizer")


@dataclass(frozen=True)
class HandFeatures:
    """Hand features of users and events, eight of pairs and six of events, in the order of `HAND_FEATURES`.

    Attributes
    ----------
    data : training data.
    taste : share of organizer, venue, series and slot in the decayed hits of each user: CSR of shape (users, values),
        and the one-hot matrix of the events.
    organizers : CSR, float32 of shape (users, organizers) – log(1 + number of hits).
    attributes : rows of length 1: decayed attributes of users, CSR of shape (users, m), and of events, (n, m).
    popularity, rising, of_organizer : float64 of shape (n,) – log of users with a hit, of those decayed over a week,
        and of the shrunken mean of the organizer's events that are known or over.
    """

    data: PeerData
    taste: Sequence[tuple[sp.csr_matrix[Any], sp.csr_matrix[Any]]]
    organizers: sp.csr_matrix[Any]
    attributes: tuple[sp.csr_matrix[Any], sp.csr_matrix[Any]]
    popularity: NDArray[np.float64]
    rising: NDArray[np.float64]
    of_organizer: NDArray[np.float64]

    @classmethod
    def of(cls, data: PeerData) -> Self:
        """Hand features of training data."""
        decayed = data.decayed(_HALF_LIFE_DAYS)
        recent = divided(decayed, np.asarray(decayed.sum(axis=1)).ravel())
        organizer = data.of_attribute["organizer"]
        counts = sp.csr_matrix(data.user_items @ organizer)
        counts.data = np.log1p(counts.data)
        popularity = np.asarray(data.user_items.sum(axis=0), np.float64).ravel()
        rising = np.bincount(data.events, weights=0.5 ** (data.age_days / _RISING_DAYS), minlength=len(data.event_rows))
        return cls(
            data,
            taste=[
                (sp.csr_matrix(recent @ values), values)
                for values in (organizer, data.of_attribute["venue"], data.series, data.of_attribute["slot"])
            ],
            organizers=counts,
            attributes=(unit_rows(sp.csr_matrix(decayed @ data.attributes)), unit_rows(data.attributes)),
            popularity=np.log(0.1 + popularity),
            rising=np.log(0.1 + rising),
            of_organizer=np.log(1e-3 + _mean_of_organizer(data, popularity)),
        )

    def of_pairs(self, users: NDArray[np.int64], events: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """Features of b users and c events, float32 of shape (b, c) each."""
        organizer = self.data.of_attribute["organizer"]
        share_organizer, *shares = (_product(of_users, values, users, events) for of_users, values in self.taste)
        km = equirectangular_km(*self.data.homes[users].T, *self.data.places[events].T)
        return [
            share_organizer,
            _product(self.organizers, organizer, users, events),
            *shares,
            _product(*self.attributes, users, events),
            np.nan_to_num(-np.log1p(km)),
            _product(self.data.follows, organizer, users, events),
        ]

    def of_events(self, events: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """Features of c events, float32 of shape (c,) each; popularity is standardised over them."""
        wait_days = np.minimum(self.data.wait_s[events] / DAY_S, _LONGEST_WAIT_DAYS)
        features = [
            *(_standardised(values[events]) for values in (self.popularity, self.rising, self.of_organizer)),
            self.data.is_new[events],
            -np.log1p(wait_days),
            -np.log1p(_rank_within(self.data.of_attribute["organizer"][events], wait_days)),
        ]
        return [feature.astype(np.float32) for feature in features]


@dataclass(frozen=True)
class _Weights:
    """Weights of the hand features for warm and for cold-start users."""

    warm: NDArray[np.float64] = field(default_factory=lambda: np.array([*HAND_FEATURES.values()]))
    cold: NDArray[np.float64] = field(default_factory=lambda: np.array([*HAND_FEATURES.values()]))


def hand_features(data: PeerData) -> Score:
    """Hand features with the weights at which tuning begins."""
    return _hand(data, _Weights())


def tuned_hand_features(stretches: Sequence[Stretch]) -> tuple[Fit, dict[str, Any]]:
    """Hand features with weights for warm and for cold-start users by coordinate ascent, and these weights."""
    rankings: dict[bool, list[Ranking]] = {True: [], False: []}
    for stretch in stretches:
        features = HandFeatures.of(stretch.data)
        of_events = features.of_events(stretch.data.candidates)
        rows = stretch.data.rows_of(stretch.fold.user_ids)
        for warm, tasks in rankings.items():
            users = drawn(np.flatnonzero(stretch.fold.warm == warm), _SEGMENT_USERS)
            if len(users):
                of_pairs = features.of_pairs(rows[users], stretch.data.candidates)
                allowed = stretch.data.allowed(rows[users])
                tasks.append(Ranking([*of_pairs, *of_events], allowed, stretch.relevant(users)))
    start = list(HAND_FEATURES.values())
    weights = _Weights(*(coordinate_ascent(rankings[warm], start, _steps) for warm in (True, False)))
    chosen = {
        segment: dict(zip(HAND_FEATURES, of_segment.tolist(), strict=True))
        for segment, of_segment in (("warm", weights.warm), ("cold", weights.cold))
    }
    return lambda data: _hand(data, weights), chosen


def _steps(index: int, weight: float) -> Iterator[float]:
    yield from (weight / 2, weight * 2, 0.0) if weight else (0.02, 0.1, 0.5)
    if not weight and [*HAND_FEATURES][index] in _MAY_BE_NEGATIVE:
        yield -0.05


def _hand(data: PeerData, weights: _Weights) -> Score:
    features = HandFeatures.of(data)
    is_warm = np.diff(data.user_items.indptr) > 0

    def score(users: NDArray[np.int64], events: NDArray[np.int64]) -> NDArray[Any]:
        of_users = np.where(is_warm[users][:, None], weights.warm, weights.cold).astype(np.float32)
        scores = np.zeros((len(users), len(events)), np.float32)
        for of_feature, feature in zip(
            of_users.T, [*features.of_pairs(users, events), *features.of_events(events)], strict=True
        ):
            scores += of_feature[:, None] * feature
        return scores

    return score


def one_line_formula(data: PeerData) -> Score:
    """Sum of a formula: organizer share + 0.3 venue share + 0.05 soonness + 0.3 unseen + 0.1 log(1 + popularity)."""
    features = HandFeatures.of(data)
    popularity = np.log1p(np.asarray(data.user_items.sum(axis=0), np.float64).ravel())

    def score(users: NDArray[np.int64], events: NDArray[np.int64]) -> NDArray[Any]:
        organizer, _, venue, *_ = features.of_pairs(users, events)
        *_, unseen, soonness, _ = features.of_events(events)
        scores: NDArray[Any] = organizer + 0.3 * venue + 0.05 * soonness + 0.3 * unseen + 0.1 * popularity[events]
        return scores

    return score


@dataclass(frozen=True, slots=True)
class _CosineSetting:
    """Settings of the attribute cosine.

    Attributes
    ----------
    half_life_days : half-life of a hit, inf for none.
    rarity : power of the inverse document frequency by which attributes are weighed, 0 for equal weights.
    """

    half_life_days: float = np.inf
    rarity: float = 0.0


_COSINE_GRID: Final = [
    _CosineSetting(half_life_days, rarity)
    for half_life_days in (np.inf, 720.0, 360.0, 180.0, 90.0, 45.0, 20.0)
    for rarity in (0.0, 0.5, 1.0)
]


def attribute_cosine(data: PeerData) -> Score:
    """Cosine of the attributes of an event and of all that a user took."""
    return _cosine(data, _CosineSetting())


def tuned_attribute_cosine(stretches: Sequence[Stretch]) -> tuple[Fit, dict[str, Any]]:
    """Attribute cosine with the half-life and the weights of attributes that were best, and these settings."""
    if not stretches:
        return attribute_cosine, {}
    ndcg = [
        float(np.concatenate([stretch.ndcg(_cosine(stretch.data, setting)) for stretch in stretches]).mean())
        for setting in _COSINE_GRID
    ]
    chosen = best_setting(_COSINE_GRID, ndcg)
    half_life_days = chosen.half_life_days if np.isfinite(chosen.half_life_days) else None
    return lambda data: _cosine(data, chosen), {"half_life_days": half_life_days, "rarity": chosen.rarity}


def _cosine(data: PeerData, setting: _CosineSetting) -> Score:
    attributes = data.attributes
    events_per_value = np.maximum(np.diff(attributes.tocsc().indptr), 1)
    rarity = np.log1p(attributes.shape[0] / events_per_value) ** setting.rarity
    weighed = sp.csr_matrix(attributes @ sp.diags(rarity.astype(np.float32)))
    hits = data.decayed(setting.half_life_days) if np.isfinite(setting.half_life_days) else data.user_items
    of_users, of_events = unit_rows(sp.csr_matrix(hits @ weighed)), unit_rows(weighed)
    return lambda users, events: _product(of_users, of_events, users, events)


def _product(
    of_users: sp.csr_matrix[Any], of_events: sp.csr_matrix[Any], users: NDArray[np.int64], events: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Scalar products of b users and c events, float32 of shape (b, c)."""
    product: NDArray[np.float32] = (of_users[users] @ of_events[events].T).toarray()
    return product


def _mean_of_organizer(data: PeerData, popularity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean popularity of the organizer's known or past events, shrunk to that of all, float64 of shape (n,)."""
    organizer = data.of_attribute["organizer"]
    is_known = (popularity > 0) | (data.wait_s < 0)
    mean = float(popularity[is_known].mean()) if is_known.any() else 0.0
    means = (organizer.T @ popularity + _SHRINKAGE * mean) / (organizer.T @ is_known.astype(np.float64) + _SHRINKAGE)
    has_organizer = np.diff(organizer.indptr) > 0
    of_events: NDArray[np.float64] = np.where(has_organizer, organizer @ means, mean)
    return of_events


def _rank_within(groups: sp.csr_matrix[Any], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank of each value within its group, from 0, int64 of shape (c,); 0 for rows of no group.

    Parameters
    ----------
    groups : CSR of shape (c, groups) with at most one entry in a row.
    """
    rows = np.flatnonzero(np.diff(groups.indptr))
    order = np.lexsort((values[rows], groups.indices))
    _, first = np.unique(groups.indices[order], return_index=True)
    sizes = np.diff(np.append(first, len(order)))
    ranks = np.zeros(groups.shape[0], np.int64)
    ranks[rows[order]] = np.arange(len(order)) - np.repeat(first, sizes)
    return ranks


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    standardised: NDArray[np.float64] = (values - values.mean()) / (values.std() + _EPSILON)
    return standardised
