"""Cuts a CSV folder at moments of its past: what was known then, what could be shown, and what people took next."""

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
"""What systems are judged on and what makes a user warm."""

_HIT_CODES: Final = tuple(CODES[kind] for kind in HITS)
_EVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a folder is cut.

    Attributes
    ----------
    cutoffs : aware times; none for one cutoff after `share` of the bookings and saves, 0..1.
    window_days : people are judged on what they took within so many days of a cutoff, on all they took for None.
    horizon_days : only events that start within so many days of a cutoff can be shown, all later ones for None.
    ids_only : take everything but ids from events and users.
    """

    cutoffs: tuple[datetime, ...] = ()
    share: float = 0.8
    window_days: float | None = None
    horizon_days: float | None = None
    ids_only: bool = False


@dataclass(frozen=True)
class Fold:
    """One cutoff.

    Attributes
    ----------
    cutoff : systems know what occurred before it, in `data`, and all events and users.
    data : what systems learn from.
    catalog, past : the same as columns; rows of events below are rows of this catalog.
    candidates : int64 of shape (c,), ascending – rows of the events that start later.
    user_ids : the u judged users, who took a candidate in the window that they had not booked before.
    owners, taken : int64 of shape (h,) – place among the judged users and candidate column of each such hit.
    warm : bool of shape (u,) – who had booked or saved anything before.
    is_new : bool of shape (c,) – candidates that no interaction had named before.
    """

    cutoff: datetime
    data: Dataset
    catalog: Catalog
    past: InteractionTable
    candidates: NDArray[np.int64]
    user_ids: Sequence[str]
    owners: NDArray[np.int64]
    taken: NDArray[np.int64]
    warm: NDArray[np.bool_]
    is_new: NDArray[np.bool_]

    def users(self) -> list[User]:
        """The judged users' profiles."""
        return [self.data.users.get(key) or User(user_id=key) for key in self.user_ids]

    def relevant(self, begin: int, end: int) -> NDArray[np.bool_]:
        """What the users from place `begin` to before `end` took, bool of shape (end − begin, c)."""
        mine = (self.owners >= begin) & (self.owners < end)
        relevant = np.zeros((end - begin, len(self.candidates)), np.bool_)
        relevant[self.owners[mine] - begin, self.taken[mine]] = True
        return relevant


def is_hit(table: InteractionTable) -> NDArray[np.bool_]:
    """Which interactions are bookings or saves, bool of shape (n,)."""
    return np.isin(table.codes, _HIT_CODES) & (table.event_rows >= 0)


def folds(folder: Path, plan: Plan, console: Console) -> Iterator[Fold]:
    """The folds of a folder in order of time, read anew for each; raises `InvalidField` where nobody can be judged."""
    hits = [one for one in read_dataset(folder, console, before=_EVER).interactions if one.type in HITS]
    if not hits:
        raise InvalidField("folder", str(folder), "interactions.csv with bookings or saves")
    for cutoff in sorted(plan.cutoffs) or [_quantile(hits, plan.share)]:
        # What there is to say of the files has been said.
        data = read_dataset(folder, Console(io.StringIO()), before=cutoff)
        end = _EVER if plan.window_days is None else cutoff + timedelta(days=plan.window_days)
        fold = _fold(data, [one for one in hits if cutoff <= one.occurred_at < end], cutoff, plan)
        if not fold.user_ids or not is_hit(fold.past).any():
            raise InvalidField("--cutoff", cutoff.isoformat(), "a time with bookings or saves before and after it")
        yield fold


def without_attributes(data: Dataset) -> Dataset:
    """The same events, users and interactions, of which nothing but ids and what was done is known."""
    return Dataset(
        tuple(Event(event_id=event.event_id) for event in data.events),
        {user_id: User(user_id=user_id) for user_id in data.users},
        data.interactions,
    )


def _quantile(hits: Sequence[Interaction], share: float) -> datetime:
    times = sorted(one.occurred_at for one in hits)
    return times[min(int(len(times) * share), len(times) - 1)].replace(microsecond=0)


def _fold(data: Dataset, later: Sequence[Interaction], cutoff: datetime, plan: Plan) -> Fold:
    # When an event starts says what can be shown, also to systems that are told nothing of it.
    training_set = TrainingSet.of(data, now=cutoff)
    catalog, past, n = training_set.catalog, training_set.table, len(training_set.catalog)
    candidates = starting(catalog, cutoff, plan.horizon_days)
    column = np.append(np.full(n, -1), -1)
    column[candidates] = np.arange(len(candidates))
    table = InteractionTable.of(later, catalog)
    offered = column[table.event_rows] >= 0
    pairs = np.unique(table.user_rows[offered].astype(np.int64) * n + table.event_rows[offered])
    known = table.users.places(past.users.keys)[past.user_rows]
    booked = (past.codes == CODES[InteractionType.BOOKING]) & (past.event_rows >= 0) & (known >= 0)
    pairs = pairs[~np.isin(pairs, known[booked] * n + past.event_rows[booked])]
    user_rows, owners = np.unique(pairs // n, return_inverse=True)
    touched = np.zeros(n, np.bool_)
    touched[past.event_rows[past.event_rows >= 0]] = True
    return Fold(
        cutoff=cutoff,
        data=without_attributes(data) if plan.ids_only else data,
        catalog=catalog,
        past=past,
        candidates=candidates,
        user_ids=table.users.ids(user_rows),
        owners=owners,
        taken=column[pairs % n],
        warm=np.isin(user_rows, known[is_hit(past)]),
        is_new=~touched[candidates],
    )
