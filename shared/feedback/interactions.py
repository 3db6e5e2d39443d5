"""Interactions as columns: what training and evaluation read."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import UNKNOWN, Vocabulary
from shared.catalog.catalog import Catalog
from shared.entities import Interaction
from shared.feedback.weights import CODES, IS_HIT, TAKES_EVENT

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class InteractionColumns:
    """n interactions in any order, one array a field, before they meet a catalog.

    Attributes
    ----------
    users, events, organizers : ids that occur; the `_rows` beside them, int32 of shape (n,), point into them, -1 for
        none.
    codes : int8 of shape (n,) – interaction types, see `weights.CODES`.
    values : float32 of shape (n,) – stars, NaN where there are none.
    occurred_at : float64 of shape (n,) – POSIX seconds.
    """

    users: Vocabulary
    user_rows: NDArray[np.int32]
    events: Vocabulary
    event_rows: NDArray[np.int32]
    organizers: Vocabulary
    organizer_rows: NDArray[np.int32]
    codes: NDArray[np.int8]
    values: NDArray[np.float32]
    occurred_at: NDArray[np.float64]

    @classmethod
    def of(cls, interactions: Iterable[Interaction]) -> Self:
        """The columns of entities."""
        ordered = list(interactions)
        users, events, organizers = (
            Vocabulary.of(key for one in ordered if (key := getattr(one, field)))
            for field in ("user_id", "event_id", "organizer_id")
        )
        return cls(
            users,
            users.rows([one.user_id for one in ordered]).astype(np.int32),
            events,
            events.rows([one.event_id for one in ordered]).astype(np.int32),
            organizers,
            organizers.rows([one.organizer_id for one in ordered]).astype(np.int32),
            codes=np.array([CODES[one.type] for one in ordered], np.int8),
            values=np.array([np.nan if one.value is None else one.value for one in ordered], np.float32),
            occurred_at=np.array([one.occurred_at.timestamp() for one in ordered], np.float64),
        )

    def __len__(self) -> int:
        return len(self.codes)

    def order(self) -> NDArray[np.int64]:
        """The order of time; what happened at the same time goes by content, so that the source's order never matters.

        Sorting by time alone and then only what is tied takes a fifth of sorting by everything.
        """
        order = np.argsort(self.occurred_at, kind="stable")
        tied = np.flatnonzero(np.diff(self.occurred_at[order]) == 0)
        if len(tied):
            places = np.union1d(tied, tied + 1)
            some = order[places]
            ties = (self.values, self.codes, self.organizer_rows, self.event_rows, self.user_rows, self.occurred_at)
            order[places] = some[np.lexsort([column[some] for column in ties])]
        return order


@dataclass(frozen=True, slots=True)
class InteractionTable:
    """n interactions in order of time, one array a field.

    Attributes
    ----------
    users : ids of the users that occur; `user_rows` int32 of shape (n,) points into it.
    event_rows : int32 of shape (n,) – rows of the catalog the table was made for, -1 without an event.
    organizer_rows : int32 of shape (n,) – rows of the catalog's organizers, -1 unless a known one is followed.
    codes : int8 of shape (n,) – interaction types, see `weights.CODES`.
    values : float32 of shape (n,) – stars, NaN where there are none.
    occurred_at : float64 of shape (n,) – POSIX seconds, ascending.
    """

    users: Vocabulary
    user_rows: NDArray[np.int32]
    event_rows: NDArray[np.int32]
    organizer_rows: NDArray[np.int32]
    codes: NDArray[np.int8]
    values: NDArray[np.float32]
    occurred_at: NDArray[np.float64]

    @classmethod
    def of(cls, interactions: Iterable[Interaction], catalog: Catalog) -> Self:
        """The table of these interactions."""
        return cls.of_columns(InteractionColumns.of(interactions), catalog)

    @classmethod
    def of_columns(cls, columns: InteractionColumns, catalog: Catalog) -> Self:
        """The table of these interactions, with rows of `catalog`."""
        order = columns.order()
        events = np.append(catalog.events.places(columns.events.keys), UNKNOWN).astype(np.int32)
        organizers = np.append(catalog.organizers.places(columns.organizers.keys), UNKNOWN).astype(np.int32)
        return cls(
            users=columns.users,
            user_rows=columns.user_rows[order],
            event_rows=events[columns.event_rows[order]],
            organizer_rows=organizers[columns.organizer_rows[order]],
            codes=columns.codes[order],
            values=columns.values[order],
            occurred_at=columns.occurred_at[order],
        )

    def __len__(self) -> int:
        return len(self.codes)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The interactions that `mask`, bool of shape (n,), selects; users keep their rows."""
        return self._picked(mask)

    def of_some_users(self, limit: int, *, seed: int = 0) -> Self:
        """At most `limit` interactions, unless one user alone has more: everything that some users did.

        Users are drawn by `seed`, whole, so that no history is cut short; the table itself where it is small enough.
        """
        if len(self) <= limit:
            return self
        counts = np.bincount(self.user_rows, minlength=len(self.users))
        order = np.random.default_rng(seed).permutation(len(counts))
        fits = np.cumsum(counts[order]) <= limit
        fits[0] = True
        kept = np.sort(order[fits])
        rows = np.full(len(counts), UNKNOWN, np.int32)
        rows[kept] = np.arange(len(kept), dtype=np.int32)
        some = self.where(rows[self.user_rows] >= 0)
        return replace(some, users=Vocabulary(self.users.keys[kept]), user_rows=rows[some.user_rows])

    def before(self, moment: datetime) -> Self:
        """The interactions that occurred strictly before `moment`."""
        return self.between(-np.inf, moment.timestamp())

    def between(self, start_s: float, until_s: float) -> Self:
        """The interactions from `start_s` up to `until_s`, POSIX seconds, without a copy; users keep their rows."""
        start, stop = np.searchsorted(self.occurred_at, [start_s, until_s])
        return self._picked(slice(start, stop))

    def age_days(self, now: datetime) -> NDArray[np.float32]:
        """Days from each interaction to `now`, float32 of shape (n,)."""
        return ((now.timestamp() - self.occurred_at) / DAY_S).astype(np.float32)

    def positive(self) -> NDArray[np.bool_]:
        """Which interactions are hits with a known event, bool of shape (n,)."""
        return IS_HIT[self.codes] & (self.event_rows >= 0)

    def booked(self) -> NDArray[np.bool_]:
        """Which interactions are bookings or attendances of a known event, bool of shape (n,)."""
        return TAKES_EVENT[self.codes] & (self.event_rows >= 0)

    def _picked(self, which: NDArray[np.bool_] | slice) -> Self:
        columns: dict[str, Any] = {
            field.name: column if isinstance(column, Vocabulary) else column[which]
            for field in fields(self)
            for column in [getattr(self, field.name)]
        }
        return type(self)(**columns)
