"""Temporal folds of a CSV folder: training data before a cutoff, candidates and hits after it."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from jobs.console import Console
from jobs.folder import read_dataset
from jobs.options import ReadingOptions
from shared.catalog.calendar import Calendar
from shared.catalog.catalog import Catalog
from shared.entities import Event, Interaction, InteractionType, User
from shared.errors import InvalidField
from shared.evaluation.holdout import candidate_rows, first_hits, has_feedback
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import CODES
from shared.services.training.dataset import Dataset, TrainingSet

_EVER: Final = datetime.max.replace(tzinfo=UTC)
_STRETCHES: Final = (0.76, 0.88, 1.0)
"""Bounds of the two stretches before a cutoff on which peers are tuned, as shares of the hits before it."""
_DEFAULTS: Final = ReadingOptions()


@dataclass(frozen=True, slots=True)
class Plan:
    """Split plan: cutoffs, evaluation window and horizon of the candidates.

    Attributes
    ----------
    cutoffs : aware times; if empty, a single cutoff after `share` of the bookings, saves and attendances, 0..1.
    window_days : bookings, saves and attendances within this many days of a cutoff are hits; None for all later ones.
    horizon_days : events that start within this many days of a cutoff are candidates; None for all later events.
    announced_later : events created after the cutoff are candidates, too.
    ids_only : remove all attributes of events and users from the training data.
    """

    cutoffs: tuple[datetime, ...] = ()
    share: float = 0.8
    window_days: float | None = None
    horizon_days: float | None = None
    announced_later: bool = False
    ids_only: bool = False


@dataclass(frozen=True)
class Fold:
    """Fold: training data, candidates and hits of a cutoff.

    Attributes
    ----------
    cutoff : aware time; `data` has the interactions before it, and all events and users.
    data : training data, without attributes if the plan removes them.
    complete : the same with attributes.
    catalog, past : events and interactions of `data` as columns; event rows are rows of this catalog. Interactions are
        those of all accounts, while models do not learn from fresh ones, see `feedback/accounts.py`.
    candidates : int64 of shape (c,), ascending – rows of the candidate events, see `evaluation/holdout.py`.
    user_ids : the u evaluated users, who have a hit in the window, see `evaluation/holdout.py`.
    hit_users, hit_columns : int64 of shape (h,) – index into `user_ids` and candidate column of each hit.
    warm : bool of shape (u,) – users with a booking, save or attendance before the cutoff.
    is_new : bool of shape (c,) – candidates without an interaction before the cutoff.
    series : int32 of shape (c,) – codes of the candidates' series; -1 for none, and where attributes are removed.
    organizers : int32 of shape (c,) – codes of the candidates' organizers; -1 as for series.
    knows : CSR, bool of shape (u, organizers) – organizers of whom a user had booked, saved or attended an event, or
        whom they had followed, before the cutoff, undone or not.
    """

    cutoff: datetime
    data: Dataset
    complete: Dataset
    catalog: Catalog
    past: InteractionTable
    candidates: NDArray[np.int64]
    user_ids: Sequence[str]
    hit_users: NDArray[np.int64]
    hit_columns: NDArray[np.int64]
    warm: NDArray[np.bool_]
    is_new: NDArray[np.bool_]
    series: NDArray[np.int32]
    organizers: NDArray[np.int32]
    knows: sp.csr_matrix[Any]

    def sample(self, size: int) -> Self:
        """Fold with at most `size` evaluated users, drawn at random, always the same ones."""
        if len(self.user_ids) <= size:
            return self
        drawn = np.sort(np.random.default_rng(0).choice(len(self.user_ids), size, replace=False))
        kept = np.isin(self.hit_users, drawn)
        return replace(
            self,
            user_ids=[self.user_ids[user] for user in drawn],
            hit_users=np.searchsorted(drawn, self.hit_users[kept]),
            hit_columns=self.hit_columns[kept],
            warm=self.warm[drawn],
            knows=self.knows[drawn],
        )

    def users(self) -> list[User]:
        """Profiles of the evaluated users, in the order of `user_ids`."""
        profiles = self.data.profiled()
        return [profiles.get(key) or User(user_id=key) for key in self.user_ids]

    def relevant(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Relevance of candidates for the users `begin`..`end` − 1, bool of shape (end − begin, c)."""
        in_range = (self.hit_users >= begin) & (self.hit_users < end)
        relevant = np.zeros((end - begin, len(self.candidates)), np.bool_)
        relevant[self.hit_users[in_range] - begin, self.hit_columns[in_range]] = True
        return relevant

    def is_familiar(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Mask of the candidates of organizers whom the users `begin`..`end` − 1 know, bool of shape (end − begin, c).

        Only warm users are asked about: for cold-start users all is False here and in `is_discovery`.
        """
        return self._of_organizers(begin, end, known=True)

    def is_discovery(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Mask of the candidates of organizers whom warm users do not know, bool of shape (end − begin, c)."""
        return self._of_organizers(begin, end, known=False)

    def _of_organizers(self, begin: int, end: int, *, known: bool) -> NDArray[np.bool_]:
        # The last column stands for candidates without an organizer, who are of neither kind.
        knows = np.hstack([self.knows[begin:end].toarray(), np.full((end - begin, 1), not known)])
        of_kind: NDArray[np.bool_] = knows[:, self.organizers] == known
        return of_kind & self.warm[begin:end, None]


def folds(folder: Path, plan: Plan, console: Console, options: ReadingOptions = _DEFAULTS) -> Iterator[Fold]:
    """Folds of a folder in order of time; the folder is read again for each cutoff, by `options`.

    Raises `InvalidField` if a cutoff leaves no user to evaluate or no booking, save or attendance to learn from.
    """
    everything = read_dataset(folder, console, before=_EVER, options=options)
    hits = [hit for hit in everything.interactions if hit.type.meaning.is_hit]
    if not hits:
        raise InvalidField("folder", str(folder), "interactions.csv with bookings, saves or attendances")
    for cutoff in sorted(plan.cutoffs) or [_quantile(hits, plan.share)]:
        # Warnings about the files have been printed by the first reading.
        data = read_dataset(folder, Console(io.StringIO()), before=cutoff, options=options)
        end = _EVER if plan.window_days is None else cutoff + timedelta(days=plan.window_days)
        fold = _fold(data, [hit for hit in hits if cutoff <= hit.occurred_at < end], cutoff, plan, options.calendar())
        if not fold.user_ids or not fold.past.is_hit().any():
            raise InvalidField("--cutoff", cutoff.isoformat(), "a time with hits before and after it")
        yield fold


def stretches(fold: Fold, plan: Plan) -> list[Fold]:
    """Folds of two stretches of time just before the cutoff of `fold`, on which peers are tuned, in order of time.

    They are made of the training data of `fold` alone, with the candidates of `plan`. A stretch without an evaluated
    user, or without anything to learn from, is left out.
    """
    interactions = fold.complete.interactions
    hits = sorted((hit for hit in interactions if hit.type.meaning.is_hit), key=lambda hit: hit.occurred_at)
    bounds = [hits[int(len(hits) * share)].occurred_at if share < 1 else fold.cutoff for share in _STRETCHES]
    found = []
    for begin, end in pairwise(bounds):
        earlier = tuple(entry for entry in interactions if entry.occurred_at < begin)
        later = [hit for hit in hits if begin <= hit.occurred_at < end]
        data = Dataset(fold.complete.events, fold.complete.users, earlier)
        found.append(_fold(data, later, begin, plan, fold.catalog.calendar))
    return [stretch for stretch in found if stretch.user_ids and stretch.past.is_hit().any()]


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


def _fold(data: Dataset, later: Sequence[Interaction], cutoff: datetime, plan: Plan, calendar: Calendar) -> Fold:
    # Start times decide about the candidates also when attributes are removed from the training data.
    catalog = TrainingSet.of(data, now=cutoff, calendar=calendar).catalog
    cutoff_s, n = cutoff.timestamp(), len(catalog)
    candidates = candidate_rows(
        catalog,
        cutoff_s,
        horizon_days=plan.horizon_days,
        known_by_s=np.inf if plan.announced_later else None,
    )
    table = InteractionTable.of([*data.interactions, *later], catalog)
    past, before = table.between(-np.inf, cutoff_s), table.before(cutoff)
    user_of_hit, hit_columns = first_hits(before, table.between(cutoff_s, np.inf), candidates, n)
    user_rows, hit_users = np.unique(user_of_hit, return_inverse=True)
    unknown = np.full(len(candidates), -1, np.int32)
    codes = {
        name: unknown if plan.ids_only else catalog.fields[name].at(candidates) for name in ("series", "organizer")
    }
    return Fold(
        cutoff=cutoff,
        data=without_attributes(data) if plan.ids_only else data,
        complete=data,
        catalog=catalog,
        past=past,
        candidates=candidates,
        user_ids=table.users.ids(user_rows),
        hit_users=hit_users,
        hit_columns=hit_columns,
        warm=np.isin(user_rows, before.user_rows[before.is_hit()]),
        is_new=~has_feedback(past, n)[candidates],
        series=codes["series"],
        organizers=codes["organizer"],
        knows=_knows(past, user_rows, catalog),
    )


def _knows(past: InteractionTable, user_rows: NDArray[np.int64], catalog: Catalog) -> sp.csr_matrix[Any]:
    """Organizers that users know, see `Fold.knows`; `user_rows` are ascending rows of the table's users."""
    follows = past.codes == CODES[InteractionType.FOLLOW]
    organizers = np.where(follows, past.organizer_rows, catalog.fields["organizer"].at(past.event_rows))
    is_meant = (follows | past.is_hit()) & (organizers >= 0) & np.isin(past.user_rows, user_rows)
    users = np.searchsorted(user_rows, past.user_rows[is_meant])
    shape = (len(user_rows), len(catalog.organizers))
    # Conversion to CSR adds repeats up, as bool it keeps them True.
    return sp.csr_matrix((np.ones(len(users), np.bool_), (users, organizers[is_meant])), shape=shape)
