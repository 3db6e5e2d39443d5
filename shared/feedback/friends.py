"""Friends who go: the events that a user's mutual friends booked, saved or attended, counted by event.

One definition for serving and training. A friend's plans are the newest events of that friend; where two users declare
each other, the store shares the plans of each with the other, see `UserStore.share_plans`, and training finds them in
the interactions.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets
from shared.arrays.ragged import Ragged
from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, User
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import CODES, IS_HIT

MAX_FRIENDS: Final = 100
"""Declared friends of a user that count, the first ones; bounds what sharing reads and writes."""
MAX_PLANS: Final = 20
"""Newest events of a user that friends are told of."""
MAX_PLANS_BYTES: Final = 1_000
"""Bytes of the ids of these events, so that the plans of all friends fit into a history's document."""

Going = Ragged[NDArray[np.int64], NDArray[np.float32]]
"""Events that friends of b users go to: rows of the catalog, and the number of friends."""


def friend_ids(user: User) -> tuple[str, ...]:
    """Ids of a user's declared friends that count; none of a user who does not wish to be profiled."""
    if not user.profiling:
        return ()
    return tuple(friend_id for friend_id in dict.fromkeys(user.friends[:MAX_FRIENDS]) if friend_id != user.user_id)


def are_friends(one: User, other: User) -> bool:
    """Friendship: True if both have declared it."""
    return other.user_id in friend_ids(one) and one.user_id in friend_ids(other)


def plans(history: Iterable[HistoryEntry]) -> tuple[str, ...]:
    """Plans of a user by their history, newest first: ids of the events that they booked, saved or attended."""
    return _newest(entry.event_id for entry in history if entry.event_id and IS_HIT[CODES[entry.type]])


def counts(plans_of_friends: Iterable[Iterable[str]]) -> tuple[tuple[str, int], ...]:
    """Number of friends by event id, in order of the ids.

    >>> counts([["a", "b"], ["b"]])
    (('a', 1), ('b', 2))
    """
    return tuple(sorted(Counter(event_id for planned in plans_of_friends for event_id in set(planned)).items()))


def _newest(event_ids: Iterable[str]) -> tuple[str, ...]:
    kept: list[str] = []
    size = 0
    for event_id in dict.fromkeys(event_ids):
        size += len(event_id.encode())
        if len(kept) == MAX_PLANS or size > MAX_PLANS_BYTES:
            break
        kept.append(event_id)
    return tuple(kept)


class PastPlans:
    """Plans of users as of a past time, from interactions, as the store would have shared them.

    Parameters
    ----------
    users : declared profiles by id; a missing one has declared no friend.
    table : interactions that hold at that time, with rows of `catalog`.
    """

    def __init__(self, users: Mapping[str, User], table: InteractionTable, catalog: Catalog) -> None:
        hits = np.flatnonzero(table.is_hit())[::-1]
        self._users = users
        self._ids = table.users
        self._catalog = catalog
        self._events = Ragged.grouped(table.user_rows[hits], len(table.users), table.event_rows[hits])
        self._plans: dict[str, tuple[str, ...]] = {}

    def going(self, users: Sequence[User]) -> Going:
        """Events that friends of b users go to."""
        return going_rows([counts(map(self._of, self._friends(user))) for user in users], self._catalog)

    def _friends(self, user: User) -> list[str]:
        found = {friend_id: self._users.get(friend_id) for friend_id in friend_ids(user)}
        return [friend_id for friend_id, friend in found.items() if friend and are_friends(user, friend)]

    def _of(self, user_id: str) -> tuple[str, ...]:
        if user_id not in self._plans:
            row = self._ids.row(user_id)
            rows = self._events.rows(np.array([row])).values[0] if row >= 0 else np.empty(0, np.int32)
            self._plans[user_id] = _newest(self._catalog.events.ids(rows))
        return self._plans[user_id]


def going_rows(counts_of_users: Sequence[Sequence[tuple[str, int]]], catalog: Catalog) -> Going:
    """Counts by event id of b users as rows of a catalog; unknown events are left out."""
    flat = [pair for pairs in counts_of_users for pair in pairs]
    rows = catalog.events.rows([event_id for event_id, _ in flat]).astype(np.int64)
    numbers = np.array([number for _, number in flat], np.float32)
    starts = offsets(np.array([len(pairs) for pairs in counts_of_users], np.int64))
    return Ragged(starts, (rows, numbers)).where(rows >= 0)
