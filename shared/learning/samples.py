"""Training groups as of a past time: positives, sampled negatives, their signal values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets
from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.evaluation.holdout import candidate_rows, first_hits
from shared.feedback.friends import PastPlans
from shared.feedback.history import Histories
from shared.feedback.popularity import popularity
from shared.learning.listwise import TrainingGroups
from shared.learning.seen import SeenInVain
from shared.learning.windows import Split
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import EventSignal, SignalParams, TrainingData
from shared.signals.users import UserBatch

N_NEGATIVES: Final = 200
"""Expected number of sampled negatives; 800 gained nothing at 2.5 times the training time."""
_MAX_POSITIVES: Final = 30
"""Positives of a group, a random sample of them where there are more."""
_CHUNK: Final = 64
"""Users who are scored at once, with the same sample of negatives: bounds memory."""


@dataclass(frozen=True, slots=True)
class TrainingGroup:
    """Training group of one user in a window: positives, then sampled negatives, as r rows with F signals.

    Attributes
    ----------
    values, labels, log_weights : see `TrainingGroups`.
    segment : segment of the user.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.float32]
    log_weights: NDArray[np.float32]
    segment: int


def stack_groups(windows: Sequence[Sequence[TrainingGroup]]) -> TrainingGroups | None:
    """Training groups of several windows, concatenated in order; None without any."""
    groups = [(number, group) for number, window_groups in enumerate(windows) for group in window_groups]
    if not groups:
        return None
    sizes = np.array([len(group.values) for _, group in groups])
    return TrainingGroups(
        values=np.concatenate([group.values for _, group in groups]),
        labels=np.concatenate([group.labels for _, group in groups]),
        log_weights=np.concatenate([group.log_weights for _, group in groups]),
        starts=offsets(sizes)[:-1],
        segments=np.array([group.segment for _, group in groups], np.int64),
        windows=np.array([number for number, _ in groups], np.int64),
    )


@dataclass(frozen=True)
class GroupSampler:
    """Sampler of training groups of a window, with what all draws of them share.

    Signals with `params` learned from `data`, the interactions before the window, score users by their histories of
    that time. Candidates and positives are those of offline evaluation, see `evaluation/holdout.py`. Negatives are
    sampled from the candidates that a user has not consumed, see `_inclusion_probabilities`; what the user saw in lists
    of the window and did not take is among them, and weighs more.

    Attributes
    ----------
    split : interactions known at the start of the window, and the positives in it.
    data : training data at the start of the window.
    params : parameters of all signals by name.
    users : declared profiles by id.
    friends : whether users have the mutual friends among `users` who go as of that time.
    seen : events that users saw in vain in the window; None where nothing is known of it.
    """

    split: Split
    data: TrainingData
    params: Mapping[str, SignalParams]
    users: Mapping[str, User]
    friends: bool = False
    seen: SeenInVain | None = None

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """Event rows of the candidates, int64 of shape (c,)."""
        # Users of a window could choose what was announced within it, and serving ranks such events, too.
        return candidate_rows(self.data.catalog, self.data.now_s, known_by_s=self.split.window.until_s)

    @cached_property
    def _positives(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """User row and candidate column of each positive."""
        return first_hits(self.split.past, self.split.positives, self._rows, len(self.data.catalog))

    @cached_property
    def _popular(self) -> NDArray[np.float64]:
        """Popularity of the candidates, float64 of shape (c,)."""
        popular: NDArray[np.float64] = popularity(self.data.table, len(self.data.catalog))[self._rows]
        return popular

    @cached_property
    def _event_scores(self) -> dict[str, NDArray[np.float32]]:
        """Scores of the event signals by name, float32 of shape (c,)."""
        live = Candidates(self.data.catalog, self._rows, self.data.now_s, self._popular)
        return {s.name: s.score(self.params[s.name], live) for s in SIGNALS if isinstance(s, EventSignal)}

    @cached_property
    def _column_of_event(self) -> NDArray[np.int64]:
        """Candidate column of each event of the catalog, int64, -1 for others."""
        columns = np.full(len(self.data.catalog), -1)
        columns[self._rows] = np.arange(len(self._rows))
        return columns

    def _seen_by(self, user_row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Candidate columns that a user saw in vain, ascending, and the negatives for which each stands."""
        if self.seen is None:
            return np.empty(0, np.int64), np.empty(0)
        event_rows, weights = self.seen.of_user(user_row)
        columns = self._column_of_event[event_rows]
        return columns[columns >= 0], weights[columns >= 0]

    @cached_property
    def _plans(self) -> PastPlans | None:
        return PastPlans(self.users, self.data.table, self.data.catalog) if self.friends else None

    def draw(self, max_users: int, rng: "np.random.Generator") -> Iterator[TrainingGroup]:
        """Training groups of at most `max_users` users with positives in the window."""
        catalog, table = self.data.catalog, self.data.table
        moment = datetime.fromtimestamp(self.data.now_s, UTC)
        rows, (user_of_positive, column_of_positive) = self._rows, self._positives
        user_rows = np.unique(user_of_positive)
        if not len(user_rows):
            return
        if len(user_rows) > max_users:
            user_rows = np.sort(rng.choice(user_rows, max_users, replace=False))
        popular = self._popular
        probabilities = _inclusion_probabilities(popular)
        profiles = [self.users.get(user_id) or User(user_id=user_id) for user_id in table.users.ids(user_rows)]
        everyone = Histories.of_table(profiles, table, moment, newest=MAX_HISTORY)
        if self._plans:
            everyone = replace(everyone, going=self._plans.going(profiles))
        for begin in range(0, len(user_rows), _CHUNK):
            chunk = user_rows[begin : begin + _CHUNK]
            in_chunk = np.isin(user_of_positive, chunk)
            sample = np.flatnonzero(rng.random(len(rows)) < probabilities)
            seen = [self._seen_by(int(user_row)) for user_row in chunk]
            columns = np.union1d(sample, np.concatenate([column_of_positive[in_chunk], *(own for own, _ in seen)]))
            histories = everyone.part(begin, begin + _CHUNK)
            candidates = Candidates(catalog, rows[columns], self.data.now_s, popular[columns])
            values, segments = score_signals(
                self.params,
                UserBatch(histories, candidates),
                {name: scores[columns] for name, scores in self._event_scores.items()},
            )
            is_consumed = histories.consumed(len(catalog))[:, rows[columns]]
            is_sampled = np.isin(columns, sample)
            for index, user_row in enumerate(chunk):
                is_positive = np.isin(columns, column_of_positive[in_chunk & (user_of_positive == user_row)])
                positives = np.flatnonzero(is_positive)
                if len(positives) > _MAX_POSITIVES:
                    positives = np.sort(rng.choice(positives, _MAX_POSITIVES, replace=False))
                stands_for = np.zeros(len(columns))
                stands_for[np.searchsorted(columns, seen[index][0])] = seen[index][1]
                is_negative = is_sampled | (stands_for > 0)
                negatives = np.flatnonzero(is_negative & ~is_positive & ~is_consumed[index])
                if not len(negatives):
                    continue
                log_weights = -np.log(probabilities[columns[negatives]])
                own = np.flatnonzero(stands_for[negatives])
                log_weights[own] = np.log(
                    stands_for[negatives[own]] + is_sampled[negatives[own]] * np.exp(log_weights[own])
                )
                log_weights = np.concatenate([np.zeros(len(positives)), log_weights])
                yield TrainingGroup(
                    values[index][np.concatenate([positives, negatives])],
                    np.repeat(np.array([1 / len(positives), 0], np.float32), [len(positives), len(negatives)]),
                    log_weights.astype(np.float32),
                    int(segments[index]),
                )


def _inclusion_probabilities(popular: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inclusion probabilities of candidates in a sample of about `N_NEGATIVES`, float64 of shape (c,), 0..1.

    Half of the sample is drawn uniformly and half by popularity, since popular events are the hard negatives: a list
    ranks them among the positives.
    """
    total = popular.sum()
    shares = popular / total if total > 0 else np.zeros(len(popular))
    probabilities: NDArray[np.float64] = np.minimum(N_NEGATIVES * (0.5 / max(len(popular), 1) + 0.5 * shares), 1)
    return probabilities


def score_signals(
    params: Mapping[str, SignalParams], batch: UserBatch, event_scores: Mapping[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Values of all signals, float32 of shape (b, c, F), and the users' segments, int64 of shape (b,).

    `event_scores` holds the scores of each event signal, float32 of shape (c,), by name.
    """
    shape = (len(batch), len(batch.candidates))
    columns = [
        np.broadcast_to(event_scores[signal.name], shape)
        if isinstance(signal, EventSignal)
        else signal.score(params[signal.name], batch)
        for signal in SIGNALS
    ]
    return np.stack(columns, axis=-1), batch.segments()
