"""Signal: a feature of the ranker, one number for a user and an event, which the blend weighs against the others.

A signal learns parameters from past interactions, plain arrays only, and scores with numpy alone. Parameters refer to
attribute values by their row among the names of the training, so they stay valid when the catalog grows.

A *like* is an interaction with positive confidence (implicit feedback) for a known event; its weight is that
confidence, see `feedback/weights.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.profiles import Declared
from shared.feedback.weights import confidence_weights
from shared.signals.candidates import Candidates
from shared.signals.static_candidates import KnownEvents
from shared.signals.terms import ScoreSum, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

SignalParams = Mapping[str, NDArray[Any]]
"""Learned parameters of a signal: arrays by name, stored in the model's artifact."""
EVENT_HALF_LIFE_DAYS: Final = 180.0
"""Half-life of an event's weight in means over events, by its distance in time from now."""


@dataclass(frozen=True)
class TrainingData:
    """Training data of signals as of a past time.

    Attributes
    ----------
    table : interactions before `now_s`.
    catalog : the events that `table` points into.
    now_s : POSIX seconds.
    declared : declared features of the users of `table`, row by row.
    seed : random seed of what is learned by chance.
    """

    table: InteractionTable
    catalog: Catalog
    now_s: float
    declared: Declared
    seed: int = 0

    @cached_property
    def likes(self) -> NDArray[np.float32]:
        """Positive confidence of each interaction, undecayed, float32 of shape (n,); 0 without a known event."""
        no_age = np.zeros(len(self.table), np.float32)
        weights = confidence_weights(self.table.codes, self.table.values, no_age, half_life_days=np.inf)
        return np.where(self.table.event_rows >= 0, np.maximum(weights, 0), 0).astype(np.float32)

    @cached_property
    def liked(self) -> NDArray[np.int64]:
        """Indices of the interactions that are likes, int64, ascending."""
        return np.flatnonzero(self.likes > 0)

    @cached_property
    def liked_matrix(self) -> "csr_array":
        """User × event matrix of implicit feedback, float32 of shape (n_users, n_events): 1 where the user liked it."""
        from scipy.sparse import coo_array

        size = max(len(self.catalog), 1)
        cells = np.unique(self.table.user_rows[self.liked].astype(np.int64) * size + self.table.event_rows[self.liked])
        ones = np.ones(len(cells), np.float32)
        shape = (len(self.table.users), len(self.catalog))
        return coo_array((ones, (cells // size, cells % size)), shape=shape).tocsr()

    @cached_property
    def likes_by_event(self) -> NDArray[np.float64]:
        """Sum of the likes of each event, float64 of shape (n_events,)."""
        rows = self.table.event_rows[self.liked]
        sums = np.bincount(rows, weights=self.likes[self.liked], minlength=len(self.catalog))
        return sums.astype(np.float64)

    @cached_property
    def freshness(self) -> NDArray[np.float64]:
        """Weights of events by their distance in time from now, float64 of shape (n_events,), 0..1.

        The event nearest to now has 1. The weight halves with each `EVENT_HALF_LIFE_DAYS` that an event is farther
        from now; 0 for events that users could not know yet.
        """
        start = self.catalog.starts_at
        dated = np.isfinite(start)
        known = (start < self.now_s) | (self.likes_by_event > 0) | (self.catalog.created_at < self.now_s)
        known &= ~np.isneginf(start)
        days = np.abs(np.where(dated, start, self.now_s) - self.now_s) / DAY_S
        nearest = days[known].min(initial=np.inf)
        return np.where(known, np.exp2(-(days - nearest) / EVENT_HALF_LIFE_DAYS), 0.0)

    @cached_property
    def freshness_of_past(self) -> NDArray[np.float64]:
        """Weights of events that have begun, see `freshness`, float64 of shape (n_events,); 0 for events to come."""
        return np.where(self.catalog.starts_at < self.now_s, self.freshness, 0.0)


class Signal:
    """Base class of all signals.

    Attributes
    ----------
    name : unique; names the weight in the manifest and the parameters in the artifact.
    source : name that a response gives as the reason for an item that this signal ranked high.
    may_be_negative : whether the learned weight may be negative.
    is_timeless : whether what is computed of candidates alone (scores of an `EventSignal`, parameters that a
        `UserSignal` prepares) depends on neither time nor current popularity, so that it can be kept for all times of
        the same events, see `Candidates.static`.
    prepares_known : whether a `UserSignal` prepares parameters for the training's events among the candidates, see
        `for_known`.
    by_vectors : whether the scores of a `UserSignal` are products with a vector of each candidate, which are costly for
        many: of two stages, it takes part in the second alone, see `models/blend.py`.
    is_optional : whether the signal needs an extra; models that do not weigh it do not name it either.
    """

    name: str
    source: str
    may_be_negative: bool = False
    is_timeless: bool
    prepares_known: bool = False
    by_vectors: bool = False
    is_optional: bool = False

    def fit(self, _data: TrainingData) -> SignalParams:
        """Parameters learned from training data; empty by default."""
        return {}

    def to_come(self, params: SignalParams, _data: TrainingData) -> SignalParams:
        """Parameters without what only candidates that are over by the time of the training would need.

        All scores of other candidates stay the same, to the bit.
        """
        return params

    def check(self, _params: SignalParams, _catalog: Catalog) -> None:
        """Check of stored parameters against the catalog of the training; raises `ValueError` naming an array.

        By default none is expected. Whatever passes must be safe to score with: an array that is too short or points
        out of range would fail in requests.
        """

    def as_float32(self, params: SignalParams) -> SignalParams:
        """Parameters with half-precision arrays converted to float32, which is faster to score with."""
        return params


class EventSignal(Signal):
    """Signal of an event alone, the same for every user."""

    source = "popularity"
    is_timeless = False

    def score(self, params: SignalParams, candidates: Candidates) -> NDArray[np.float32]:
        """Scores of c candidates, float32 of shape (c,)."""
        raise NotImplementedError


class UserSignal(Signal):
    """Signal of a user and an event together: a sum of sparse terms.

    Terms of all signals are weighted and summed before they are expanded to candidates, see `terms.py`. A signal whose
    scores are all 0 yields no term, which costs nothing.
    """

    source = "content"
    is_timeless = True

    def for_known(self, params: SignalParams, _known: KnownEvents) -> SignalParams:
        """Parameters with arrays added that depend on the training's events among the candidates alone.

        They outlast a change of other candidates. Called where `prepares_known` is true.
        """
        return params

    def for_candidates(self, params: SignalParams, _candidates: Candidates) -> SignalParams:
        """Parameters with arrays added that depend on the candidates but on no user, so they are computed once.

        `params` are those `for_known` of the candidates.
        """
        return params

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Terms of the signal for b users and c candidates; `params` are those `for_candidates` of the batch."""
        raise NotImplementedError

    def training_rows(self, _data: TrainingData, _params: SignalParams) -> "csr_array | None":
        """User rows that the parameters were learned from, of shape (n_users, k); None where `fit` learns from none.

        `user_rows` must give the same rows for the same interactions: one definition of a user for training and for
        serving.
        """
        return None

    def user_rows(self, _params: SignalParams, _batch: UserBatch) -> NDArray[np.float32] | None:
        """User rows that `terms` scores with, float32 of shape (b, k), see `training_rows`; None where it has none."""
        return None

    def score(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Sum of the terms, float32 of shape (b, c); 0 where no term applies."""
        scores, ones = ScoreSum(batch), np.ones(len(batch), np.float32)
        known = self.for_known(params, batch.candidates.static.known) if self.prepares_known else params
        for term in self.terms(self.for_candidates(known, batch.candidates), batch):
            scores.add(term, ones)
        return scores.total()


def standardized(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Standardized values (z-scores), float32 of shape (c,): mean 0, deviation 1; zeros where all values are equal."""
    if not len(values):
        return np.zeros(0, np.float32)
    deviation = values.std()
    if deviation < 1e-6:
        return np.zeros(len(values), np.float32)
    scaled: NDArray[np.float32] = ((values - values.mean()) / deviation).astype(np.float32)
    return scaled


def in_single_precision(params: SignalParams, name: str) -> SignalParams:
    """Parameters with the array `name`, stored as float16, as float32: float16 takes ten times as long to read."""
    return {**params, name: params[name].astype(np.float32)}
