"""Training groups as of a past time: positives, sampled negatives, their signal values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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


def sample_groups(
    split: Split,
    data: TrainingData,
    params: Mapping[str, SignalParams],
    users: Mapping[str, User],
    max_users: int,
    rng: "np.random.Generator",
    *,
    friends: bool = False,
) -> Iterator[TrainingGroup]:
    """Training groups of at most `max_users` users with positives in the window of `split`.

    Signals with `params` learned from `data`, the interactions before the split, score users by their histories of that
    time. Candidates and positives are those of offline evaluation, see `evaluation/holdout.py`. Negatives are sampled
    from the candidates that a user has not consumed, see `_inclusion_probabilities`. With `friends`, users have the
    mutual friends among `users` who go as of that time.
    """
    catalog, table = data.catalog, data.table
    moment = datetime.fromtimestamp(data.now_s, UTC)
    # Users of a window could choose what was announced within it, and serving ranks such events, too.
    rows = candidate_rows(catalog, data.now_s, known_by_s=split.window.until_s)
    user_of_positive, column_of_positive = first_hits(split.past, split.positives, rows, len(catalog))
    user_rows = np.unique(user_of_positive)
    if not len(user_rows):
        return
    if len(user_rows) > max_users:
        user_rows = np.sort(rng.choice(user_rows, max_users, replace=False))
    popular = popularity(table, len(catalog))[rows]
    live = Candidates(catalog, rows, data.now_s, popular)
    event_scores = {s.name: s.score(params[s.name], live) for s in SIGNALS if isinstance(s, EventSignal)}
    probabilities = _inclusion_probabilities(popular)
    has_group = np.zeros(len(table.users), np.bool_)
    has_group[user_rows] = True
    users_table = table.where(has_group[table.user_rows])
    user_ids = table.users.ids(user_rows)
    plans = PastPlans(users, table, catalog) if friends else None
    for begin in range(0, len(user_rows), _CHUNK):
        chunk = user_rows[begin : begin + _CHUNK]
        profiles = [users.get(user_id) or User(user_id=user_id) for user_id in user_ids[begin : begin + _CHUNK]]
        in_chunk = np.isin(user_of_positive, chunk)
        sample = np.flatnonzero(rng.random(len(rows)) < probabilities)
        columns = np.union1d(sample, column_of_positive[in_chunk])
        histories = Histories.of_table(profiles, users_table, moment, newest=MAX_HISTORY)
        if plans:
            histories = replace(histories, going=plans.going(profiles))
        candidates = Candidates(catalog, rows[columns], data.now_s, popular[columns])
        values, segments = score_signals(
            params,
            UserBatch(histories, candidates),
            {name: scores[columns] for name, scores in event_scores.items()},
        )
        is_consumed = histories.consumed(len(catalog))[:, rows[columns]]
        is_sampled = np.isin(columns, sample)
        for index, user_row in enumerate(chunk):
            is_positive = np.isin(columns, column_of_positive[in_chunk & (user_of_positive == user_row)])
            positives = np.flatnonzero(is_positive)
            if len(positives) > _MAX_POSITIVES:
                positives = np.sort(rng.choice(positives, _MAX_POSITIVES, replace=False))
            negatives = np.flatnonzero(is_sampled & ~is_positive & ~is_consumed[index])
            if not len(negatives):
                continue
            log_weights = np.concatenate([np.zeros(len(positives)), -np.log(probabilities[columns[negatives]])])
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
