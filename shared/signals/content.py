"""What an event says of itself against what a user went to, follows or declared."""

from collections.abc import Iterator

import numpy as np

from shared.arrays.sparse import scatter, unit_sparse
from shared.signals.signal import SignalParams, UserSignal
from shared.signals.terms import PerEvent, PerToken, PerValue, Term
from shared.signals.users import UserBatch


class Similarity(UserSignal):
    """Cosine of a bag (tags or words, TF-IDF) and the user's decayed sum of their events' bags, 0..1."""

    def __init__(self, bag: str) -> None:
        self.name = f"similar_{bag}"
        self._bag = bag

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """What each name is worth to the users."""
        if len(batch.liked):
            yield PerToken(self._bag, batch.profile(self._bag))


class DeclaredTags(UserSignal):
    """Cosine of the event's tags and the tags that the user declared, 0..1."""

    name = "declared_tags"

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The declared tags."""
        users = batch.histories.users
        wanted = [tag.lower() for user in users for tag in user.preferred_tags]
        if not wanted:
            return
        owners = np.repeat(np.arange(len(users)), [len(user.preferred_tags) for user in users])
        columns = batch.candidates.catalog.bags["tags"].names.rows(wanted)
        known = columns >= 0
        yield PerToken("tags", unit_sparse(owners[known], columns[known], np.ones(int(known.sum())), len(users)))


class DeclaredCategories(UserSignal):
    """1 where the event is of a category or subcategory that the user declared."""

    name = "declared_categories"

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The events of declared categories."""
        users, candidates = batch.histories.users, batch.candidates
        wanted = [category.lower() for user in users for category in user.preferred_categories]
        if not wanted:
            return
        owners = np.repeat(np.arange(len(users)), [len(user.preferred_categories) for user in users])
        matches = np.zeros((len(users), len(candidates)), np.bool_)
        for field in ("category", "subcategory"):
            values = candidates.values(field)
            columns = values.places(candidates.catalog.fields[field].names.rows(wanted))
            if columns.max() < 0:
                continue
            is_wanted = np.zeros((len(users), len(values) + 1), np.bool_)
            is_wanted[owners[columns >= 0], columns[columns >= 0]] = True
            matches |= is_wanted[:, values.of_candidates]
        yield PerEvent(matches.astype(np.float32))


class Follows(UserSignal):
    """1 where the user follows the organizer."""

    name = "follows"

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The followed organizers that have candidates."""
        if not len(batch.follows):
            return
        followed = batch.histories.organizer_rows[batch.follows]
        columns = batch.candidates.values("organizer").places(followed)
        found, local = np.unique(columns[columns >= 0], return_inverse=True)
        if len(found):
            owners = batch.user_of_entry[batch.follows[columns >= 0]]
            counts = scatter(owners, local, np.ones(len(local)), (len(batch), len(found)))
            yield PerValue("organizer", np.minimum(counts, 1), found)
