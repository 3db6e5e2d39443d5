"""Holdout for offline evaluation and learning: a temporal split with candidates and hits, defined once.

The learned weights, the gate, `jobs.backtest` and the benchmarks use these definitions; docs/decisions has the reasons.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S, InteractionTable

MAX_JUDGED: Final = 2_000
"""Maximum number of evaluated users, so that an evaluation does not grow with the deployment."""


def latest_cutoff(table: InteractionTable, *, share: float) -> datetime | None:
    """Cutoff in whole seconds, UTC, from which on the latest `share` of the hits lies; None with under two hits."""
    times = table.occurred_at[table.is_hit()]
    if len(times) < 2:
        return None
    return datetime.fromtimestamp(float(np.floor(times[int(len(times) * (1 - share))])), UTC)


def candidate_rows(
    catalog: Catalog, cutoff_s: float, *, horizon_days: float | None = None, known_by_s: float | None = None
) -> NDArray[np.int64]:
    """Candidates at a cutoff: ascending rows of the events that start after it and were known by then, int64.

    Parameters
    ----------
    cutoff_s : POSIX seconds.
    horizon_days : days from the cutoff to the latest start; None for any, also for events without a start.
    known_by_s : time by which an event must have been created, POSIX seconds; the cutoff for None. An event without a
        creation time counts as known. Status and sales are those of today, so they play no part.
    """
    latest_s = np.inf if horizon_days is None else cutoff_s + horizon_days * DAY_S
    known_by_s = cutoff_s if known_by_s is None else known_by_s
    is_to_come = (catalog.starts_at > cutoff_s) & (catalog.starts_at <= latest_s)
    return np.flatnonzero(is_to_come & (catalog.created_at < known_by_s))


def first_hits(
    past: InteractionTable, later: InteractionTable, candidates: NDArray[np.int64], n_events: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hits of a split: user rows and candidate columns, int64 of shape (h,) each, ordered by user and event.

    A hit is a distinct pair of a user and a candidate with a booking, save or attendance in `later`, unless the user
    had taken the event (booked or attended it) in `past`. An event that was saved before and is booked later is a hit.

    Parameters
    ----------
    past, later : interactions before and after the cutoff, with the same users.
    candidates : ascending event rows.
    n_events : rows of the catalog.
    """
    column = np.full(n_events + 1, -1)
    column[candidates] = np.arange(len(candidates))
    later = later.where(later.is_hit() & (column[later.event_rows] >= 0))
    taken = past.where(past.takes_event())
    size = max(n_events, 1)
    pairs = np.unique(later.user_rows.astype(np.int64) * size + later.event_rows)
    pairs = pairs[~np.isin(pairs, taken.user_rows.astype(np.int64) * size + taken.event_rows)]
    return pairs // size, column[pairs % size]


def has_feedback(past: InteractionTable, n_events: int) -> NDArray[np.bool_]:
    """Mask of known events, those with any interaction in `past`, bool of shape (n_events,); others are new."""
    known = np.zeros(n_events, np.bool_)
    known[past.event_rows[past.event_rows >= 0]] = True
    return known


@dataclass(frozen=True, slots=True)
class Holdout:
    """Holdout of u users, c candidates and h hits after a temporal cutoff.

    Attributes
    ----------
    cutoff : models are trained on the interactions before it.
    user_rows : int64 of shape (u,) – evaluated users, ascending rows of the table's users.
    candidates : int64 of shape (c,) – rows of the candidate events, see `candidate_rows`.
    is_new : bool of shape (c,) – True for candidates without any interaction before the cutoff.
    owners : int64 of shape (h,) – index of the hit's user in `user_rows`, ascending.
    columns : int64 of shape (h,) – candidate column of each hit, see `first_hits`.
    warm : bool of shape (u,) – True for users with a positive before the cutoff.
    """

    cutoff: datetime
    user_rows: NDArray[np.int64]
    candidates: NDArray[np.int64]
    is_new: NDArray[np.bool_]
    owners: NDArray[np.int64]
    columns: NDArray[np.int64]
    warm: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        table: InteractionTable,
        catalog: Catalog,
        cutoff: datetime,
        *,
        seed: int = 0,
        known: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Holdout of everything from `cutoff` on, with at most `MAX_JUDGED` users, drawn by `seed` if there are more.

        Only users with a hit are evaluated.

        Parameters
        ----------
        known : bool of shape (len(catalog),) – events with feedback before the cutoff, where `table` is a sample of
            users; None for those of `table`, see `has_feedback`.
        """
        cutoff_s = cutoff.timestamp()
        past, later = table.before(cutoff), table.between(cutoff_s, np.inf)
        candidates = candidate_rows(catalog, cutoff_s)
        user_of_hit, columns = first_hits(past, later, candidates, len(catalog))
        users = np.unique(user_of_hit)
        if len(users) > MAX_JUDGED:
            users = np.sort(np.random.default_rng(seed).choice(users, MAX_JUDGED, replace=False))
        is_judged = np.isin(user_of_hit, users)
        owners = np.searchsorted(users, user_of_hit[is_judged])
        warm = np.isin(users, past.user_rows[past.is_hit()])
        known = has_feedback(past, len(catalog)) if known is None else known
        is_new = ~known[candidates]
        return cls(cutoff, users, candidates, is_new, owners, columns[is_judged], warm)

    def __len__(self) -> int:
        return len(self.user_rows)
