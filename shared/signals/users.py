"""Users before candidates: what scoring needs of their histories, worked out once and shared by all signals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranges
from shared.arrays.sparse import Sparse, scatter, summed, unit_rows
from shared.entities import InteractionType, User
from shared.feedback.history import Histories
from shared.feedback.weights import CODES, taste_weights
from shared.signals.cached import cached
from shared.signals.candidates import Candidates

TASTE_HALF_LIFE_DAYS: Final = 180.0
SEGMENTS: Final = ("cold", "few", "many")
"""Users by how often they did something that speaks for a known event: never, one to four times, more often."""
_BOUNDS: Final = np.array([1, 5])
_MAX_DENSE: Final = 1_000_000
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class FieldAffinity:
    """The t values of a field that both candidates and events that users liked have.

    Attributes
    ----------
    columns : int64 of shape (t,) – places among the candidates' values, ascending.
    likes : float32 of shape (b, t) – sum of each user's likes, decayed; `counts` the same undecayed.
    days : float32 of shape (b, t) – since the last like, at least 0; inf where there is none.
    """

    columns: NDArray[np.int64]
    likes: NDArray[np.float32]
    counts: NDArray[np.float32]
    days: NDArray[np.float32]


class UserBatch:
    """b users before c candidates.

    Attributes
    ----------
    user_of_entry : int64 of shape (n,) – the user of each history entry.
    likes : float32 of shape (n,) – what an entry says for its event, decayed; 0 without a known event.
    counts : float32 of shape (n,) – the same undecayed.
    liked : int64 – the entries with a like.
    """

    def __init__(self, histories: Histories, candidates: Candidates) -> None:
        self.histories = histories
        self.candidates = candidates
        self.user_of_entry = histories.user_of_entry()
        is_about_event = histories.event_rows >= 0
        columns = (histories.codes, histories.values, histories.age_days)
        self.likes = np.maximum(taste_weights(*columns, half_life_days=TASTE_HALF_LIFE_DAYS), 0) * is_about_event
        self.counts = np.maximum(taste_weights(*columns, half_life_days=np.inf), 0) * is_about_event
        self.liked = np.flatnonzero(self.counts > 0)
        self._parts: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.histories)

    def cached(self, name: str, make: Callable[[], _Value]) -> _Value:
        """What `make` gives, made on the first call under this name."""
        return cached(self._parts, name, make)

    def is_of_strangers(self) -> bool:
        """Whether nothing is known of any user, so that no signal of users has anything to say."""
        return not len(self.user_of_entry) and all(user == User(user_id=user.user_id) for user in self.histories.users)

    def segments(self) -> NDArray[np.int64]:
        """The place of each user in `SEGMENTS`, int64 of shape (b,)."""
        spoken = np.bincount(self.user_of_entry[self.liked], minlength=len(self))
        return np.searchsorted(_BOUNDS, spoken, side="right").astype(np.int64)

    @cached_property
    def total_likes(self) -> NDArray[np.float32]:
        """Sum of each user's likes, float32 of shape (b,)."""
        return np.bincount(self.user_of_entry, weights=self.likes, minlength=len(self)).astype(np.float32)

    @cached_property
    def follows(self) -> NDArray[np.int64]:
        """The history entries that follow an organizer, int64."""
        entries = self.histories
        return np.flatnonzero((entries.codes == CODES[InteractionType.FOLLOW]) & (entries.organizer_rows >= 0))

    @cached_property
    def events(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the events that anybody liked, each once, and which of them each of the `liked` entries is about."""
        rows, local = np.unique(self.histories.event_rows[self.liked], return_inverse=True)
        return rows.astype(np.int64), local

    def spread(
        self,
        worth: NDArray[np.float32],
        places: NDArray[np.integer],
        columns: NDArray[np.integer],
        weights: NDArray[np.float32],
        size: int,
    ) -> Sparse:
        """A sparse matrix over `events` as one over users: rows of events times what they are worth to each user.

        Parameters
        ----------
        worth : float32 of shape (n,) – of each history entry.
        places, columns, weights : of each cell the place in `events`, ascending, the column in 0..size-1 and the value.

        Cells of users may repeat; they are to be summed.
        """
        rows, local = self.events
        if len(self) > 1 and len(rows) * size <= _MAX_DENSE:
            # Variants of one user share most events: a product of matrices is quicker than going through all of them.
            liked = scatter(self.user_of_entry[self.liked], local, worth[self.liked], (len(self), len(rows)))
            table = liked @ scatter(places, columns, weights, (len(rows), size))
            owners, found = np.nonzero(table)
            return owners, found, table[owners, found]
        lengths = np.bincount(places, minlength=len(rows))
        sizes = lengths[local]
        entries, picked = np.repeat(self.liked, sizes), ranges((np.cumsum(lengths) - lengths)[local], sizes)
        return self.user_of_entry[entries], columns[picked].astype(np.int64), worth[entries] * weights[picked]

    @cached_property
    def people(self) -> tuple[Sequence[User], NDArray[np.int64]]:
        """The declared profiles, each once, and which of them each user has: variants of one user share them."""
        users = self.histories.users
        distinct = {id(user): user for user in users}
        place = {key: number for number, key in enumerate(distinct)}
        return tuple(distinct.values()), np.array([place[id(user)] for user in users], np.int64)

    def affinity(self, field: str) -> FieldAffinity:
        """The values of a field that both candidates and liked events have."""
        return self._affinities[field]

    @cached_property
    def _affinities(self) -> dict[str, FieldAffinity]:
        # Of all fields at once: their values one after the other, since each has but a few that are touched.
        catalog, (rows, local) = self.candidates.catalog, self.events
        values = [self.candidates.values(field) for field in catalog.fields]
        offsets = np.cumsum([0, *(len(one) for one in values)])
        found = [one.places(field.at(rows)) for one, field in zip(values, catalog.fields.values(), strict=True)]
        places = np.stack(found)
        is_shared = places >= 0
        columns, numbers = np.unique((places + offsets[:-1, None])[is_shared], return_inverse=True)
        places[is_shared] = numbers
        of_entries = places[:, local]
        fields, entries = np.nonzero(of_entries >= 0)
        liked, shape = self.liked[entries], (len(self), len(columns))
        cells = self.user_of_entry[liked] * len(columns) + of_entries[fields, entries]
        likes, counts = (summed(cells, weights[liked], shape) for weights in (self.likes, self.counts))
        days = np.full(shape, np.inf, np.float32)
        np.minimum.at(days.reshape(-1), cells, np.maximum(self.histories.age_days[liked], 0))
        bounds = np.searchsorted(columns, offsets)
        return {
            field: FieldAffinity(
                columns[begin:end] - offset, likes[:, begin:end], counts[:, begin:end], days[:, begin:end]
            )
            for field, begin, end, offset in zip(catalog.fields, bounds[:-1], bounds[1:], offsets, strict=False)
        }

    def profile(self, bag: str) -> Sparse:
        """Each user's sum of their events' bags, decayed, scaled to length 1; the strongest names of each user."""

        def make() -> Sparse:
            places, columns, weights = self.candidates.catalog.bags[bag].entries(self.events[0])
            names, of_names = np.unique(columns, return_inverse=True)
            cells = self.spread(self.likes, places, of_names, weights, len(names))
            owners, found, values = unit_rows(*cells, (len(self), len(names)))
            return owners, names[found].astype(np.int64), values

        return self.cached(f"profile {bag}", make)
