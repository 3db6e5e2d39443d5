"""User batch: histories of several users and a candidate set, with values that all signals share, computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets
from shared.arrays.sparse import Sparse, summed, unit_rows
from shared.entities import InteractionType, User
from shared.feedback.history import Histories
from shared.feedback.weights import CODES, confidence_weights
from shared.signals.candidates import Candidates

HISTORY_HALF_LIFE_DAYS: Final = 180.0
"""Half-life of the confidence of interactions in a user's history."""
SEGMENTS: Final = ("cold", "few", "many")
"""Segments of users by number of likes of known events: none, 1 to 4, 5 or more.

Each has weights of its own in the blend; two segments instead of three cost 0.6 % of NDCG, a single one 1.7 %.
"""
_BOUNDS: Final = np.array([1, 5])


@dataclass(frozen=True, slots=True)
class FieldAffinity:
    """Affinity of b users to the t values of a field that occur both in candidates and in liked events.

    Attributes
    ----------
    columns : int64 of shape (t,) – positions among the candidates' values, ascending.
    likes : float32 of shape (b, t) – sum of each user's likes, decayed.
    days : float32 of shape (b, t) – days since the last like, at least 0; inf where there is none.
    """

    columns: NDArray[np.int64]
    likes: NDArray[np.float32]
    days: NDArray[np.float32]


class UserBatch:
    """Batch of b users with n history entries, to be scored against c candidates.

    Attributes
    ----------
    histories : history and declared profile of each user.
    candidates : the c candidates.
    user_of_entry : int64 of shape (n,) – the user, 0..b-1, of each history entry.
    likes : float32 of shape (n,) – positive confidence of each entry, decayed; 0 without a known event.
    counts : float32 of shape (n,) – positive confidence of each entry, undecayed; 0 without a known event.
    liked : int64 – indices of the entries that are likes, ascending.
    """

    def __init__(self, histories: Histories, candidates: Candidates) -> None:
        self.histories = histories
        self.candidates = candidates
        self.user_of_entry = histories.user_of_entry()
        is_about_event = histories.event_rows >= 0
        columns = (histories.codes, histories.values, histories.age_days)
        self.likes = np.maximum(confidence_weights(*columns, half_life_days=HISTORY_HALF_LIFE_DAYS), 0) * is_about_event
        self.counts = np.maximum(confidence_weights(*columns, half_life_days=np.inf), 0) * is_about_event
        self.liked = np.flatnonzero(self.counts > 0)
        self._profiles: dict[str, Sparse] = {}

    def __len__(self) -> int:
        return len(self.histories)

    def is_cold_start(self) -> bool:
        """True if all users are cold-start users without a declared profile, so that every user signal is 0."""
        return not len(self.user_of_entry) and all(user == User(user_id=user.user_id) for user in self.histories.users)

    def segments(self) -> NDArray[np.int64]:
        """Segment of each user, an index into `SEGMENTS`, int64 of shape (b,)."""
        liked_per_user = np.bincount(self.user_of_entry[self.liked], minlength=len(self))
        return np.searchsorted(_BOUNDS, liked_per_user, side="right").astype(np.int64)

    @cached_property
    def total_likes(self) -> NDArray[np.float32]:
        """Sum of each user's likes, decayed, float32 of shape (b,)."""
        return np.bincount(self.user_of_entry, weights=self.likes, minlength=len(self)).astype(np.float32)

    @cached_property
    def follows(self) -> NDArray[np.int64]:
        """Indices of the history entries that follow a known organizer, int64, ascending."""
        entries = self.histories
        return np.flatnonzero((entries.codes == CODES[InteractionType.FOLLOW]) & (entries.organizer_rows >= 0))

    @cached_property
    def events(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Distinct events that users of the batch liked, and the event of each of the `liked` entries.

        Rows of the catalog, int64 of shape (e,), ascending, and positions among them, int64 of the shape of `liked`.
        """
        rows, local = np.unique(self.histories.event_rows[self.liked], return_inverse=True)
        return rows.astype(np.int64), local

    @cached_property
    def liked_events(self) -> NDArray[np.float32]:
        """User × event matrix of the batch, float32 of shape (b, e) for the e `events`: 1 where the user liked one.

        However often and in whatever ways a user liked an event, it is 1, as in `TrainingData.liked_matrix`.
        """
        liked = np.zeros((len(self), len(self.events[0])), np.float32)
        liked[self.user_of_entry[self.liked], self.events[1]] = 1
        return liked

    @cached_property
    def distinct_users(self) -> tuple[Sequence[User], NDArray[np.int64]]:
        """Distinct declared profiles, and the index among them of each user's, int64 of shape (b,).

        Variants of one user, see `Histories.without_each`, share a profile.
        """
        users = self.histories.users
        distinct = {id(user): user for user in users}
        index = {key: number for number, key in enumerate(distinct)}
        return tuple(distinct.values()), np.array([index[id(user)] for user in users], np.int64)

    def affinity(self, field: str) -> FieldAffinity:
        """Affinity of the users to the values of a field that occur both in candidates and in liked events."""
        return self._affinities[field]

    @cached_property
    def _affinities(self) -> dict[str, FieldAffinity]:
        # All fields in a single pass with concatenated columns, since histories touch only a few values of each.
        catalog, (rows, local) = self.candidates.catalog, self.events
        values_of_fields = [self.candidates.static.values[field] for field in catalog.fields]
        first_columns = offsets([len(values) for values in values_of_fields])
        positions = np.stack(
            [
                values.positions_of(field.at(rows))
                for values, field in zip(values_of_fields, catalog.fields.values(), strict=True)
            ]
        )
        is_shared = positions >= 0
        columns, local_columns = np.unique((positions + first_columns[:-1, None])[is_shared], return_inverse=True)
        positions[is_shared] = local_columns
        column_of_like = positions[:, local]
        fields, entries = np.nonzero(column_of_like >= 0)
        liked, shape = self.liked[entries], (len(self), len(columns))
        cells = self.user_of_entry[liked] * len(columns) + column_of_like[fields, entries]
        likes = summed(cells, self.likes[liked], shape)
        days = np.full(shape, np.inf, np.float32)
        np.minimum.at(days.reshape(-1), cells, np.maximum(self.histories.age_days[liked], 0))
        bounds = np.searchsorted(columns, first_columns)
        return {
            field: FieldAffinity(columns[begin:end] - first, likes[:, begin:end], days[:, begin:end])
            for field, begin, end, first in zip(
                catalog.fields, bounds[:-1], bounds[1:], first_columns[:-1], strict=True
            )
        }

    def profile(self, bag: str) -> Sparse:
        """Profiles of a bag: each user's decayed sum of the bags of liked events, scaled to length 1.

        Users, names and values of a sparse matrix of shape (b, n_names), with only the strongest names of each user,
        see `MAX_PROFILE_NAMES`.
        """
        if bag not in self._profiles:
            # Only names of liked events get a column, so that the matrix stays small.
            events, event_of_like = self.events
            bags = self.candidates.catalog.bags[bag].matrix.rows(events)
            names, local = np.unique(bags.values[0], return_inverse=True)
            of_likes = bags.with_values(local, bags.values[1]).rows(event_of_like)
            columns, weights = of_likes.values
            entries = self.liked.repeat(of_likes.lengths())
            cells = (self.user_of_entry[entries], columns, self.likes[entries] * weights)
            users, found, values = unit_rows(*cells, (len(self), len(names)))
            self._profiles[bag] = users, names[found].astype(np.int64), values
        return self._profiles[bag]
