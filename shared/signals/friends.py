"""Social signal: the user's mutual friends who go to an event."""

from collections.abc import Iterator

import numpy as np

from shared.arrays.sparse import scatter
from shared.signals.signal import SignalParams, UserSignal
from shared.signals.terms import PerEvent, Term
from shared.signals.users import UserBatch


class FriendsGoing(UserSignal):
    """Friends at the event: log(1 + n) of the n mutual friends who booked, saved or attended it.

    Nothing is learned: the counts come with the user's own profile, see `feedback/friends.py`, so no model holds who
    goes where.
    """

    name = "friends_going"
    source = "friends"

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the candidates that friends go to; none where no user has such friends."""
        going = batch.histories.going
        if going is None or not len(batch.candidates):
            return
        rows, numbers = going.values
        candidates, columns = batch.candidates.static.sorted_rows
        positions = np.minimum(np.searchsorted(candidates, rows), len(candidates) - 1)
        found = candidates[positions] == rows
        if not found.any():
            return
        distinct, local = np.unique(columns[positions[found]], return_inverse=True)
        users, shape = going.row_of_entry()[found], (len(batch), len(distinct))
        yield PerEvent(np.log1p(scatter(users, local, numbers[found], shape)), distinct)
