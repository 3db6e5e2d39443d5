"""Lists for many users at once, as a request would get them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.ranking.recommender import Recommender

_CHUNK = 64


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
