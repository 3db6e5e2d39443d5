"""Temporal folds of a CSV folder: training data before a cutoff, candidates and hits after it."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.backtest import starting
from jobs.console import Console
from jobs.folder import read_dataset
from shared.catalog.catalog import Catalog
from shared.entities import Event, Interaction, InteractionType, User
from shared.errors import InvalidField
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import CODES
from shared.services.training.dataset import Dataset, TrainingSet

HITS: Final = (InteractionType.BOOKING, InteractionType.SAVE)
"""Interaction types that count as hits after the cutoff and that make a user warm before it."""

_HIT_CODES: Final = tuple(CODES[kind] for kind in HITS)
_EVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """Split plan: cutoffs, evaluation window and horizon of the candidates.

    Attributes
    ----------
    cutoffs : aware times; if empty, a single cutoff after `share` of the bookings and saves, 0..1.
    window_days : bookings and saves within this many days of a cutoff are hits; None for all later ones.
    horizon_days : events that start within this many days of a cutoff are candidates; None for all later events.
    ids_only : remove all attributes of events and users from the training data.
    """

    cutoffs: tuple[datetime, ...] = ()
    share: float = 0.8
    window_days: float | None = None
    horizon_days: float | None = None
    ids_only: bool = False


@dataclass(frozen=True)
class Fold:
    """Fold: training data, candidates and hits of a cutoff.

    Attributes
    ----------
    cutoff : aware time; `data` has the interactions before it, and all events and users.
    data : training data.
    catalog, past : events and interactions of `data` as columns; event rows are rows of this catalog.
    candidates : int64 of shape (c,), ascending – rows of the events that start later.
    user_ids : the u evaluated users: those who booked or saved in the window a candidate not booked before.
    hit_users, hit_columns : int64 of shape (h,) – index into `user_ids` and candidate column of each hit.
    warm : bool of shape (u,) – users with a booking or save before the cutoff.
    is_new : bool of shape (c,) – candidates without an interaction before the cutoff.
    """

    cutoff: datetime
    data: Dataset
    catalog: Catalog
    past: InteractionTable
    candidates: NDArray[np.int64]
    user_ids: Sequence[str]
    hit_users: NDArray[np.int64]
    hit_columns: NDArray[np.int64]
    warm: NDArray[np.bool_]
    is_new: NDArray[np.bool_]

    def users(self) -> list[User]:
        """Profiles of the evaluated users, in the order of `user_ids`."""
        return [self.data.users.get(key) or User(user_id=key) for key in self.user_ids]

    def relevant(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Relevance of candidates for the users `begin`..`end` − 1, bool of shape (end − begin, c)."""
        in_range = (self.hit_users >= begin) & (self.hit_users < end)
        relevant = np.zeros((end - begin, len(self.candidates)), np.bool_)
        relevant[self.hit_users[in_range] - begin, self.hit_columns[in_range]] = True
        return relevant


def is_hit(table: InteractionTable) -> NDArray[np.bool_]:
    """Mask of bookings and saves, bool of shape (n,)."""
    return np.isin(table.codes, _HIT_CODES) & (table.event_rows >= 0)


def folds(folder: Path, plan: Plan, console: Console) -> Iterator[Fold]:
    """Folds of a folder in order of time; the folder is read again for each cutoff.

    Raises `InvalidField` if a cutoff leaves no user to evaluate or no booking or save to learn from.
    """
    hits = [hit for hit in read_dataset(folder, console, before=_EVER).interactions if hit.type in HITS]
    if not hits:
        raise InvalidField("folder", str(folder), "interactions.csv with bookings or saves")
    for cutoff in sorted(plan.cutoffs) or [_quantile(hits, plan.share)]:
        # Warnings about the files have been printed by the first reading.
        data = read_dataset(folder, Console(io.StringIO()), before=cutoff)
        end = _EVER if plan.window_days is None else cutoff + timedelta(days=plan.window_days)
        fold = _fold(data, [hit for hit in hits if cutoff <= hit.occurred_at < end], cutoff, plan)
        if not fold.user_ids or not is_hit(fold.past).any():
            raise InvalidField("--cutoff", cutoff.isoformat(), "a time with bookings or saves before and after it")
        yield fold


def without_attributes(data: Dataset) -> Dataset:
    """Dataset reduced to ids and interactions: events and users lose all attributes."""
    return Dataset(
        tuple(Event(event_id=event.event_id) for event in data.events),
        {user_id: User(user_id=user_id) for user_id in data.users},
        data.interactions,
    )


def _quantile(hits: Sequence[Interaction], share: float) -> datetime:
    times = sorted(hit.occurred_at for hit in hits)
    return times[min(int(len(times) * share), len(times) - 1)].replace(microsecond=0)


def _fold(data: Dataset, later: Sequence[Interaction], cutoff: datetime, plan: Plan) -> Fold:
    # Start times decide about the candidates also when attributes are removed from the training data.
    training_set = TrainingSet.of(data, now=cutoff)
    catalog, past, n = training_set.catalog, training_set.table, len(training_set.catalog)
    candidates = starting(catalog, cutoff, plan.horizon_days)
    column = np.append(np.full(n, -1), -1)
    column[candidates] = np.arange(len(candidates))
    table = InteractionTable.of(later, catalog)
    is_candidate = column[table.event_rows] >= 0
    pairs = np.unique(table.user_rows[is_candidate].astype(np.int64) * n + table.event_rows[is_candidate])
    known = table.users.rows_of_keys(past.users.keys)[past.user_rows]
    booked = (past.codes == CODES[InteractionType.BOOKING]) & (past.event_rows >= 0) & (known >= 0)
    pairs = pairs[~np.isin(pairs, known[booked] * n + past.event_rows[booked])]
    user_rows, hit_users = np.unique(pairs // n, return_inverse=True)
    has_feedback = np.zeros(n, np.bool_)
    has_feedback[past.event_rows[past.event_rows >= 0]] = True
    return Fold(
        cutoff=cutoff,
        data=without_attributes(data) if plan.ids_only else data,
        catalog=catalog,
        past=past,
        candidates=candidates,
        user_ids=table.users.ids(user_rows),
        hit_users=hit_users,
        hit_columns=column[pairs % n],
        warm=np.isin(user_rows, known[is_hit(past)]),
        is_new=~has_feedback[candidates],
    )
