"""Judges models on what happened after a cutoff, having learned only from what came before."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import InteractionTable


def latest_cutoff(table: InteractionTable, *, share: float) -> datetime | None:
    """The time after which the latest `share` of the hits lies; None with fewer than two hits."""
    times = table.occurred_at[table.positive()]
    if len(times) < 2:
        return None
    return datetime.fromtimestamp(float(np.floor(times[int(len(times) * (1 - share))])), UTC)


MAX_JUDGED: Final = 2_000


@dataclass(frozen=True, slots=True)
class Holdout:
    """Who is judged on what.

    Attributes
    ----------
    cutoff : the models know what occurred before it.
    user_rows : int64 of shape (u,) – the judged users, rows of the table's users.
    candidates : int64 of shape (c,) – rows of the events that lists may hold.
    owners, hits : int64 of shape (h,) – place among the judged users and event row of every hit after the cutoff.
    warm : bool of shape (u,); `is_new` bool of shape (h,).
    """

    cutoff: datetime
    user_rows: NDArray[np.int64]
    candidates: NDArray[np.int64]
    owners: NDArray[np.int64]
    hits: NDArray[np.int64]
    warm: NDArray[np.bool_]
    is_new: NDArray[np.bool_]

    @classmethod
    def of(cls, table: InteractionTable, catalog: Catalog, cutoff: datetime, *, seed: int = 0) -> Self:
        """The window from `cutoff` on, with at most `MAX_JUDGED` users, drawn by `seed` where there are more.

        A user's hits are their first ones on events not over at the cutoff.
        """
        past, n = table.before(cutoff), len(catalog)
        candidates = np.flatnonzero(catalog.ends_at > cutoff.timestamp())
        late = table.positive() & (table.occurred_at >= cutoff.timestamp())
        late[late] = np.isin(table.event_rows[late], candidates)
        cells = np.unique(table.user_rows[late].astype(np.int64) * n + table.event_rows[late])
        users = np.unique(cells // max(n, 1))
        if len(users) > MAX_JUDGED:
            users = np.sort(np.random.default_rng(seed).choice(users, MAX_JUDGED, replace=False))
        mine = past.where(past.positive() & np.isin(past.user_rows, users))
        cells = cells[np.isin(cells // max(n, 1), users)]
        cells = cells[~np.isin(cells, mine.user_rows.astype(np.int64) * n + mine.event_rows)]
        users, owners = np.unique(cells // max(n, 1), return_inverse=True)
        touched = np.zeros(n, np.bool_)
        touched[past.event_rows[past.event_rows >= 0]] = True
        hits = cells % max(n, 1)
        return cls(cutoff, users, candidates, owners, hits, np.isin(users, mine.user_rows), ~touched[hits])

    def __len__(self) -> int:
        return len(self.user_rows)
