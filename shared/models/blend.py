"""Blend: a linear ranker over all signals, with weights learned by listwise learning to rank from past windows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, named
from shared.catalog.attributes import part, prefixed
from shared.catalog.catalog import Catalog
from shared.catalog.meaning import BAG
from shared.models.scorer import Stages, TrainingInput
from shared.signals.candidates import Candidates
from shared.signals.friends import FriendsGoing
from shared.signals.groups import Groups
from shared.signals.registry import RETIRED, SIGNALS
from shared.signals.signal import EventSignal, SignalParams, UserSignal
from shared.signals.static_candidates import KnownEvents, StaticCandidates, text_fingerprints
from shared.signals.terms import ScoreSum
from shared.signals.users import SEGMENTS, UserBatch

if TYPE_CHECKING:  # see `scorer.py`
    from shared.learning.listwise import TrainingGroups
    from shared.learning.replay import Replay

MIN_GROUPS: Final = 200
"""Minimum number of training groups in a draw; with fewer, the weights are `HAND_SET`."""

_RIDGE: Final = 10.0
"""Strength of the L2 regularization of the weights, see `fit_listwise`."""

_DOUBT: Final = 2.0
"""Standard errors by which fixed weights must beat learned ones: a one-sided confidence of about 98 %."""

_NAMES: Final = tuple(signal.name for signal in SIGNALS)
_MAY_BE_NEGATIVE: Final = np.array([signal.may_be_negative for signal in SIGNALS])
_COLLABORATIVE: Final = {"neighbours": 0.5, "shared_people_organizer": 0.5}
"""Hand-set weights of the collaborative signals relative to each other."""

_CONTENT: Final = {
    "share_organizer": 0.3,
    "share_block": 0.1,
    "share_category": 0.1,
    "similar_tags": 0.2,
    "similar_title": 0.1,
    "meaning": 0.2,
    "follows": 0.3,
    "declared_tags": 0.4,
    "declared_categories": 0.4,
}
"""Hand-set weights of the content signals relative to each other."""

_OTHERS: Final = {
    "friends_going": 2.0,
    "interest": 5.0,
    "nearness": 0.05,
    "budget": 1.0,
    "popularity": 0.4,
    "soonness": 0.02,
}
"""Hand-set weights of the remaining signals, absolute."""

_SOURCES: Final = tuple(dict.fromkeys(signal.source for signal in SIGNALS if isinstance(signal, UserSignal)))
"""Sources that a user's recommendations may have, those of the user signals."""

_HEAVIEST: Final = 1e9
"""Largest weight of a stored model, far above learned ones: no sum of weighted signals overflows."""

_REACH: Final = 50.0
"""Factor of collaborative and content signals, so large that popularity and soonness only break their ties."""


def _only(**weights: float) -> NDArray[np.float32]:
    """Weight matrix with equal rows for all segments, float32 of shape (s, F); signals not named weigh 0."""
    return np.tile(np.array([weights.get(name, 0.0) for name in _NAMES], np.float32), (len(SEGMENTS), 1))


def _hand_set() -> NDArray[np.float32]:
    """Hand-set weights: 0.6 × collaborative + 0.4 × content, times `_REACH`, and the remaining signals."""
    weights = {name: 0.6 * _REACH * weight for name, weight in _COLLABORATIVE.items()}
    weights |= {name: 0.4 * _REACH * weight for name, weight in _CONTENT.items()}
    weights |= _OTHERS
    return _only(**weights)


HAND_SET: Final = _hand_set()
"""Hand-set weights, float32 of shape (s, F): the default without enough data, and the baseline of learned weights."""

_POPULAR: Final = _only(likes=0.5, rising=0.5, soonness=0.001)
"""Popularity weights, float32 of shape (s, F): long-term and recent likes equally; the better one varies by month."""


@dataclass(slots=True)
class _ForCandidates:
    """Cached values of one blend for one candidate set.

    Attributes
    ----------
    params : parameters of user signals for these candidates by signal, see `UserSignal.for_candidates`.
    event_scores : weighted sum of event signals by segment, float32 of shape (s, c); None until it is computed.
    """

    params: dict[str, SignalParams] = field(default_factory=dict)
    event_scores: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Blend:
    """Blend of signals: a weighted sum, with separate weights for each segment of users.

    Attributes
    ----------
    weights : float32 of shape (s, F) – weights by segment and signal, `SEGMENTS` × `SIGNALS`.
    params : learned parameters by name of each signal with a weight, and of those that the hand-set weights weigh.
    learning : origin of the weights, see `learn`, for the manifest.
    """

    name: ClassVar[str] = "blend"
    needs_extra: ClassVar[bool] = False

    weights: NDArray[np.float32]
    params: Mapping[str, SignalParams]
    learning: Mapping[str, Any] = field(default_factory=dict)
    _prepared: dict[str, SignalParams] = field(default_factory=dict, init=False, repr=False, compare=False)
    # The caches belong to this model and live as long as the candidates, so no other model can read them. What is
    # timeless is kept for the static part, which candidates of the same events at other times share.
    _static: WeakKeyDictionary[StaticCandidates, _ForCandidates] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )
    # What depends on the training's events among the candidates alone outlasts a change of the others.
    _known: WeakKeyDictionary[KnownEvents, dict[str, SignalParams]] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )
    _timed: WeakKeyDictionary[Candidates, _ForCandidates] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Blend with weights learned from replayed past windows, and signals fitted to everything before `now`."""
        return cls.learned(given.replay(), given.now)

    @classmethod
    def learned(cls, replay: "Replay", now: datetime, *, without: Collection[str] = ()) -> Self:
        """Blend as of `now`, without the signals that `without` names, as if these had no values."""
        draws: Sequence[TrainingGroups] = replay.draws(now)
        for name in without:
            draws = [groups.without(_NAMES.index(name)) for groups in draws]
        weights, learning = learn(draws)
        # Those of the hand-set weights as well, so that an experiment can compare the two without another training.
        kept: NDArray[np.bool_] = (weights != 0).any(axis=0) | (HAND_SET != 0).any(axis=0)
        if not replay.has_friends:
            is_friends = np.array(_NAMES) == FriendsGoing.name
            weights, kept = np.where(is_friends, np.float32(0), weights), kept & ~is_friends
        params = {name: replay.params(name, now) for name, is_kept in zip(_NAMES, kept, strict=True) if is_kept}
        return cls(weights, params, learning)

    @cached_property
    def hand_set(self) -> "Blend":
        """Blend with the same parameters and hand-set weights: 0 for signals that it has no parameters of."""
        is_known = np.array([name in self.params for name in _NAMES])
        blend = replace(self, weights=np.where(is_known, HAND_SET, np.float32(0)))
        # One copy of the converted parameters serves both.
        object.__setattr__(blend, "_prepared", self._prepared)
        return blend

    def prepare(self) -> None:
        """Warm-up: convert the parameters of the signals to float32; until then signals score with the stored ones."""
        stored = [signal for signal in SIGNALS if signal.name in self.params and signal.name not in self._prepared]
        for signal in stored:
            self._prepared[signal.name] = signal.as_float32(self.params[signal.name])
        if stored:
            # What was computed from the stored parameters of half precision is right, but slower to score with.
            for cache in (self._static, self._known, self._timed):
                cache.clear()

    def score(self, batch: UserBatch) -> NDArray[np.float32]:
        """Ranking scores, float32 of shape (b, c), finite; only their order has a meaning."""
        segments, personal = batch.segments(), ScoreSum(batch)
        self._add_personal(self.weights[segments], batch, dict.fromkeys(_SOURCES, personal))
        return self._of_events(batch.candidates)[segments] + personal.total()

    def stages(self, batch: UserBatch) -> Stages:
        """Scores of one user in two stages."""
        weights, of_events = self.weights[batch.segments()], self._of_events(batch.candidates)[batch.segments()[0]]
        listed = ScoreSum(batch)
        self._add_personal(weights, batch, dict.fromkeys(_SOURCES, listed), by_vectors=False)

        def listed_at(columns: NDArray[np.int64]) -> NDArray[np.float32]:
            scores: NDArray[np.float32] = of_events[columns] + listed.total_at(columns)[0]
            return scores

        def at(columns: NDArray[np.int64]) -> NDArray[np.float32]:
            part = UserBatch(batch.histories, batch.candidates.part(columns))
            # Hashes of texts are kept for all, since those of long texts take longer than the rest.
            static, texts = part.candidates.static, batch.candidates.static.derived(text_fingerprints)
            static.contents[BAG] = Groups.of(static.rows, texts[columns])
            rest = ScoreSum(part)
            self._add_personal(weights, part, dict.fromkeys(_SOURCES, rest), by_vectors=True)
            scores: NDArray[np.float32] = listed_at(columns) + rest.total()[0]
            return scores

        return Stages(listed.estimate(of_events), listed_at, at)

    def personal_scores(self, batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """Personal part of the scores by source, float32 of shape (b, c), weighted as for the first user's segment."""
        own = self.weights[np.repeat(batch.segments()[:1], len(batch))]
        sums = {source: ScoreSum(batch) for source in _SOURCES}
        self._add_personal(own, batch, sums)
        return {source: personal.total() for source, personal in sums.items()}

    def report(self) -> dict[str, Any]:
        """Weights by segment and signal, and their origin, for the manifest."""
        weights = {
            segment: {name: round(float(weight), 4) for name, weight in zip(_NAMES, row, strict=True) if weight}
            for segment, row in zip(SEGMENTS, self.weights, strict=True)
        }
        return {**self.learning, "weights": weights}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays: signal names, weights and the parameters of the signals; no optional signal without any."""
        stored = [not signal.is_optional or signal.name in self.params for signal in SIGNALS]
        arrays: dict[str, NDArray[Any]] = {
            "blend.signals": np.array([name.encode() for name in _NAMES])[stored],
            "blend.weights": np.ascontiguousarray(self.weights[:, stored]),
        }
        for name, params in self.params.items():
            arrays |= prefixed(params, f"signal.{name}.")
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], catalog: Catalog) -> Self:
        """Blend from its artifact arrays; raises `ValueError` for a weighted signal that is unknown and not retired.

        It also raises `ValueError` for parameters of a signal that do not fit the catalog.
        """
        stored = [name.decode() for name in checked(arrays, "blend.signals", "S", -1).tolist()]
        if len(set(stored)) < len(stored):
            raise ValueError("blend.signals: expected distinct names")
        of_stored = checked(arrays, "blend.weights", "f4", len(SEGMENTS), len(stored), low=-_HEAVIEST, high=_HEAVIEST)
        weights = np.zeros((len(SEGMENTS), len(_NAMES)), np.float32)
        for name, column in zip(stored, of_stored.T, strict=True):
            if name in _NAMES:
                weights[:, _NAMES.index(name)] = column
            elif column.any() and name not in RETIRED:
                raise ValueError(f"blend.signals: this program has no signal {name!r}; update it")
        params: dict[str, SignalParams] = {}
        for signal, column, by_hand in zip(SIGNALS, weights.T, HAND_SET.T, strict=True):
            stored_params = part(arrays, f"signal.{signal.name}.")
            # Earlier versions stored none for signals without a learned weight.
            if column.any() or (by_hand.any() and stored_params):
                params[signal.name] = stored_params
                with named(f"signal.{signal.name}."):
                    signal.check(params[signal.name], catalog)
        return cls(weights, params)

    def _params(self, signal: EventSignal | UserSignal) -> SignalParams:
        return self._prepared.get(signal.name) or self.params[signal.name]

    def _of_events(self, candidates: Candidates) -> NDArray[np.float32]:
        static, timed = self._cached(candidates)

        def weigh(*, is_timeless: bool) -> NDArray[np.float32]:
            total = np.zeros((len(SEGMENTS), len(candidates)), np.float32)
            for signal, weights in zip(SIGNALS, self.weights.T, strict=True):
                if isinstance(signal, EventSignal) and signal.is_timeless == is_timeless and weights.any():
                    scores = signal.score(self._params(signal), candidates)
                    for of_segment, weight in zip(total, weights, strict=True):
                        of_segment += weight * scores
            return total

        if static.event_scores is None:
            static.event_scores = weigh(is_timeless=True)
        if timed.event_scores is None:
            timed.event_scores = static.event_scores + weigh(is_timeless=False)
        return timed.event_scores

    def _cached(self, candidates: Candidates) -> tuple[_ForCandidates, _ForCandidates]:
        """Caches of timeless values and of all others."""
        static = self._static.setdefault(candidates.static, _ForCandidates())
        return static, self._timed.setdefault(candidates, _ForCandidates())

    def _of_known(self, signal: UserSignal, candidates: StaticCandidates) -> SignalParams:
        """Parameters of a signal for the training's events among the candidates, see `UserSignal.for_known`."""
        if not signal.prepares_known:
            return self._params(signal)
        cached = self._known.setdefault(candidates.known, {})
        if signal.name not in cached:
            cached[signal.name] = signal.for_known(self._params(signal), candidates.known)
        return cached[signal.name]

    def _add_personal(
        self,
        weights: NDArray[np.float32],
        batch: UserBatch,
        sums: Mapping[str, ScoreSum],
        *,
        by_vectors: bool | None = None,
    ) -> None:
        """Addition of the weighted terms of the user signals to the sum of their source; `weights` has shape (b, F).

        Parameters
        ----------
        by_vectors : only signals of which this is true or false; None for all.
        """
        if batch.is_cold_start():
            return
        static, timed = self._cached(batch.candidates)
        for column in np.flatnonzero(weights.any(axis=0)).tolist():
            signal = SIGNALS[column]
            if isinstance(signal, UserSignal) and by_vectors in (None, signal.by_vectors):
                cached = (static if signal.is_timeless else timed).params
                if signal.name not in cached:
                    params = self._of_known(signal, batch.candidates.static)
                    cached[signal.name] = signal.for_candidates(params, batch.candidates)
                for term in signal.terms(cached[signal.name], batch):
                    sums[signal.source].add(term, weights[:, column])


def learn(draws: "Sequence[TrainingGroups]") -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Learned weights, float32 of shape (s, F), and their origin, from training groups (listwise learning to rank).

    The weights are the mean of those that each draw of groups gives. With fewer than `MIN_GROUPS` groups in a draw they
    are `HAND_SET`. Otherwise they are fitted to all groups, and validated by a fit to the earlier half of the windows
    (with a single window, to every second group), measured by NDCG on the later half of the first draw. In each segment
    where `HAND_SET` (for cold-start users also plain popularity) is better by more than two standard errors, these
    replace the learned weights.
    """
    count = len(draws[0]) if draws else 0
    if count < MIN_GROUPS:
        return HAND_SET, {"weights_from": "hand", "choices": count, "why": f"fewer than {MIN_GROUPS} to learn from"}
    from shared.learning.listwise import estimated_ndcg

    halves = [_halves(groups) for groups in draws]
    late = halves[0][1]
    validated, weights = _mean_fit([early for early, _ in halves]), _mean_fit(draws)
    ndcg = estimated_ndcg(late, validated)
    origin = dict.fromkeys(SEGMENTS, "learned")
    for name, fixed, segments in (("popularity", _POPULAR, (0,)), ("hand", HAND_SET, range(len(SEGMENTS)))):
        fixed_ndcg = estimated_ndcg(late, fixed)
        for segment in segments:
            rows = late.segments == segment
            if _is_better(fixed_ndcg[rows], ndcg[rows]):
                origin[SEGMENTS[segment]], weights[segment], ndcg[rows] = name, fixed[segment], fixed_ndcg[rows]
    return weights, {"weights_from": origin, "choices": count}


def _halves(groups: "TrainingGroups") -> "tuple[TrainingGroups, TrainingGroups]":
    """Groups of the earlier and of the later half of the windows or, of a single window, every second group."""
    is_late = groups.windows > np.unique(groups.windows)[(groups.windows.max() - groups.windows.min()) // 2]
    if not is_late.any():
        is_late = np.arange(len(groups)) % 2 == 1
    return groups.where(~is_late), groups.where(is_late)


def _is_better(ndcg: NDArray[np.float64], baseline: NDArray[np.float64]) -> bool:
    """Paired test: True if the mean gain of `ndcg` over `baseline` exceeds `_DOUBT` standard errors."""
    gains = ndcg - baseline
    return len(gains) > 1 and bool(gains.mean() > _DOUBT * gains.std(ddof=1) / np.sqrt(len(gains)))


def _mean_fit(draws: "Sequence[TrainingGroups]") -> NDArray[np.float32]:
    mean: NDArray[np.float32] = np.stack([_fit(groups) for groups in draws]).mean(axis=0)
    return mean


def _fit(groups: "TrainingGroups") -> NDArray[np.float32]:
    from shared.learning.listwise import fit_listwise

    return fit_listwise(groups, n_segments=len(SEGMENTS), ridge=_RIDGE, may_be_negative=_MAY_BE_NEGATIVE)
