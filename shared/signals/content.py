"""What an event says of itself against what a user went to, follows or declared."""

from collections.abc import Iterator

import numpy as np

from shared.arrays.sparse import scatter, unit_sparse
from shared.signals.signal import PartedSignal, State
from shared.signals.terms import OfBag, OfEvents, OfField, Part
from shared.signals.users import Request


class Similarity(PartedSignal):
    """Cosine of a bag (tags or words, TF-IDF) and the user's decayed sum of their events' bags, 0..1."""

    def __init__(self, bag: str) -> None:
        self.name = f"similar_{bag}"
        self._bag = bag

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """What each name is worth to the users."""
        if len(request.liked):
            yield OfBag(self._bag, request.profile(self._bag))


class DeclaredTags(PartedSignal):
    """Cosine of the event's tags and the tags that the user declared, 0..1."""

    name = "declared_tags"

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """The declared tags."""
        users = request.histories.users
        wanted = [tag.lower() for user in users for tag in user.preferred_tags]
        if not wanted:
            return
        owners = np.repeat(np.arange(len(users)), [len(user.preferred_tags) for user in users])
        columns = request.candidates.catalog.bags["tags"].names.rows(wanted)
        known = columns >= 0
        yield OfBag("tags", unit_sparse(owners[known], columns[known], np.ones(int(known.sum())), len(users)))


class DeclaredCategories(PartedSignal):
    """1 where the event is of a category or subcategory that the user declared."""

    name = "declared_categories"

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """The events of declared categories."""
        users, candidates = request.histories.users, request.candidates
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
        yield OfEvents(matches.astype(np.float32))


class Follows(PartedSignal):
    """1 where the user follows the organizer."""

    name = "follows"

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """The followed organizers that have candidates."""
        if not len(request.follows):
            return
        followed = request.histories.organizer_rows[request.follows]
        columns = request.candidates.values("organizer").places(followed)
        found, local = np.unique(columns[columns >= 0], return_inverse=True)
        if len(found):
            owners = request.owners[request.follows[columns >= 0]]
            counts = scatter(owners, local, np.ones(len(local)), (len(request), len(found)))
            yield OfField("organizer", np.minimum(counts, 1), found)
