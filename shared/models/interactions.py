"""Interactions as columns: what training and evaluation read."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.entities import Interaction, InteractionType
from shared.models.catalog import Catalog
from shared.models.vocabulary import Vocabulary
from shared.models.weights import CODES, is_positive

DAY_S = 86_400.0
_TAKEN = (CODES[InteractionType.BOOKING], CODES[InteractionType.ATTEND])


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
        """The table of these interactions, ordered by time and then by id so that the source's order never matters."""
        ordered = sorted(interactions, key=lambda one: (one.occurred_at, one.interaction_id))
        users = Vocabulary.of(one.user_id for one in ordered)
        return cls(
            users=users,
            user_rows=users.rows([one.user_id for one in ordered]).astype(np.int32),
            event_rows=catalog.events.rows([one.event_id for one in ordered]).astype(np.int32),
            organizer_rows=catalog.organizers.rows([one.organizer_id for one in ordered]).astype(np.int32),
            codes=np.array([CODES[one.type] for one in ordered], np.int8),
            values=np.array([np.nan if one.value is None else one.value for one in ordered], np.float32),
            occurred_at=np.array([one.occurred_at.timestamp() for one in ordered], np.float64),
        )

    def __len__(self) -> int:
        return len(self.codes)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The interactions that `mask`, bool of shape (n,), selects; users keep their rows."""
        columns: dict[str, Any] = {
            field.name: column if isinstance(column, Vocabulary) else column[mask]
            for field in fields(self)
            for column in [getattr(self, field.name)]
        }
        return type(self)(**columns)

    def before(self, moment: datetime) -> Self:
        """The interactions that occurred strictly before `moment`."""
        return self.where(self.occurred_at < moment.timestamp())

    def age_days(self, now: datetime) -> NDArray[np.float32]:
        """Days from each interaction to `now`, float32 of shape (n,)."""
        return ((now.timestamp() - self.occurred_at) / DAY_S).astype(np.float32)

    def positive(self) -> NDArray[np.bool_]:
        """Which interactions are hits with a known event, bool of shape (n,)."""
        return is_positive(self.codes) & (self.event_rows >= 0)

    def booked(self) -> NDArray[np.bool_]:
        """Which interactions are bookings or attendances of a known event, bool of shape (n,)."""
        return np.isin(self.codes, _TAKEN) & (self.event_rows >= 0)
