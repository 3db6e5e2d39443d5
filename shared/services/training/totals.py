"""Totals of a training: what it takes from all interactions, while the rest learns from a sample of whole users."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.errors import ArtifactError
from shared.evaluation.holdout import has_feedback
from shared.feedback.eventsums import RECENT_DAYS, EventSums
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.trends import Popularity
from shared.monitoring.bookings import BookedWeeks, booked_weeks


class Totals(Protocol):
    """Totals over all interactions that models learn from, by the n events of a catalog.

    Attributes
    ----------
    interactions, users : numbers of interactions and of declared profiles.
    """

    @property
    def interactions(self) -> int:
        """Number of interactions."""

    @property
    def users(self) -> int:
        """Number of declared profiles."""

    def popularity(self, moment: datetime) -> Popularity:
        """Popularity as of a time; raises `ArtifactError` where it is not known."""

    def is_known(self, moment: datetime) -> NDArray[np.bool_]:
        """Mask of the events with any interaction that holds at a time, bool of shape (n,)."""

    def recent(self) -> NDArray[np.int64]:
        """Number of interactions with each event in the window of drift detection, int64 of shape (n,)."""

    def bookings(self, week: date) -> BookedWeeks:
        """Bookings of the weeks before a Monday, with rows of the catalog."""


@dataclass(frozen=True)
class TableTotals:
    """Totals of a table that holds all interactions, see `Totals`.

    Attributes
    ----------
    table : all interactions before `now`.
    n_events : number of rows of the catalog.
    users : number of declared profiles.
    now : time of the training, UTC.
    """

    table: InteractionTable
    n_events: int
    users: int
    now: datetime

    @property
    def interactions(self) -> int:
        """Number of interactions."""
        return len(self.table)

    def popularity(self, moment: datetime) -> Popularity:
        """Popularity as of a time."""
        return Popularity.of(self.table.before(moment), self.n_events, moment)

    def is_known(self, moment: datetime) -> NDArray[np.bool_]:
        """Mask of the events with any interaction that holds at a time, bool of shape (n,)."""
        return has_feedback(self.table.before(moment), self.n_events)

    def recent(self) -> NDArray[np.int64]:
        """Number of interactions with each event in the window of drift detection, int64 of shape (n,)."""
        now_s = self.now.timestamp()
        rows = self.table.between(now_s - RECENT_DAYS * DAY_S, now_s).event_rows
        return np.bincount(rows[rows >= 0], minlength=self.n_events)

    def bookings(self, week: date) -> BookedWeeks:
        """Bookings of the weeks before a Monday."""
        return booked_weeks(self.table, week)


@dataclass(frozen=True)
class DigestTotals:
    """Totals of a digest, see `Totals`.

    Attributes
    ----------
    sums : sums by event.
    booked : bookings with rows of `sums.events`, before the Monday `week`.
    events : vocabulary of the catalog.
    interactions, users : numbers of interactions and of declared profiles.
    """

    sums: EventSums
    booked: BookedWeeks
    week: date
    events: Vocabulary
    interactions: int
    users: int

    def popularity(self, moment: datetime) -> Popularity:
        """Popularity as of a time of the digest; raises `ArtifactError` for any other."""
        self._check(moment)
        return self.sums.popularity(moment, self.events)

    def is_known(self, moment: datetime) -> NDArray[np.bool_]:
        """Mask of the events with any interaction that holds at a time of the digest, bool of shape (n,)."""
        self._check(moment)
        return self.sums.is_known(moment, self.events)

    def recent(self) -> NDArray[np.int64]:
        """Number of interactions with each event in the window of drift detection, int64 of shape (n,)."""
        return self.sums.recent(self.events)

    def bookings(self, week: date) -> BookedWeeks:
        """Bookings of the weeks before the Monday of the digest; raises `ArtifactError` for any other."""
        if week != self.week:
            raise ArtifactError(f"the digest has bookings until {self.week}, expected until {week}; make another")
        return replace(self.booked, event_rows=self._rows[self.booked.event_rows])

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return self.events.rows_of_keys(self.sums.events.keys)

    def _check(self, moment: datetime) -> None:
        if moment not in self.sums.moments:
            known = ", ".join(f"{known:%Y-%m-%dT%H:%M:%SZ}" for known in self.sums.moments)
            raise ArtifactError(
                f"the digest has sums as of {known}, expected {moment:%Y-%m-%dT%H:%M:%SZ}: the model in service has "
                "changed since; make another with `marquee digest`"
            )
