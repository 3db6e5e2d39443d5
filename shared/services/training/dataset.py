"""Training set of models, built from entities or from the columns of the ledger."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.calendar import Calendar
from shared.catalog.catalog import Catalog
from shared.entities import Event, Interaction, Keys, User
from shared.entities.interaction import MAX_STARS
from shared.evaluation.holdout import latest_cutoff
from shared.feedback.accounts import established, learned
from shared.feedback.exposures import ExploredColumns, ExposureColumns, Exposures
from shared.feedback.interactions import InteractionColumns, InteractionTable
from shared.feedback.stars import estimate_stars
from shared.learning.replay import MAX_LEARNED, Replay
from shared.learning.windows import selection_cutoff, windows_of
from shared.ledger import parquet
from shared.ledger.index import EVENTS, INTERACTIONS, USERS
from shared.ranking.recommender import Recommender
from shared.services.odd_documents import OddDocuments, OddEvents, OddUsers
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.totals import TableTotals, Totals

HOLDOUT_SHARE: Final = 0.2
"""Share of the latest hits that are held out where `Replay` gives no cutoff, and for the evaluation of ratings."""

EXPOSED_FOR: Final = timedelta(days=90)
"""Age of the oldest impressions that are learned from: what lists looked like earlier tells little about them now."""

Contents = Callable[[], Iterable[tuple[str, bytes]]]
"""Function that reads files, lazily, as (name, bytes)."""


def _nothing_explored(_keys: Keys) -> ExploredColumns:
    return ExploredColumns()


def _no_exposures(_users: Vocabulary) -> ExposureColumns:
    return ExposureColumns.of(())


@dataclass(frozen=True, slots=True)
class Dataset:
    """Dataset of entities, as a folder or a test holds it: events, users by id and interactions."""

    events: tuple[Event, ...]
    users: dict[str, User]
    interactions: tuple[Interaction, ...]

    def profiled(self) -> dict[str, User]:
        """Declared profiles by user id, without those of users who do not wish to be profiled."""
        return {user_id: user for user_id, user in self.users.items() if user.profiling}


@dataclass(frozen=True)
class TrainingSet:
    """Training set that models are fitted to and evaluated on.

    Attributes
    ----------
    events : events as entities.
    catalog : the events as columns, with a row also for every unknown event that interactions name.
    users : declared profiles by user id, without those of users who do not wish to be profiled.
    table : interactions that occurred before `now`, of the accounts that models learn from, see `feedback/accounts.py`.
    now : time as of which models are trained, UTC.
    watermark : the set holds everything that the store stamped before this time; None for data without a store.
    seed : random seed of the replay, from which the blend learns its weights.
    has_friends : whether models weigh the mutual friends who go to an event, see `Settings`.
    odd : report of the odd documents that the ledger holds; empty for data without a store.
    reviews : how the stars of reviews without any were estimated, see `_starred`; empty where none has words.
    exposed : gives what some users were shown, at least those of the vocabulary.
    explored : gives what exploration has drawn, by the signed ids of lists.
    digested : totals over all interactions and the cutoff of a digest, of which `table` is the sample; None where
        `table` has all interactions.
    """

    events: Sequence[Event]
    catalog: Catalog
    users: Mapping[str, User]
    table: InteractionTable
    now: datetime
    watermark: datetime | None = None
    seed: int = 0
    has_friends: bool = False
    odd: OddDocuments = field(default_factory=OddDocuments)
    reviews: Mapping[str, float] = field(default_factory=dict)
    exposed: Callable[[Vocabulary], ExposureColumns] = _no_exposures
    explored: Callable[[Keys], ExploredColumns] = _nothing_explored
    digested: "Digested | None" = None

    @classmethod
    def of(cls, data: Dataset, *, now: datetime, seed: int = 0, calendar: Calendar | None = None) -> Self:
        """Training set of entities, as of `now`."""
        mentioned = (interaction.event_id for interaction in data.interactions if interaction.event_id)
        catalog = Catalog.of(data.events, mentioned=mentioned, calendar=calendar or Calendar()).prepared(now)
        interactions = [entry for entry in data.interactions if not entry.is_of_visitor()]
        users = data.profiled()
        unprofiled = Vocabulary.of(data.users.keys() - users.keys()).keys
        reviews = parquet.Reviews.of(interactions)
        columns, estimated = _starred(InteractionColumns.of(interactions), reviews, unprofiled, now)
        table = _learned(columns, catalog, unprofiled, now)
        shown = [entry for entry in data.interactions if now - EXPOSED_FOR <= entry.occurred_at < now]

        def exposed(_users: Vocabulary) -> ExposureColumns:
            return ExposureColumns.of(shown)

        return cls(data.events, catalog, users, table, now, seed=seed, reviews=estimated, exposed=exposed)

    @classmethod
    def of_ledger(
        cls, files: LedgerFiles, *, now: datetime, calendar: Calendar | None = None, has_friends: bool = False
    ) -> Self:
        """Training set of a ledger, as of `now`, kept in columns except for the events."""
        feeds, shown_since = files.ledger.feeds, now - EXPOSED_FOR
        latest = [chunk for chunk in feeds[INTERACTIONS].chunks if (chunk.stamped_until or now) >= shown_since]
        return cls.of_files(
            Files(
                events=lambda: files.contents(feeds[EVENTS].chunks),
                users=lambda: files.contents(feeds[USERS].chunks),
                interactions=lambda: files.contents(feeds[INTERACTIONS].chunks),
                latest=lambda: files.contents(latest),
            ),
            now=now,
            watermark=files.ledger.watermark(),
            calendar=calendar,
            has_friends=has_friends,
        )

    @classmethod
    def of_files(
        cls,
        files: "Files",
        *,
        now: datetime,
        watermark: datetime | None,
        calendar: Calendar | None = None,
        has_friends: bool = False,
    ) -> Self:
        """Training set of files of the ledger's schema, as of `now`, kept in columns except for the events."""
        columns, reviews = parquet.interactions_and_reviews(files.interactions())
        events = list(parquet.events(parquet.newest(EVENTS, files.events())))
        catalog = Catalog.of(events, mentioned=columns.events.ids(), calendar=calendar or Calendar()).prepared(now)
        profiles = parquet.Profiles(parquet.newest(USERS, files.users()))
        columns, estimated = _starred(columns, reviews, profiles.unprofiled(), now)
        table = _learned(columns, catalog, profiles.unprofiled(), now)
        users = OddUsers(len(profiles), profiles.odd("mended"), profiles.odd("dropped"))
        odd = OddDocuments(OddEvents.of(events), users)

        def exposed(users: Vocabulary) -> ExposureColumns:
            return parquet.exposures(files.latest(), users, since=now - EXPOSED_FOR, until=now)

        def explored(keys: Keys) -> ExploredColumns:
            return parquet.explored(files.latest(), keys, since=now - EXPOSED_FOR, until=now)

        return cls(
            events,
            catalog,
            profiles.profiled(),
            table,
            now,
            watermark,
            has_friends=has_friends,
            odd=odd,
            reviews=estimated,
            exposed=exposed,
            explored=explored,
        )

    @cached_property
    def replay(self) -> Replay:
        """Replay of at most `MAX_LEARNED` interactions of whole users, shared by all fits of the blend on this set."""
        sample = self._sample
        users = self.users.some(sample.users.keys) if isinstance(self.users, parquet.Profiles) else self.users
        return Replay(
            sample,
            self.catalog,
            users,
            now=self.now,
            seed=self.seed,
            has_friends=self.has_friends,
            exposures=Exposures.of_columns(self.exposed(sample.users), sample, self.catalog),
        )

    def fit(self, model: str, now: datetime, *, half_life_days: float) -> Recommender:
        """Recommender with the named model, fitted to the interactions that occurred before `now`."""
        return Recommender.fit(
            model,
            self.table.before(now),
            self.catalog,
            self.users,
            now=now,
            half_life_days=half_life_days,
            events=self.events,
            replay=self.replay,
            popular=self.digested.totals.popularity(now) if self.digested else None,
        )

    @cached_property
    def totals(self) -> Totals:
        """Totals over all interactions."""
        if self.digested:
            return self.digested.totals
        return TableTotals(self.table, len(self.catalog), len(self.users), self.now)

    @cached_property
    def cutoff(self) -> datetime | None:
        """Cutoff of model selection, UTC; None without a history. That of a digest is the one that has its sums."""
        if self.digested:
            return self.digested.cutoff
        windows = windows_of(self._sample, self.now.timestamp())
        return selection_cutoff(windows) or latest_cutoff(self.table, share=HOLDOUT_SHARE)

    def counts(self) -> dict[str, int]:
        """Numbers of events, users and interactions."""
        totals = self.totals
        return {"events": len(self.events), "users": totals.users, "interactions": totals.interactions}

    @cached_property
    def _sample(self) -> InteractionTable:
        return self.table.of_some_users(MAX_LEARNED)


@dataclass(frozen=True, slots=True)
class Digested:
    """Part of a training set that comes from a digest.

    Attributes
    ----------
    totals : totals over all interactions.
    cutoff : cutoff of model selection, UTC; None without a history.
    """

    totals: Totals
    cutoff: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files of the ledger's schema that a training set is made of, as functions that read them as (name, bytes).

    Attributes
    ----------
    events, users, interactions : files of each feed, in the order in which they were written.
    latest : those of interactions that may hold what was shown in the latest `EXPOSED_FOR`.
    """

    events: Contents
    users: Contents
    interactions: Contents
    latest: Contents


def _starred(
    columns: InteractionColumns, reviews: parquet.Reviews, unprofiled: NDArray[np.bytes_], now: datetime
) -> tuple[InteractionColumns, dict[str, float]]:
    """Columns with estimated stars where reviews have words but none, and metrics of the estimates, see `Estimates`.

    Only the words of accounts that models learn from are read.
    """
    if not len(reviews.rows):
        return columns, {}
    is_learned = established(columns, now=now) & ~np.isin(columns.users.keys, unprofiled)
    users, times = columns.user_rows[reviews.rows], columns.occurred_at[reviews.rows]
    read = np.flatnonzero(is_learned[users] & (times < now.timestamp()))
    read = read[np.argsort(times[read], kind="stable")]
    rows = reviews.rows[read]
    values = columns.values.copy()
    # Reviews of earlier versions may have any number.
    stars = np.where((values[rows] >= 1) & (values[rows] <= MAX_STARS), values[rows], np.float32(np.nan))
    estimates = estimate_stars([reviews.texts[place] for place in read.tolist()], stars)
    values[rows] = np.where(np.isnan(stars), estimates.stars, stars)
    metrics = {"fitted": float(estimates.fitted), "estimated": float(np.isfinite(estimates.stars).sum())}
    if np.isfinite(estimates.correlation):
        metrics["correlation"] = estimates.correlation
    return replace(columns, values=values), metrics


def _learned(
    columns: InteractionColumns, catalog: Catalog, unprofiled: NDArray[np.bytes_], now: datetime
) -> InteractionTable:
    """Table of what models learn from at `now`."""
    return InteractionTable.of_columns(learned(columns, unprofiled, now=now), catalog)


def fit(
    data: Dataset,
    *,
    model: str,
    now: datetime,
    half_life_days: float,
    seed: int = 0,
    calendar: Calendar | None = None,
) -> tuple[Recommender, Catalog, InteractionTable]:
    """Recommender with the named model, fitted to all of `data` before `now`, with its catalog and interactions."""
    training_set = TrainingSet.of(data, now=now, seed=seed, calendar=calendar)
    return training_set.fit(model, now, half_life_days=half_life_days), training_set.catalog, training_set.table
