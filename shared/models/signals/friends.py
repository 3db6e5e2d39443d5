"""Friends who go."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shared.models.ranges import ranges
from shared.models.request import Request, scatter
from shared.models.signals.signal import Past, State, UserSignal, candidate_columns
from shared.models.weights import is_positive


class Friends(UserSignal):
    """log(1 + how many of the user's declared friends booked, saved or attended the event by the last training).

    The model keeps hashes of who goes to events that are not over, so it knows a friend only by being told their id.
    """

    name = "friends"
    source = "friends"

    def fit(self, past: Past) -> State:
        """`people` uint64 of shape (n,), ascending, and the event of each in `events`, int32 of shape (n,)."""
        table, ends_at = past.table, past.catalog.ends_at
        going = np.flatnonzero(is_positive(table.codes) & (table.event_rows >= 0))
        going = going[ends_at[table.event_rows[going]] > past.now_s]
        pairs = np.unique(table.user_rows[going].astype(np.int64) << 32 | table.event_rows[going])
        rows, places = np.unique(pairs >> 32, return_inverse=True)
        people = hashed(table.users.ids(rows))[places]
        order = np.argsort(people, kind="stable")
        return {"people": people[order], "events": (pairs & 0xFFFFFFFF)[order].astype(np.int32)}

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        users, candidates = request.histories.users, request.candidates
        friends = [sorted(set(user.friends)) for user in users]
        owners = np.repeat(np.arange(len(users)), [len(names) for names in friends])
        wanted = hashed([name for names in friends for name in names])
        begins, ends = (np.searchsorted(state["people"], wanted, side=side) for side in ("left", "right"))
        lengths = ends - begins
        columns = candidate_columns(candidates)[state["events"][ranges(begins, lengths)]]
        shown = columns >= 0
        ones = np.ones(int(shown.sum()))
        return np.log1p(scatter(np.repeat(owners, lengths)[shown], columns[shown], ones, (len(users), len(candidates))))


def hashed(user_ids: Sequence[str]) -> NDArray[np.uint64]:
    """A 64-bit hash of each id, uint64 of shape (n,)."""
    digests = b"".join(blake2b(key.encode(), digest_size=8).digest() for key in user_ids)
    return np.frombuffer(digests, np.dtype("<u8")).astype(np.uint64)
