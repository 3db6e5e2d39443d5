"""Holdout for offline evaluation: a temporal split at a cutoff, with candidates and hits of each user."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import InteractionTable


def latest_cutoff(table: InteractionTable, *, share: float) -> datetime | None:
    """Cutoff in whole seconds, UTC, from which on the latest `share` of the hits lies; None with under two hits."""
    times = table.occurred_at[table.is_hit()]
    if len(times) < 2:
        return None
    return datetime.fromtimestamp(float(np.floor(times[int(len(times) * (1 - share))])), UTC)


MAX_JUDGED: Final = 2_000
"""Maximum number of evaluated users, so that an evaluation does not grow with the deployment."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """Holdout of u users, c candidates and h hits after a temporal cutoff.

    Attributes
    ----------
    cutoff : models are trained on the interactions before it.
    user_rows : int64 of shape (u,) – evaluated users, ascending rows of the table's users.
    candidates : int64 of shape (c,) – ascending rows of the candidate events.
    owners : int64 of shape (h,) – index of the hit's user in `user_rows`, ascending.
    hits : int64 of shape (h,) – event row of each hit.
    warm : bool of shape (u,) – True for users with a positive before the cutoff.
    is_new : bool of shape (h,) – True for hits on events without any interaction before the cutoff.
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
        """Holdout of everything from `cutoff` on, with at most `MAX_JUDGED` users, drawn by `seed` if there are more.

        Candidates are the events that are not over at the cutoff. Hits are positives on candidates from the cutoff
        on, each user and event once, except where the user has a positive for the event before it. Only users with a
        hit are evaluated.
        """
        past, n = table.before(cutoff), len(catalog)
        candidates = np.flatnonzero(catalog.ends_at > cutoff.timestamp())
        late = table.is_hit() & (table.occurred_at >= cutoff.timestamp())
        late[late] = np.isin(table.event_rows[late], candidates)
        cells = np.unique(table.user_rows[late].astype(np.int64) * n + table.event_rows[late])
        users = np.unique(cells // max(n, 1))
        if len(users) > MAX_JUDGED:
            users = np.sort(np.random.default_rng(seed).choice(users, MAX_JUDGED, replace=False))
        known = past.where(past.is_hit() & np.isin(past.user_rows, users))
        cells = cells[np.isin(cells // max(n, 1), users)]
        cells = cells[~np.isin(cells, known.user_rows.astype(np.int64) * n + known.event_rows)]
        users, owners = np.unique(cells // max(n, 1), return_inverse=True)
        has_feedback = np.zeros(n, np.bool_)
        has_feedback[past.event_rows[past.event_rows >= 0]] = True
        hits = cells % max(n, 1)
        return cls(cutoff, users, candidates, owners, hits, np.isin(users, known.user_rows), ~has_feedback[hits])

    def __len__(self) -> int:
        return len(self.user_rows)
