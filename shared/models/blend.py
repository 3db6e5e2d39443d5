"""The blend: all signals as one score, with weights learned from the deployment's own past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.attributes import part, prefixed
from shared.learning.listwise import TrainingGroups, estimated_ndcg, fit_listwise
from shared.models.scorer import TrainingInput
from shared.signals.candidates import Candidates
from shared.signals.registry import RETIRED, SIGNALS
from shared.signals.signal import EventSignal, SignalParams, UserSignal
from shared.signals.terms import ScoreSum
from shared.signals.users import SEGMENTS, UserBatch

MIN_GROUPS: Final = 200
_RIDGE: Final = 10.0
_DOUBT: Final = 2.0
_NAMES: Final = tuple(signal.name for signal in SIGNALS)
_MAY_BE_NEGATIVE: Final = np.array([signal.may_be_negative for signal in SIGNALS])
_COLLABORATIVE: Final = {"neighbours_64": 0.5, "ease_organizer": 0.5}
_CONTENT: Final = {
    "share_organizer": 0.3,
    "share_block": 0.1,
    "share_category": 0.1,
    "similar_tags": 0.2,
    "similar_title": 0.1,
    "similar_text": 0.2,
    "follows": 0.3,
    "declared_tags": 0.4,
    "declared_categories": 0.4,
}
_OTHERS: Final = {
    "friends": 2.0,
    "interest": 5.0,
    "nearness": 0.05,
    "budget": 1.0,
    "popularity": 0.4,
    "soonness": 0.02,
}
_REACH: Final = 50.0


def _only(**weights: float) -> NDArray[np.float32]:
    return np.tile(np.array([weights.get(name, 0.0) for name in _NAMES], np.float32), (len(SEGMENTS), 1))


def _hand_set() -> NDArray[np.float32]:
    """0.6 × collaborative + 0.4 × content, so strong that popularity and soonness only order what they leave equal."""
    weights = {name: 0.6 * _REACH * weight for name, weight in _COLLABORATIVE.items()}
    weights |= {name: 0.4 * _REACH * weight for name, weight in _CONTENT.items()}
    weights |= _OTHERS
    return _only(**weights)


HAND_SET: Final = _hand_set()


_POPULAR: Final = _only(likes=0.5, rising=0.5, soonness=0.001)
"""Liked ever and liked lately in equal parts: which of them holds changes from one month to the next."""


@dataclass(frozen=True)
class Blend:
    """Weighted sum of signals, with one set of weights a segment.

    Attributes
    ----------
    weights : float32 of shape (s, F) – for `SEGMENTS` × `SIGNALS`.
    states : what each signal learned, by name; only of signals with a weight.
    learning : how the weights came about, for the manifest.
    """

    name: ClassVar[str] = "blend"

    weights: NDArray[np.float32]
    params: Mapping[str, SignalParams]
    learning: Mapping[str, Any] = field(default_factory=dict)
    _prepared: dict[str, SignalParams] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Weights learned from replayed windows before now, and signals learned from all that came before it."""
        replay, now = given.replay(), given.now
        weights, learning = learn(replay.groups(now))
        weighted = [name for name, column in zip(_NAMES, weights.T, strict=True) if column.any()]
        return cls(weights, {name: replay.params(name, now) for name in weighted}, learning)

    def prepare(self) -> None:
        """Unpack what the signals learned; until then they score with it as it is stored."""
        for signal in SIGNALS:
            if signal.name in self.params and signal.name not in self._prepared:
                self._prepared[signal.name] = signal.as_float32(self.params[signal.name])

    def score(self, batch: UserBatch) -> NDArray[np.float32]:
        """Float32 of shape (b, c), finite; only the order matters."""
        segments = batch.segments()
        return self._of_events(batch.candidates)[segments] + self._summed(self.weights[segments], batch)

    def personal_scores(self, batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """The users' own part of the score by source, float32 of shape (b, c), weighed as the first user's is."""
        own = self.weights[np.repeat(batch.segments()[:1], len(batch))]
        sources = [signal.source for signal in SIGNALS if isinstance(signal, UserSignal)]
        return {source: self._summed(own, batch, source=source) for source in dict.fromkeys(sources)}

    def report(self) -> dict[str, Any]:
        """The weights by segment and signal, for the manifest."""
        weights = {
            segment: {name: round(float(weight), 4) for name, weight in zip(_NAMES, row, strict=True) if weight}
            for segment, row in zip(SEGMENTS, self.weights, strict=True)
        }
        return {**self.learning, "weights": weights}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        arrays: dict[str, NDArray[Any]] = {
            "blend.signals": np.array([name.encode() for name in _NAMES]),
            "blend.weights": self.weights,
        }
        for name, params in self.params.items():
            arrays |= prefixed(params, f"signal.{name}.")
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`; raises `ValueError` if a weighted signal is not known here."""
        stored = [name.decode() for name in arrays["blend.signals"].tolist()]
        weights = np.zeros((len(SEGMENTS), len(_NAMES)), np.float32)
        for name, column in zip(stored, arrays["blend.weights"].T, strict=True):
            if name in _NAMES:
                weights[:, _NAMES.index(name)] = column
            elif column.any() and name not in RETIRED:
                raise ValueError(f"blend.signals: this program has no signal {name!r}; update it")
        weighted = [name for name, column in zip(_NAMES, weights.T, strict=True) if column.any()]
        return cls(weights, {name: part(arrays, f"signal.{name}.") for name in weighted})

    def _params(self, signal: EventSignal | UserSignal) -> SignalParams:
        return self._prepared.get(signal.name) or self.params[signal.name]

    def _of_events(self, candidates: Candidates) -> NDArray[np.float32]:
        def weigh(*, is_timeless: bool) -> NDArray[np.float32]:
            total = np.zeros((len(SEGMENTS), len(candidates)), np.float32)
            for signal, weights in zip(SIGNALS, self.weights.T, strict=True):
                if isinstance(signal, EventSignal) and signal.is_timeless == is_timeless and weights.any():
                    total += weights[:, None] * signal.score(self._params(signal), candidates)
            return total

        timeless = candidates.cached_static("blend", lambda: weigh(is_timeless=True))
        return candidates.cached("blend", lambda: timeless + weigh(is_timeless=False))

    def _summed(
        self, weights: NDArray[np.float32], batch: UserBatch, *, source: str | None = None
    ) -> NDArray[np.float32]:
        """The user signals, those of one source only where it is given, times `weights` of shape (b, F)."""
        whole = ScoreSum(batch)
        if batch.is_of_strangers():
            return whole.total()
        for signal, own in zip(SIGNALS, weights.T, strict=True):
            if isinstance(signal, UserSignal) and source in (None, signal.source) and own.any():
                for part in signal.terms(self._params(signal), batch):
                    whole.add(part, own)
        return whole.total()


def learn(groups: TrainingGroups | None) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Weights from choices, and how they came about.

    With fewer than `MIN_GROUPS` choices the weights are set by hand. Otherwise weights learned from the earlier half
    of the windows (with a single window, from every second user) are held to what came later. Weights that explain the
    choices best give way, in each segment, to those set by hand (for strangers also to plain popularity), where those
    are better by more than two standard errors.
    """
    count = len(groups) if groups else 0
    if groups is None or count < MIN_GROUPS:
        return HAND_SET, {"weights_from": "hand", "choices": count, "why": f"fewer than {MIN_GROUPS} to learn from"}
    is_late = groups.windows > np.unique(groups.windows)[(groups.windows.max() - groups.windows.min()) // 2]
    if not is_late.any():
        is_late = np.arange(count) % 2 == 1
    late, early = groups.where(is_late), groups.where(~is_late)
    trial, weights = _fit(early), _fit(groups)
    found = estimated_ndcg(late, trial)
    origin = dict.fromkeys(SEGMENTS, "learned")
    for other, fixed, numbers in (("popularity", _POPULAR, (0,)), ("hand", HAND_SET, range(len(SEGMENTS)))):
        by_fixed = estimated_ndcg(late, fixed)
        for number in numbers:
            mine = late.segments == number
            if _is_better(by_fixed[mine], found[mine]):
                origin[SEGMENTS[number]], weights[number], found[mine] = other, fixed[number], by_fixed[mine]
    return weights, {"weights_from": origin, "choices": count}


def _is_better(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether the mean of `one` is above that of `other` by more than `_DOUBT` standard errors of the difference."""
    gains = one - other
    return len(gains) > 1 and bool(gains.mean() > _DOUBT * gains.std(ddof=1) / np.sqrt(len(gains)))


def _fit(groups: TrainingGroups) -> NDArray[np.float32]:
    return fit_listwise(groups, n_segments=len(SEGMENTS), ridge=_RIDGE, may_be_negative=_MAY_BE_NEGATIVE)
