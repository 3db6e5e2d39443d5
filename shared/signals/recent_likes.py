"""Recent likes: the latest events that each user liked, one definition for training and serving."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranks_within_groups
from shared.signals.signal import TrainingData
from shared.signals.users import UserBatch

N_RECENT: Final = 30
"""Events of a user's past that the user tower reads."""


@dataclass(frozen=True, slots=True)
class LikedPairs:
    """Pairs of a user and an event that the user liked, in order of users, then of the time of the first like.

    Attributes
    ----------
    users, events : int64 of shape (m,).
    times : float64 of shape (m,) – time of the first like; larger is later.
    likes : float32 of shape (m,) – greatest of the pair's likes, 0..1.
    """

    users: NDArray[np.int64]
    events: NDArray[np.int64]
    times: NDArray[np.float64]
    likes: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        users: NDArray[np.integer],
        events: NDArray[np.integer],
        times: NDArray[np.floating],
        likes: NDArray[np.float32],
    ) -> Self:
        """Pairs of likes in any order, arrays of shape (n,), a pair perhaps several times."""
        order = np.lexsort((times, events, users))
        users, events, times, likes = users[order], events[order], times[order], likes[order]
        is_first = np.ones(len(users), np.bool_)
        is_first[1:] = (users[1:] != users[:-1]) | (events[1:] != events[:-1])
        begins = np.flatnonzero(is_first)
        greatest = np.maximum.reduceat(likes, begins) if len(begins) else likes
        of_pairs = np.lexsort((events[begins], times[begins], users[begins]))
        picked = begins[of_pairs]
        return cls(
            users[picked].astype(np.int64),
            events[picked].astype(np.int64),
            times[picked].astype(np.float64),
            greatest[of_pairs].astype(np.float32),
        )

    @classmethod
    def of_data(cls, data: TrainingData) -> Self:
        """Pairs of all users: rows of the table's users and of the catalog."""
        table, liked = data.table, data.liked
        return cls.of(table.user_rows[liked], table.event_rows[liked], table.occurred_at[liked], data.likes[liked])

    def __len__(self) -> int:
        return len(self.users)

    def before_each(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Range of the pairs that are the past of each pair: its user's `N_RECENT` ones just before it.

        First pair and number of pairs, int64 of shape (m,) each.
        """
        lengths = np.minimum(ranks_within_groups(self.users), N_RECENT)
        return np.arange(len(self)) - lengths, lengths

    def latest(self) -> NDArray[np.int64]:
        """Indices of the pairs that are among their user's `N_RECENT` latest ones, int64, ascending."""
        return np.flatnonzero(ranks_within_groups(self.users[::-1])[::-1] < N_RECENT)


def recent_likes(batch: UserBatch) -> LikedPairs:
    """Latest pairs of a batch: users 0..b-1, and events as positions among `UserBatch.events`."""
    liked = batch.liked
    ages = -batch.histories.age_days[liked]
    pairs = LikedPairs.of(batch.user_of_entry[liked], batch.events[1], ages, batch.counts[liked])
    kept = pairs.latest()
    return LikedPairs(pairs.users[kept], pairs.events[kept], pairs.times[kept], pairs.likes[kept])
