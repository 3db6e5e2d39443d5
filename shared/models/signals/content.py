"""What an event says of itself against what a user went to, follows or declared."""

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.models.ranges import ranges
from shared.models.request import Request, dot, gather, scatter, unit_sparse
from shared.models.signals.signal import Past, State, UserSignal
from shared.models.weights import CODES


class Similarity(UserSignal):
    """Cosine of a bag (tags or words, TF-IDF) and the user's decayed sum of their events' bags, 0..1."""

    def __init__(self, bag: str) -> None:
        self.name = f"similar_{bag}"
        self._bag = bag

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        return dot(request.profile(self._bag), request.candidates, self._bag, len(request))


class DeclaredTags(UserSignal):
    """Cosine of the event's tags and the tags that the user declared, 0..1."""

    name = "declared_tags"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        names = request.candidates.catalog.bags["tags"].names
        users = request.histories.users
        owners = np.repeat(np.arange(len(users)), [len(user.preferred_tags) for user in users])
        columns = names.rows([tag.lower() for user in users for tag in user.preferred_tags])
        known = columns >= 0
        declared = unit_sparse(owners[known], columns[known], np.ones(int(known.sum())), (len(users), len(names)))
        return dot(declared, request.candidates, "tags", len(request))


class DeclaredCategories(UserSignal):
    """1 where the event is of a category or subcategory that the user declared."""

    name = "declared_categories"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        users = request.histories.users
        owners = np.repeat(np.arange(len(users)), [len(user.preferred_categories) for user in users])
        wanted = [category.lower() for user in users for category in user.preferred_categories]
        matches = np.zeros((len(users), len(request.candidates)), np.float32)
        for field in ("category", "subcategory"):
            names = request.candidates.catalog.fields[field].names
            columns = names.rows(wanted)
            known = columns >= 0
            table = scatter(owners[known], columns[known], np.ones(int(known.sum())), (len(users), len(names)))
            matches = np.maximum(matches, gather(np.minimum(table, 1), request.candidates.codes(field)))
        return matches


class Follows(UserSignal):
    """1 where the user follows the organizer."""

    name = "follows"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        return gather(request.follows(), request.candidates.codes("organizer"))


class FollowedTags(UserSignal):
    """Cosine of the event's tags and the tags of the organizers that the user follows, 0..1."""

    name = "followed_tags"

    def fit(self, past: Past) -> State:
        """The organizers' mean tags: `starts` int64 of shape (m + 1,), `columns` int32 and `weights` float32."""
        organizers = past.catalog.fields["organizer"]
        rows = np.flatnonzero(organizers.codes >= 0)
        places, columns, weights = past.catalog.bags["tags"].entries(rows)
        shape = (len(organizers.names), len(past.catalog.bags["tags"].names))
        owners, names, values = unit_sparse(organizers.codes[rows][places], columns, weights, shape)
        starts = np.searchsorted(owners, np.arange(shape[0] + 1))
        return {"starts": starts.astype(np.int64), "columns": names.astype(np.int32), "weights": values}

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        entries, catalog = request.histories, request.candidates.catalog
        used = (entries.codes == CODES[InteractionType.FOLLOW]) & (entries.organizer_rows >= 0)
        places = catalog.fields["organizer"].trained[entries.organizer_rows[used]]
        owners, places = request.owners[used][places >= 0], places[places >= 0]
        lengths = state["starts"][places + 1] - state["starts"][places]
        picked = ranges(state["starts"][places], lengths)
        followed = unit_sparse(
            np.repeat(owners, lengths),
            state["columns"][picked],
            state["weights"][picked],
            (len(request), len(catalog.bags["tags"].names)),
        )
        return dot(followed, request.candidates, "tags", len(request))


class Dismissals(UserSignal):
    """−log(1 + how often the user dismissed or cancelled something of the organizer)."""

    name = "dismissals"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c), at most 0."""
        entries, organizers = request.histories, request.candidates.catalog.fields["organizer"]
        against = np.isin(entries.codes, [CODES[InteractionType.DISMISS], CODES[InteractionType.CANCEL]])
        codes = organizers.at(entries.event_rows)
        used = against & (codes >= 0)
        shape = (len(request), len(organizers.names))
        counts = scatter(request.owners[used], codes[used], np.ones(int(used.sum())), shape)
        return -gather(np.log1p(counts), request.candidates.codes("organizer"))
