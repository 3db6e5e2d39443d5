"""Social signal: the user's declared friends who attend an event."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shared.arrays.ragged import Ragged
from shared.arrays.sparse import scatter
from shared.feedback.weights import IS_HIT
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch


class Friends(UserSignal):
    """Friends at the event: log(1 + n) of the n declared friends who booked, saved or attended it before training.

    The model stores only hashes of the users who attend events that are not over: it finds a friend by the id that the
    user's profile gives.
    """

    name = "friends"
    source = "friends"

    def fit(self, data: TrainingData) -> SignalParams:
        """Parameters `people` uint64 of shape (n,), user hashes, ascending; `events` int32 of shape (n,), rows."""
        table, ends_at = data.table, data.catalog.ends_at
        hits = np.flatnonzero(IS_HIT[table.codes] & (table.event_rows >= 0))
        hits = hits[ends_at[table.event_rows[hits]] > data.now_s]
        pairs = np.unique(table.user_rows[hits].astype(np.int64) << 32 | table.event_rows[hits])
        rows, row_of_pair = np.unique(pairs >> 32, return_inverse=True)
        people = user_hashes(table.users.ids(rows))[row_of_pair]
        order = np.argsort(people, kind="stable")
        return {"people": people[order], "events": (pairs & 0xFFFFFFFF)[order].astype(np.int32)}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the candidates that friends attend; none where no user declares friends."""
        friends = [sorted(set(user.friends)) for user in batch.histories.users]
        if not any(friends):
            return
        user_of_friend = np.repeat(np.arange(len(friends)), [len(friend_ids) for friend_ids in friends])
        hashes = user_hashes([friend_id for friend_ids in friends for friend_id in friend_ids])
        begins, ends = (np.searchsorted(params["people"], hashes, side=side) for side in ("left", "right"))
        hits = Ragged.of_ranges(begins, ends - begins, params["events"])
        column_of_hit = batch.candidates.static.columns_of_trained[hits.values[0]]
        columns, local = np.unique(column_of_hit[column_of_hit >= 0], return_inverse=True)
        users = np.repeat(user_of_friend, hits.lengths())[column_of_hit >= 0]
        yield PerEvent(np.log1p(scatter(users, local, np.ones(len(local)), (len(friends), len(columns)))), columns)


def user_hashes(user_ids: Sequence[str]) -> NDArray[np.uint64]:
    """64-bit BLAKE2b hashes of user ids, uint64 of shape (n,)."""
    digests = b"".join(blake2b(user_id.encode(), digest_size=8).digest() for user_id in user_ids)
    return np.frombuffer(digests, np.dtype("<u8")).astype(np.uint64)
