"""Batch recommendation: scores and ranked lists of many users, made by the path that serves requests."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.ranking.query import Viewer
from shared.ranking.recommender import Recommender
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

CHUNK: Final = 64
"""Users scored together; bounds the matrices of users × candidates."""


def recommend_batch(
    recommender: Recommender,
    users: Sequence[User],
    past: InteractionTable,
    candidates: NDArray[np.integer],
    *,
    now: datetime,
    k: int,
    per_series: int | None = None,
) -> Iterator[tuple[Sequence[User], NDArray[np.int64], NDArray[np.floating]]]:
    """Top-k lists of many users over one set of candidates, in chunks of users.

    Histories are bounded to `MAX_HISTORY` entries, as in a request.

    Parameters
    ----------
    past : interactions before `now`; none may lie at or after it.
    candidates : int of shape (c,) – event rows of the recommender's catalog.
    k : length of the lists, at least 1.
    per_series : greatest number of dates of one series in a list. None for no limit, as models are judged and learn:
        many a hit is a second date of a series.

    Yields
    ------
    users : the b users of a chunk.
    rows : int64 of shape (b, min(k, c)) – event rows, best first; -1 where a list ends early.
    scores : float of shape (b, min(k, c)); -inf where a list ends early.
    """
    offered = recommender.candidates(candidates, now)
    everyone = Histories.of_table(users, past, now, newest=MAX_HISTORY)
    for start in range(0, len(users), CHUNK):
        histories = everyone.part(start, start + CHUNK)
        rows, scores = recommender.rank(histories, offered, k, per_series=per_series)
        yield histories.users, rows, scores


def score_batch(recommender: Recommender, viewers: Sequence[Viewer], candidates: Candidates) -> NDArray[np.floating]:
    """Scores of c candidates for b users, at most `CHUNK`, as `Recommender.score` gives them for each.

    Returns
    -------
    scores : float of shape (b, c), higher is better.
    """
    histories = Histories.joined([viewer.histories for viewer in viewers])
    scores: NDArray[np.floating] = recommender.scorer.score(UserBatch(histories, candidates))
    return scores
