"""Friends who go."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranges
from shared.arrays.sparse import scatter
from shared.feedback.weights import IS_HIT
from shared.signals.signal import SignalParams, TrainingData, UserSignal, candidate_columns
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch


class Friends(UserSignal):
    """log(1 + how many of the user's declared friends booked, saved or attended the event by the last training).

    The model keeps hashes of who goes to events that are not over, so it knows a friend only by being told their id.
    """

    name = "friends"
    source = "friends"

    def fit(self, data: TrainingData) -> SignalParams:
        """`people` uint64 of shape (n,), ascending, and the event of each in `events`, int32 of shape (n,)."""
        table, ends_at = data.table, data.catalog.ends_at
        going = np.flatnonzero(IS_HIT[table.codes] & (table.event_rows >= 0))
        going = going[ends_at[table.event_rows[going]] > data.now_s]
        pairs = np.unique(table.user_rows[going].astype(np.int64) << 32 | table.event_rows[going])
        rows, places = np.unique(pairs >> 32, return_inverse=True)
        people = hashed(table.users.ids(rows))[places]
        order = np.argsort(people, kind="stable")
        return {"people": people[order], "events": (pairs & 0xFFFFFFFF)[order].astype(np.int32)}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The events that friends go to."""
        friends = [sorted(set(user.friends)) for user in batch.histories.users]
        if not any(friends):
            return
        owners = np.repeat(np.arange(len(friends)), [len(names) for names in friends])
        wanted = hashed([name for names in friends for name in names])
        begins, ends = (np.searchsorted(params["people"], wanted, side=side) for side in ("left", "right"))
        lengths = ends - begins
        places = candidate_columns(batch.candidates)[params["events"][ranges(begins, lengths)]]
        columns, local = np.unique(places[places >= 0], return_inverse=True)
        going = np.repeat(owners, lengths)[places >= 0]
        yield PerEvent(np.log1p(scatter(going, local, np.ones(len(local)), (len(friends), len(columns)))), columns)


def hashed(user_ids: Sequence[str]) -> NDArray[np.uint64]:
    """A 64-bit hash of each id, uint64 of shape (n,)."""
    digests = b"".join(blake2b(key.encode(), digest_size=8).digest() for key in user_ids)
    return np.frombuffer(digests, np.dtype("<u8")).astype(np.uint64)
