"""Digester port: engines that reduce a ledger of any size to sums and a sample of whole users."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.ledger.index import Ledger

if TYPE_CHECKING:  # the import takes 0.2 s, which serving must not pay
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """Counts of a ledger.

    Attributes
    ----------
    by_bucket : int64 of shape (drawing.BUCKETS,) – interactions that models learn from, by bucket of their user.
    profiles, profiled : numbers of declared profiles, of all users and of those who may be profiled.
    mended, dropped : numbers of profiles by field with an odd value.
    """

    by_bucket: NDArray[np.int64]
    profiles: int
    profiled: int
    mended: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)


class Reduction(Protocol):
    """Reduction of a ledger as of a time, rows in any order.

    Models learn from the interactions of `feedback/accounts.py` → `learned`. All methods raise `ArtifactError` for a
    file that cannot be read.
    """

    def counts(self) -> LedgerCounts:
        """Counts of interactions by bucket, and of profiles."""

    def interactions(self, last: int) -> "pa.Table":
        """Interactions that models learn from, of the users up to a bucket, with all columns of the ledger."""

    def users(self, last: int) -> "pa.Table":
        """Newest profiles of the users up to a bucket who may be profiled, with all columns of the ledger."""

    def sums(self, moments: Sequence[datetime]) -> "pa.Table":
        """Sums of all interactions by `event_id` and `half_life`, see `feedback/eventsums.py` → `sums_of`."""

    def bookings(self, week: date) -> "pa.Table":
        """Numbers of `bookings` by `event_id` and week `back`, see `monitoring/bookings.py` → `booked_weeks`."""


class Digester(Protocol):
    """Engine that reduces ledgers."""

    @property
    def name(self) -> str:
        """Name of the engine in the command's options."""

    @property
    def holds_all(self) -> bool:
        """Whether it holds all interactions in memory."""

    def reduce(self, ledger: Ledger, now: datetime) -> AbstractContextManager[Reduction]:
        """Reduction of the files that a ledger names, as of `now`; its resources last as long as the context."""
