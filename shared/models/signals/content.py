"""What an event says of itself against what a user went to, follows or declared."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.models.parts import OfBag, OfEvents, OfField, Part
from shared.models.ranges import ranges
from shared.models.request import Request
from shared.models.signals.signal import PartedSignal, Past, State
from shared.models.sparse import scatter, unit_sparse
from shared.models.weights import CODES

_IS_AGAINST: Final = np.zeros(len(CODES), np.bool_)
_IS_AGAINST[[CODES[InteractionType.DISMISS], CODES[InteractionType.CANCEL]]] = True


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
        yield from _organizers(request, request.follows, followed, lambda counts: np.minimum(counts, 1))


class FollowedTags(PartedSignal):
    """Cosine of the event's tags and the tags of the organizers that the user follows, 0..1."""

    name = "followed_tags"

    def fit(self, past: Past) -> State:
        """The organizers' mean tags: `starts` int64 of shape (m + 1,), `columns` int32 and `weights` float32."""
        organizers = past.catalog.fields["organizer"]
        rows = np.flatnonzero(organizers.codes >= 0)
        places, columns, weights = past.catalog.bags["tags"].entries(rows)
        size = len(organizers.names)
        owners, names, values = unit_sparse(organizers.codes[rows][places], columns, weights, size)
        starts = np.searchsorted(owners, np.arange(size + 1))
        return {"starts": starts.astype(np.int64), "columns": names.astype(np.int32), "weights": values}

    def parts(self, state: State, request: Request) -> Iterator[Part]:
        """The tags of the organizers that each user follows."""
        catalog, used = request.candidates.catalog, request.follows
        if not len(used):
            return
        places = catalog.fields["organizer"].trained[request.histories.organizer_rows[used]]
        owners, places = request.owners[used][places >= 0], places[places >= 0]
        lengths = state["starts"][places + 1] - state["starts"][places]
        picked = ranges(state["starts"][places], lengths)
        tags, weights = state["columns"][picked], state["weights"][picked]
        yield OfBag("tags", unit_sparse(np.repeat(owners, lengths), tags, weights, len(request)))


class Dismissals(PartedSignal):
    """−log(1 + how often the user dismissed or cancelled something of the organizer)."""

    name = "dismissals"

    def parts(self, _state: State, request: Request) -> Iterator[Part]:
        """The organizers of what was dismissed or cancelled."""
        entries = request.histories
        against = np.flatnonzero(_IS_AGAINST[entries.codes])
        if not len(against):
            return
        codes = request.candidates.catalog.fields["organizer"].at(entries.event_rows[against])
        yield from _organizers(request, against, codes, lambda counts: -np.log1p(counts))


def _organizers(
    request: Request,
    entries: NDArray[np.int64],
    codes: NDArray[np.integer],
    worth: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> Iterator[Part]:
    """What it is worth that a user has so many of these history entries, which name organizers by their codes."""
    columns = request.candidates.values("organizer").places(codes)
    found, local = np.unique(columns[columns >= 0], return_inverse=True)
    if len(found):
        owners = request.owners[entries[columns >= 0]]
        counts = scatter(owners, local, np.ones(len(local)), (len(request), len(found)))
        yield OfField("organizer", worth(counts), found)
