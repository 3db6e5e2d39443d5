"""Users as the models see them: what they did lately, as the rows of a sparse matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranges
from shared.catalog.catalog import Catalog
from shared.entities import Profile, User
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.weights import CODES, IS_CONSUMED, taste_weights

_MAX_EXPLAINABLE = 30


@dataclass(frozen=True, slots=True)
class Histories:
    """The histories of b users, one after the other; user i owns the entries `starts[i]:starts[i + 1]`.

    Attributes
    ----------
    users : declared profiles of the b users.
    starts : int64 of shape (b + 1,).
    event_rows, organizer_rows : int32 of shape (n,) – rows of a catalog, -1 where there is none.
    codes : int8 of shape (n,) – interaction types.
    values : float32 of shape (n,) – stars, NaN where there are none.
    age_days : float32 of shape (n,).
    """

    users: Sequence[User]
    starts: NDArray[np.int64]
    event_rows: NDArray[np.int32]
    organizer_rows: NDArray[np.int32]
    codes: NDArray[np.int8]
    values: NDArray[np.float32]
    age_days: NDArray[np.float32]

    @classmethod
    def of_profile(cls, profile: Profile, catalog: Catalog, now: datetime) -> Self:
        """One user's history, as a request reads it."""
        entries = profile.history
        posix_now = now.timestamp()
        return cls(
            users=(profile.user,),
            starts=np.array([0, len(entries)], np.int64),
            event_rows=catalog.events.rows([entry.event_id for entry in entries]).astype(np.int32),
            organizer_rows=catalog.organizers.rows([entry.organizer_id for entry in entries]).astype(np.int32),
            codes=np.array([CODES[entry.type] for entry in entries], np.int8),
            values=np.array([np.nan if e.value is None else e.value for e in entries], np.float32),
            age_days=np.array([(posix_now - e.occurred_at.timestamp()) / DAY_S for e in entries], np.float32),
        )

    @classmethod
    def of_table(cls, users: Sequence[User], table: InteractionTable, now: datetime, *, newest: int) -> Self:
        """Many users' histories from a table, at most the `newest` entries each."""
        rows = table.users.rows([user.user_id for user in users])
        order = np.argsort(table.user_rows, kind="stable")
        ordered_rows = table.user_rows[order]
        ends = np.searchsorted(ordered_rows, rows, side="right")
        begins = np.maximum(np.searchsorted(ordered_rows, rows, side="left"), ends - newest)
        begins = np.where(rows < 0, ends, begins)
        lengths = ends - begins
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        picked = order[ranges(begins, lengths)]
        return cls(
            users=users,
            starts=starts,
            event_rows=table.event_rows[picked],
            organizer_rows=table.organizer_rows[picked],
            codes=table.codes[picked],
            values=table.values[picked],
            age_days=table.age_days(now)[picked],
        )

    def __len__(self) -> int:
        return len(self.users)

    def user_of_entry(self) -> NDArray[np.int64]:
        """The user, 0..b-1, of each entry, int64 of shape (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def excluded(self, n_events: int) -> NDArray[np.bool_]:
        """Events that a user must not see again, bool of shape (b, n_events): booked, attended or dismissed."""
        taken = IS_CONSUMED[self.codes] & (self.event_rows >= 0)
        mask = np.zeros((len(self), n_events), np.bool_)
        mask[self.user_of_entry()[taken], self.event_rows[taken]] = True
        return mask

    def already_consumed(self) -> NDArray[np.int32]:
        """Rows of the events that one user must not see again: booked, attended or dismissed."""
        return self.event_rows[IS_CONSUMED[self.codes] & (self.event_rows >= 0)]

    def explainable(self) -> NDArray[np.int64]:
        """The newest entries of one user that speak for an event or an organizer, int64, at most `_MAX_EXPLAINABLE`."""
        weights = taste_weights(self.codes, self.values, np.zeros(len(self.codes), np.float32), half_life_days=np.inf)
        speaks = (weights > 0) & ((self.event_rows >= 0) | (self.organizer_rows >= 0))
        return np.flatnonzero(speaks)[:_MAX_EXPLAINABLE]

    def without_each(self, entries: NDArray[np.integer], others: Sequence[User]) -> Self:
        """Variants of one user: as they are, then without each of `entries`, then as each of `others` with all entries.

        Explains scores by what changes them.
        """
        count = int(self.starts[-1])
        variants = 1 + len(entries) + len(others)
        kept = np.ones((variants, count), np.bool_)
        kept[1 + np.arange(len(entries)), entries] = False
        picked = np.nonzero(kept)[1]
        return type(self)(
            users=(*(self.users[0],) * (1 + len(entries)), *others),
            starts=np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64),
            event_rows=self.event_rows[picked],
            organizer_rows=self.organizer_rows[picked],
            codes=self.codes[picked],
            values=self.values[picked],
            age_days=self.age_days[picked],
        )
