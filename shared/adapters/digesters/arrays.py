"""Digester on numpy and pyarrow: holds all interactions as columns in memory, some 0.2 GB a million.

Its rules are those of the direct training, and the definition to which the SQL of other engines is held.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.feedback.accounts import learned
from shared.feedback.drawing import BUCKETS, buckets
from shared.feedback.eventsums import sums_of
from shared.feedback.interactions import InteractionColumns
from shared.ledger import parquet
from shared.ledger.index import INTERACTIONS, POINTER, REMEDY, USERS, Ledger
from shared.monitoring.bookings import booked_weeks
from shared.ports import LedgerCounts, ObjectStore, Reduction, read_named

if TYPE_CHECKING:  # the import takes 0.2 s, which no other command should pay
    import pyarrow as pa

NAME: Final = "numpy"


class ArrayDigester:
    """Digester (`Digester`) on numpy and pyarrow."""

    name: Final = NAME
    holds_all: Final = True

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    @contextmanager
    def reduce(self, ledger: Ledger, now: datetime) -> Iterator[Reduction]:
        """Reduction of the files that a ledger names, as of `now`."""
        yield _ArrayReduction(self._objects, ledger, now)


class _ArrayReduction:
    def __init__(self, objects: ObjectStore, ledger: Ledger, now: datetime) -> None:
        self._objects = objects
        self._ledger = ledger
        self._now = now

    def counts(self) -> LedgerCounts:
        bucket = buckets(self._columns.users.keys)[self._columns.user_rows]
        profiles = self._profiles
        return LedgerCounts(
            np.bincount(bucket, minlength=BUCKETS).astype(np.int64),
            len(profiles),
            len(profiles) - len(profiles.unprofiled()),
            profiles.odd("mended"),
            profiles.odd("dropped"),
        )

    def interactions(self, last: int) -> "pa.Table":
        import pyarrow as pa
        from pyarrow import compute

        keys = self._columns.users.keys[np.unique(self._columns.user_rows)]
        drawn = Vocabulary(keys[buckets(keys) <= last])
        schema = parquet.schema(INTERACTIONS)
        parts = []
        for name, data in self._files(INTERACTIONS):
            table = parquet.read(INTERACTIONS, name, data, schema.names)
            table = table.filter(compute.less(table["occurred_at"], self._now))
            parts.append(table.filter(pa.array(drawn.rows_of_keys(_keys(table["user_id"])) >= 0)))
        return pa.concat_tables([*parts, schema.empty_table()])

    def users(self, last: int) -> "pa.Table":
        import pyarrow as pa

        table = self._newest.filter(pa.array(buckets(_keys(self._newest["user_id"])) <= last))
        return table.filter(table["profiling"].fill_null(True))  # noqa: FBT003  # pyarrow names no argument

    def sums(self, moments: Sequence[datetime]) -> "pa.Table":
        import pyarrow as pa

        event_ids, half_lives, sums = sums_of(self._columns, moments, self._now)
        return pa.table({"event_id": _texts(event_ids), "half_life": half_lives, **sums})

    def bookings(self, week: date) -> "pa.Table":
        import pyarrow as pa

        booked = booked_weeks(self._columns, week)
        event_ids = _texts(self._columns.events.keys[booked.event_rows])
        return pa.table({"event_id": event_ids, "back": booked.back, "bookings": booked.counts})

    @cached_property
    def _columns(self) -> InteractionColumns:
        columns = parquet.interactions(self._files(INTERACTIONS))
        return learned(columns, self._profiles.unprofiled(), now=self._now)

    @cached_property
    def _newest(self) -> "pa.Table":
        return parquet.newest(USERS, self._files(USERS))

    @cached_property
    def _profiles(self) -> parquet.Profiles:
        return parquet.Profiles(self._newest)

    def _files(self, feed: str) -> Iterator[tuple[str, bytes]]:
        names = (chunk.name for chunk in self._ledger.feeds[feed].chunks)
        return read_named(self._objects, names, index=POINTER, remedy=REMEDY)


def _keys(column: "pa.ChunkedArray") -> NDArray[np.bytes_]:
    return parquet.utf8(column.combine_chunks())


def _texts(keys: NDArray[np.bytes_]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(keys.tolist(), pa.binary()).cast(pa.string())


def open_digester(objects: ObjectStore, _place: str, **_options: str | None) -> ArrayDigester:
    """Digester on numpy; see `adapters/engines.py`."""
    return ArrayDigester(objects)
