"""User histories: the newest interactions of a batch of users, as the rows of a CSR matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets
from shared.arrays.ragged import Ragged
from shared.catalog.catalog import Catalog
from shared.entities import InteractionType, Profile, User
from shared.entities.profile import OUTLASTING
from shared.feedback.friends import Going, going_rows
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.weights import CODES, IS_CONSUMED, IS_REMEMBERED, confidence_weights

_MAX_EXPLAINABLE = 30
"""Maximum number of entries that reasons refer to: each costs the scores of a variant of the history."""


@dataclass(frozen=True, slots=True)
class Histories:
    """Histories of b users as n entries (CSR): user i has the entries `starts[i]:starts[i + 1]`.

    Attributes
    ----------
    users : declared profiles of the b users, in order.
    starts : int64 of shape (b + 1,).
    event_rows, organizer_rows : int32 of shape (n,) – rows of the catalog, -1 for none or an unknown id.
    codes : int8 of shape (n,) – interaction types, see `weights.CODES`.
    values : float32 of shape (n,) – stars, NaN where there are none.
    age_days : float32 of shape (n,) – days since the interaction.
    going : events that mutual friends of each user go to; None where no user has any.
    """

    users: Sequence[User]
    starts: NDArray[np.int64]
    event_rows: NDArray[np.int32]
    organizer_rows: NDArray[np.int32]
    codes: NDArray[np.int8]
    values: NDArray[np.float32]
    age_days: NDArray[np.float32]
    going: Going | None = None

    @classmethod
    def of_profile(cls, profile: Profile, catalog: Catalog, now: datetime) -> Self:
        """History of a single user (b = 1) from the stored profile that a request reads, entries in its order."""
        entries = profile.history
        posix_now = now.timestamp()
        return cls(
            users=(profile.user,),
            starts=np.array([0, len(entries)], np.int64),
            event_rows=catalog.events.rows([entry.event_id for entry in entries]).astype(np.int32),
            organizer_rows=catalog.organizers.rows([entry.organizer_id for entry in entries]).astype(np.int32),
            codes=np.array([CODES[entry.type] for entry in entries], np.int8),
            values=np.array([np.nan if entry.value is None else entry.value for entry in entries], np.float32),
            age_days=np.array([(posix_now - entry.occurred_at.timestamp()) / DAY_S for entry in entries], np.float32),
            going=going_rows([profile.friends_going], catalog) if profile.friends_going else None,
        )

    @classmethod
    def of_table(cls, users: Sequence[User], table: InteractionTable, now: datetime, *, newest: int) -> Self:
        """Histories of many users from a table of what holds at `now`, entries oldest first, as requests read them.

        A user's `newest` entries, and of the older ones those that `OUTLASTING` keeps. Users without an interaction
        have an empty history.
        """
        rows = table.users.rows([user.user_id for user in users])
        is_wanted = np.zeros(len(table.users), np.bool_)
        is_wanted[rows[rows >= 0]] = True
        remembered = np.flatnonzero(IS_REMEMBERED[table.codes] & is_wanted[table.user_rows])
        order = remembered[np.argsort(table.user_rows[remembered], kind="stable")]
        ordered_rows = table.user_rows[order]
        ends = np.searchsorted(ordered_rows, rows, side="right")
        begins = np.where(rows < 0, ends, np.searchsorted(ordered_rows, rows, side="left"))
        entries = Ragged.of_ranges(begins, ends - begins, order)
        (picked,) = entries.values
        if (entries.lengths() > newest).any():
            kept = _kept(entries, table.codes[picked], newest)
            entries, picked = entries.where(kept), picked[kept]
        return cls(
            users=users,
            starts=entries.starts,
            event_rows=table.event_rows[picked],
            organizer_rows=table.organizer_rows[picked],
            codes=table.codes[picked],
            values=table.values[picked],
            age_days=table.age_days(now)[picked],
        )

    @classmethod
    def joined(cls, parts: Sequence["Histories"]) -> Self:
        """Histories of the users of all parts, at least one, in their order."""
        return cls(
            users=tuple(user for part in parts for user in part.users),
            starts=offsets(np.concatenate([np.diff(part.starts) for part in parts])),
            event_rows=np.concatenate([part.event_rows for part in parts]),
            organizer_rows=np.concatenate([part.organizer_rows for part in parts]),
            codes=np.concatenate([part.codes for part in parts]),
            values=np.concatenate([part.values for part in parts]),
            age_days=np.concatenate([part.age_days for part in parts]),
            going=_joined_going(parts),
        )

    def __len__(self) -> int:
        return len(self.users)

    def part(self, begin: int, end: int) -> Self:
        """Histories of the users `begin:end`, without a copy of their entries, 0 ≤ begin ≤ b."""
        starts = self.starts[begin : end + 1]
        entries = slice(int(starts[0]), int(starts[-1]))
        return type(self)(
            users=self.users[begin:end],
            starts=starts - starts[0],
            event_rows=self.event_rows[entries],
            organizer_rows=self.organizer_rows[entries],
            codes=self.codes[entries],
            values=self.values[entries],
            age_days=self.age_days[entries],
            going=None if self.going is None else self.going.rows(np.arange(len(self))[begin:end]),
        )

    def user_of_entry(self) -> NDArray[np.int64]:
        """User index, 0..b-1, of each entry, int64 of shape (n,)."""
        return Ragged(self.starts, ()).row_of_entry()

    def consumed(self, n_events: int) -> NDArray[np.bool_]:
        """Mask of the events that each user booked, attended or dismissed, bool of shape (b, n_events)."""
        consumed = IS_CONSUMED[self.codes] & (self.event_rows >= 0)
        mask = np.zeros((len(self), n_events), np.bool_)
        mask[self.user_of_entry()[consumed], self.event_rows[consumed]] = True
        return mask

    def already_consumed(self) -> NDArray[np.int32]:
        """Rows of the events that a single user (b = 1) booked, attended or dismissed, int32, possibly repeated."""
        return self.event_rows[IS_CONSUMED[self.codes] & (self.event_rows >= 0)]

    def explainable(self) -> NDArray[np.int64]:
        """Explainable entries of a single user (b = 1): positive confidence in a known event or organizer.

        Indices of entries, int64, in their order: at most the first `_MAX_EXPLAINABLE`, which are the newest ones of
        a stored profile. Age does not matter.
        """
        weights = confidence_weights(
            self.codes, self.values, np.zeros(len(self.codes), np.float32), half_life_days=np.inf
        )
        is_positive = (weights > 0) & ((self.event_rows >= 0) | (self.organizer_rows >= 0))
        return np.flatnonzero(is_positive)[:_MAX_EXPLAINABLE]

    def without_each(self, entries: NDArray[np.integer], others: Sequence[User]) -> Self:
        """Leave-one-out variants of a single user (b = 1), to explain scores by the changes that they cause.

        In order: the user with all entries, the user without each of `entries`, then each of `others` (other declared
        profiles) with all entries of the user. A profile without friends has none who go.
        """
        kept = np.ones((1 + len(entries) + len(others), int(self.starts[-1])), np.bool_)
        kept[1 + np.arange(len(entries)), entries] = False
        return self._variants((*(self.users[0],) * (1 + len(entries)), *others), kept)

    def without(self, entries: NDArray[np.integer]) -> Self:
        """History of a single user (b = 1) without `entries`."""
        kept = np.ones((1, int(self.starts[-1])), np.bool_)
        kept[0, entries] = False
        return self._variants(self.users, kept)

    def _variants(self, users: Sequence[User], kept: NDArray[np.bool_]) -> Self:
        picked = np.nonzero(kept)[1]
        return type(self)(
            users=users,
            starts=offsets(kept.sum(axis=1)),
            event_rows=self.event_rows[picked],
            organizer_rows=self.organizer_rows[picked],
            codes=self.codes[picked],
            values=self.values[picked],
            age_days=self.age_days[picked],
            going=None if self.going is None else _going_of(users, self.going),
        )


def _joined_going(parts: Sequence[Histories]) -> Going | None:
    """Friends who go, of the users of all parts; None where no part has any."""
    known = [part.going for part in parts if part.going is not None]
    if not known:
        return None
    lengths = [np.zeros(len(part), np.int64) if part.going is None else part.going.lengths() for part in parts]
    rows = np.concatenate([going.values[0] for going in known])
    numbers = np.concatenate([going.values[1] for going in known])
    return Ragged(offsets(np.concatenate(lengths)), (rows, numbers))


def _going_of(users: Sequence[User], going: Going) -> Going:
    """Friends who go, of one user, for variants of the user: none for those without friends."""
    repeated = going.rows(np.zeros(len(users), np.int64))
    has_friends = np.array([bool(user.friends) for user in users])
    return repeated.where(has_friends[repeated.row_of_entry()])


def _kept(entries: Ragged[NDArray[np.int64]], codes: NDArray[np.int8], newest: int) -> NDArray[np.bool_]:
    """Mask of the entries that histories keep, bool of shape (n,), for entries oldest first."""
    ends = entries.starts[1:][entries.row_of_entry()]
    is_newest = ends - np.arange(len(codes)) <= newest
    kept = is_newest.copy()
    for name, limit in OUTLASTING.items():
        is_older = ~is_newest & (codes == CODES[InteractionType(name)])
        counts = np.concatenate([[0], np.cumsum(is_older)])
        kept |= is_older & (counts[ends] - counts[:-1] <= limit)
    return kept
