"""Judges models on what happened after a cutoff, having learned only from what came before."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from shared.analysis.evaluation import RatingMetrics, rating_metrics
from shared.entities import InteractionType, User
from shared.entities.profile import MAX_HISTORY
from shared.models.history import Histories
from shared.models.interactions import InteractionTable
from shared.models.ratings import BiasedMean
from shared.models.recommender import Recommender
from shared.models.weights import CODES

_CHUNK = 64


def latest_cutoff(table: InteractionTable, *, share: float) -> datetime | None:
    """The time after which the latest `share` of the hits lies; None with fewer than two hits."""
    times = table.occurred_at[table.positive()]
    if len(times) < 2:
        return None
    return datetime.fromtimestamp(float(np.floor(times[int(len(times) * (1 - share))])), UTC)


def lists(
    recommender: Recommender,
    users: Sequence[User],
    past: InteractionTable,
    candidates: NDArray[np.integer],
    *,
    now: datetime,
    k: int,
) -> Iterator[tuple[Sequence[User], NDArray[np.int64], NDArray[np.floating]]]:
    """The best k of `candidates`, event rows, for every user, in chunks of users.

    Yields the users of a chunk, event rows (-1 where a list ends early) and scores, shape (b, k) each. It is the
    serving path: histories are bounded as in a request, and nothing of `past` may lie at or after `now`.
    """
    offered = recommender.candidates(candidates, now)
    for start in range(0, len(users), _CHUNK):
        chunk = users[start : start + _CHUNK]
        histories = Histories.of_table(chunk, past, now, newest=MAX_HISTORY)
        rows, scores = recommender.rank(histories, offered, k)
        yield chunk, rows, scores


def evaluate_ratings(table: InteractionTable, n_events: int, *, share: float = 0.2) -> dict[str, float]:
    """RMSE, MAE and explained variance of predicted stars on the latest `share` of the ratings."""
    rated = table.where((table.codes == CODES[InteractionType.RATING]) & (table.event_rows >= 0))
    held = int(np.ceil(len(rated) * share))
    is_past = np.arange(len(rated)) < len(rated) - held
    past, late = rated.where(is_past), rated.where(~is_past)
    model = BiasedMean().fit(past.user_rows, past.event_rows, past.values, n_users=len(table.users), n_events=n_events)
    metrics: RatingMetrics = rating_metrics(late.values, model.predict(late.user_rows, late.event_rows))
    return {name: float(value) for name, value in asdict(metrics).items()}
