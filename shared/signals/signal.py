"""What a signal is: one number for a user and an event, before it is weighed against the others.

A signal learns its state from the past, arrays only, and scores with nothing but numpy. Names of attributes are places
among those of the training, so that a state never has to be moved when events come.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.profiles import Declared
from shared.feedback.weights import taste_weights
from shared.signals.cached import cached
from shared.signals.candidates import Candidates
from shared.signals.terms import ScoreSum, Term
from shared.signals.users import UserBatch

SignalParams = Mapping[str, NDArray[Any]]
_Value = TypeVar("_Value")
EVENT_HALF_LIFE_DAYS: Final = 180.0


@dataclass(frozen=True)
class TrainingData:
    """What signals learn from: interactions before `now_s`, POSIX seconds, the catalog they point into, and users.

    `declared` holds the features of the users of `table`, row by row.
    """

    table: InteractionTable
    catalog: Catalog
    now_s: float
    declared: Declared
    _parts: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cached(self, name: str, make: Callable[[], _Value]) -> _Value:
        """What `make` gives, made on the first call under this name; signals that learn the same share it."""
        return cached(self._parts, name, make)

    @cached_property
    def likes(self) -> NDArray[np.float32]:
        """What each interaction says for its event, undecayed, float32 of shape (n,); 0 without a known event."""
        no_age = np.zeros(len(self.table), np.float32)
        weights = taste_weights(self.table.codes, self.table.values, no_age, half_life_days=np.inf)
        return np.where(self.table.event_rows >= 0, np.maximum(weights, 0), 0).astype(np.float32)

    @cached_property
    def liked(self) -> NDArray[np.int64]:
        """The interactions with a like, int64."""
        return np.flatnonzero(self.likes > 0)

    @cached_property
    def likes_by_event(self) -> NDArray[np.float64]:
        """Sum of the likes of each event, float64 of shape (n_events,)."""
        rows = self.table.event_rows[self.liked]
        sums = np.bincount(rows, weights=self.likes[self.liked], minlength=len(self.catalog))
        return sums.astype(np.float64)

    @cached_property
    def freshness(self) -> NDArray[np.float64]:
        """How much each event says of the present, float64 of shape (n_events,).

        Half for each `EVENT_HALF_LIFE_DAYS` that an event lies farther from now than the nearest one, which has 1; 0
        for events that nobody could know yet.
        """
        start = self.catalog.starts_at
        dated = np.isfinite(start)
        known = (start < self.now_s) | (self.likes_by_event > 0) | (self.catalog.created_at < self.now_s)
        known &= ~np.isneginf(start)
        days = np.abs(np.where(dated, start, self.now_s) - self.now_s) / DAY_S
        nearest = days[known].min(initial=np.inf)
        return np.where(known, np.exp2(-(days - nearest) / EVENT_HALF_LIFE_DAYS), 0.0)


class Signal:
    """Base of all signals.

    Attributes
    ----------
    name : unique; names the weight in the manifest and the state's arrays.
    source : what an answer calls the reason of an item that this signal put forward.
    is_free : whether its weight may be negative.
    """

    name: str
    source: str
    may_be_negative: bool = False

    def fit(self, _past: TrainingData) -> SignalParams:
        """What the signal learns; nothing unless it says otherwise."""
        return {}

    def as_float32(self, params: SignalParams) -> SignalParams:
        """The state as it is quickest to score with, where that is not how it is stored."""
        return params


class EventSignal(Signal):
    """A signal that is the same for every user.

    Attributes
    ----------
    is_timeless : whether it depends on neither the time nor present popularity, so that its scores outlast the moment.
    """

    source = "popularity"
    is_timeless: bool = False

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Float32 of shape (c,)."""
        raise NotImplementedError


class UserSignal(Signal):
    """Signal of a user and an event together: a sum of sparse terms, which all signals share before they are expanded.

    A term that is left out costs nothing, so a signal that has nothing to say yields none.
    """

    source = "content"

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Terms of the signal for b users and c candidates."""
        raise NotImplementedError

    def score(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Sum of the terms, float32 of shape (b, c); 0 where there is nothing to say."""
        whole, ones = ScoreSum(batch), np.ones(len(batch), np.float32)
        for term in self.terms(params, batch):
            whole.add(term, ones)
        return whole.total()


def standardized(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean 0 and deviation 1 over the candidates; zeros where all are equal."""
    if not len(values):
        return np.zeros(0, np.float32)
    deviation = values.std()
    if deviation < 1e-6:
        return np.zeros(len(values), np.float32)
    scaled: NDArray[np.float32] = ((values - values.mean()) / deviation).astype(np.float32)
    return scaled


def in_single_precision(params: SignalParams, name: str) -> SignalParams:
    """The state with an array that is stored in half precision, which takes ten times as long to read from."""
    return {**params, name: params[name].astype(np.float32)}


def candidate_columns(candidates: Candidates) -> NDArray[np.int64]:
    """The place among the candidates of each event of the training, int64 of shape (n_trained + 1,), -1 for none."""

    def make() -> NDArray[np.int64]:
        trained = candidates.catalog.trained[candidates.rows]
        columns = np.full(int(candidates.catalog.trained.max(initial=-1)) + 2, -1, np.int64)
        columns[trained] = np.arange(len(candidates))
        columns[-1] = -1
        return columns

    return candidates.cached_static("columns", make)
