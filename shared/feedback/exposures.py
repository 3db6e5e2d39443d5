"""Exposures: which events users were shown in lists, and at which positions, as columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.entities import Interaction, InteractionType, Keys
from shared.entities.provenance import verified
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.weights import CODES

MAX_EXPOSURES: Final = 2_000_000
"""Exposures that are learned from, the latest ones: they bound memory, and the weights are a few numbers."""


@dataclass(frozen=True, slots=True)
class ExposureColumns:
    """Columns of n exposures in any order, independent of a catalog.

    Attributes
    ----------
    users, events : vocabularies of the ids that occur.
    user_rows, event_rows : int32 of shape (n,) – rows of these vocabularies.
    positions : int32 of shape (n,) – place of the event in its list, 0 for the first.
    shown_at : float64 of shape (n,) – POSIX seconds.
    """

    users: Vocabulary
    user_rows: NDArray[np.int32]
    events: Vocabulary
    event_rows: NDArray[np.int32]
    positions: NDArray[np.int32]
    shown_at: NDArray[np.float64]

    @classmethod
    def of(cls, interactions: Iterable[Interaction]) -> Self:
        """Columns of the impressions among interactions: of each event of a page, and of an event with its position."""
        rows = [
            (entry.user_id, event_id, (entry.position or 0) + place, entry.occurred_at.timestamp())
            for entry in interactions
            if entry.type is InteractionType.IMPRESSION and (entry.event_ids or entry.position is not None)
            for place, event_id in enumerate(entry.events())
        ]
        users, events = Vocabulary.of(row[0] for row in rows), Vocabulary.of(row[1] for row in rows)
        return cls(
            users,
            users.rows([row[0] for row in rows]).astype(np.int32),
            events,
            events.rows([row[1] for row in rows]).astype(np.int32),
            np.array([row[2] for row in rows], np.int32),
            np.array([row[3] for row in rows], np.float64),
        )


Page = tuple[str, str, Sequence[str], int, datetime]
"""Impression: the user's id, the id of the list, the events, the position of the first, and the time."""


@dataclass(frozen=True, slots=True)
class ExploredColumns:
    """Columns of n exposures of events that exploration drew, in order of time, see `ranking/exploration.py`.

    Attributes
    ----------
    user_ids, event_ids : lists of n ids.
    propensities : float64 of shape (n,) – chance with which each event was drawn, above 0 up to 1.
    shown_at : float64 of shape (n,) – POSIX seconds, ascending.
    """

    user_ids: Sequence[str] = ()
    event_ids: Sequence[str] = ()
    propensities: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    shown_at: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, pages: Iterable[Page], keys: Keys) -> Self:
        """Columns of the explored events of pages, as the signed ids of their lists tell; each event of a list once."""
        found: dict[tuple[str, str], tuple[float, str, str, float]] = {}
        for user_id, token, event_ids, first, at in sorted(pages, key=lambda page: page[4]):
            provenance = verified(token, keys, user_id=user_id, at=at)
            for position, chance in provenance.explored if provenance else ():
                place = position - first
                if 0 <= place < len(event_ids):
                    row = (at.timestamp(), user_id, event_ids[place], chance)
                    found.setdefault((token, event_ids[place]), row)
        rows = list(found.values())
        return cls(
            [row[1] for row in rows],
            [row[2] for row in rows],
            np.array([row[3] for row in rows], np.float64),
            np.array([row[0] for row in rows], np.float64),
        )

    def __len__(self) -> int:
        return len(self.user_ids)


@dataclass(frozen=True, slots=True)
class Exposures:
    """Exposures of n events to users of an interaction table, in order of time.

    Attributes
    ----------
    user_rows : int32 of shape (n,) – rows of the table's users.
    event_rows : int32 of shape (n,) – rows of the catalog.
    positions : int32 of shape (n,) – place of the event in its list, 0 for the first.
    shown_at : float64 of shape (n,) – POSIX seconds, ascending.
    """

    user_rows: NDArray[np.int32]
    event_rows: NDArray[np.int32]
    positions: NDArray[np.int32]
    shown_at: NDArray[np.float64]

    @classmethod
    def of_columns(cls, columns: ExposureColumns, table: InteractionTable, catalog: Catalog) -> Self:
        """Exposures to the users who have interactions in `table`, of known events, at most the latest `MAX_EXPOSURES`.

        So nothing is learned of users whose interactions are not, see `feedback/accounts.py`.
        """
        users = table.users.rows_of_keys(columns.users.keys)
        learned = np.zeros(len(table.users) + 1, np.bool_)
        learned[table.user_rows] = True
        # The row of an unknown user, -1, is the last one.
        users[~learned[users]] = -1
        user_rows = users[columns.user_rows]
        event_rows = catalog.events.rows_of_keys(columns.events.keys)[columns.event_rows]
        kept = np.flatnonzero((user_rows >= 0) & (event_rows >= 0))
        order = kept[
            np.lexsort([column[kept] for column in (columns.positions, event_rows, user_rows, columns.shown_at)])
        ]
        order = order[-MAX_EXPOSURES:]
        return cls(
            user_rows[order].astype(np.int32),
            event_rows[order].astype(np.int32),
            columns.positions[order],
            columns.shown_at[order],
        )

    def __len__(self) -> int:
        return len(self.shown_at)

    def between(self, start_s: float, until_s: float) -> Self:
        """Exposures in [`start_s`, `until_s`), POSIX seconds."""
        start, stop = np.searchsorted(self.shown_at, [start_s, until_s])
        part = slice(start, stop)
        return type(self)(self.user_rows[part], self.event_rows[part], self.positions[part], self.shown_at[part])

    def clicked(self, table: InteractionTable, n_events: int) -> NDArray[np.bool_]:
        """Mask of the exposures with a click of the user on the event on the same UTC day, bool of shape (n,)."""
        clicks = table.where((table.codes == CODES[InteractionType.CLICK]) & (table.event_rows >= 0))
        first_day = int(self.shown_at[0] // DAY_S) if len(self) else 0
        made = _pairs_of_days(clicks.user_rows, clicks.event_rows, clicks.occurred_at, n_events, first_day)
        return np.isin(_pairs_of_days(self.user_rows, self.event_rows, self.shown_at, n_events, first_day), made)


_MAX_DAYS: Final = 100_000
"""Days that keys tell apart, from the first exposure on."""


def _pairs_of_days(
    user_rows: NDArray[np.int32],
    event_rows: NDArray[np.int32],
    at: NDArray[np.float64],
    n_events: int,
    first_day: int,
) -> NDArray[np.int64]:
    """Key of a user, an event and a UTC day, int64 of shape (n,); days before the first share theirs."""
    days = np.maximum((at // DAY_S).astype(np.int64) - first_day, -1) + 1
    return np.asarray((user_rows.astype(np.int64) * max(n_events, 1) + event_rows) * _MAX_DAYS + days)
