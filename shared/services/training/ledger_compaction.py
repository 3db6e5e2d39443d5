"""Ledger compaction: merges small files and drops expired interactions and the rows of forgotten users."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from shared.entities import Erasures
from shared.ledger import parquet
from shared.ledger.index import FEEDS, INTERACTIONS, USERS, Chunk
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.run import Run

if TYPE_CHECKING:
    import pyarrow as pa

MAX_SMALL: Final = 16
"""Limit of small files of a month of interactions, or of events or users; with more, they are merged into one."""

_CLOCKS: Final = timedelta(minutes=1)
"""Margin for the clocks of the instances that erase, and for the time that listing the notes takes."""

SMALL_ROWS: Final = 1_000_000
"""Rows from which a file of interactions counts as large and is not merged again."""


def merge(files: LedgerFiles, run: Run, *, new_id: Callable[[], str]) -> None:
    """Compaction of the ledger: merges the small files of each folder with more than `MAX_SMALL` of them."""
    for name in FEEDS:
        feed = files.ledger.feeds[name]
        folders: dict[str, list[Chunk]] = defaultdict(list)
        for chunk in feed.chunks:
            # The last row of an event or user counts, so a merge of some of their files would break the order.
            if chunk.rows < SMALL_ROWS or name != INTERACTIONS:
                folders[chunk.name.rpartition("/")[0]].append(chunk)
        for folder, small in folders.items():
            if len(small) > MAX_SMALL:
                merged = _merged(name, files, small, f"{folder}/{run.document.run_id}-{new_id()}.parquet")
                feed = replace(feed, chunks=(merged, *(chunk for chunk in feed.chunks if chunk not in small)))
                run.step(f"{name} merged", f"merged {len(small)} files of {folder}")
        files.commit(files.ledger.with_feed(name, feed))


def _merged(feed: str, files: LedgerFiles, chunks: list[Chunk], name: str) -> Chunk:
    import pyarrow as pa

    if feed == INTERACTIONS:
        columns = parquet.schema(feed).names
        table = pa.concat_tables([parquet.read(feed, file, data, columns) for file, data in files.contents(chunks)])
    else:
        table = parquet.newest(feed, files.contents(chunks))
    stamps = [chunk.stamped_until for chunk in chunks if chunk.stamped_until]
    return _stored(files, name, table, replace(chunks[0], stamped_until=max(stamps, default=None)))


def drop_users(files: LedgerFiles, run: Run, forgotten: Erasures, *, new_id: Callable[[], str]) -> int:
    """Erasure of forgotten users' rows, by rewriting the files that hold any; returns the number of dropped rows.

    Rows recorded after the erasure of their user stay. No file is read unless a user was forgotten after the ledger's
    `forgotten_until`.
    """
    ledger, listed_at = files.ledger, run.clock() - _CLOCKS
    until = forgotten.latest()
    if until is None or (ledger.forgotten_until and ledger.forgotten_until >= until):
        return 0
    rows = sum(ledger.feeds[name].rows for name in (USERS, INTERACTIONS))
    feed = ledger.feeds[INTERACTIONS]
    kept = [
        _rewritten(files, chunk, lambda table: without_forgotten(INTERACTIONS, table, forgotten), new_id)
        for chunk in feed.chunks
    ]
    ledger = ledger.with_feed(INTERACTIONS, replace(feed, chunks=tuple(chunk for chunk in kept if chunk.rows)))
    feed = ledger.feeds[USERS]
    if feed.chunks:
        # Older rows of other profiles may name a forgotten friend, so only the newest row of each user stays.
        table = without_forgotten(USERS, parquet.newest(USERS, files.contents(feed.chunks)), forgotten)
        chunk = _stored(files, f"ledger/{USERS}/{run.document.run_id}-{new_id()}.parquet", table, feed.chunks[-1])
        ledger = ledger.with_feed(USERS, replace(feed, chunks=(chunk,) if chunk.rows else ()))
    # A note written since `forgotten` was listed, by a slow clock, may say an earlier time than the last one listed.
    known = [moment for moment in (ledger.forgotten_until, min(until, listed_at)) if moment]
    files.commit(replace(ledger, forgotten_until=max(known)))
    dropped = rows - sum(ledger.feeds[name].rows for name in (USERS, INTERACTIONS))
    run.step("users forgotten", f"dropped {dropped:,} rows of forgotten users and older profiles")
    return dropped


def drop_expired(files: LedgerFiles, run: Run, kept_since: datetime, *, new_id: Callable[[], str]) -> int:
    """Expiry of the interactions that occurred before `kept_since`; returns the number of dropped rows.

    Files of earlier months are dropped unread, and those of the month in which the limit lies rewritten.
    """
    feed = files.ledger.feeds[INTERACTIONS]
    month = f"month={kept_since:%Y-%m}"
    kept = []
    for chunk in feed.chunks:
        folder = chunk.name.split("/")[-2]
        if folder > month:
            kept.append(chunk)
        elif folder == month:
            kept.append(_rewritten(files, chunk, lambda table: _since(table, kept_since), new_id))
    remaining = replace(feed, chunks=tuple(chunk for chunk in kept if chunk.rows))
    files.commit(files.ledger.with_feed(INTERACTIONS, remaining))
    dropped = feed.rows - remaining.rows
    run.step("interactions expired", f"dropped {dropped:,} interactions from before {kept_since:%Y-%m-%d}")
    return dropped


def _since(table: "pa.Table", kept_since: datetime) -> "pa.Table":
    from pyarrow import compute

    return table.filter(compute.greater_equal(table["occurred_at"], kept_since))


def _rewritten(
    files: LedgerFiles, chunk: Chunk, select: "Callable[[pa.Table], pa.Table]", new_id: Callable[[], str]
) -> Chunk:
    """File of the rows of a file of interactions that `select` keeps, the same file where it keeps all."""
    [(file, data)] = files.contents([chunk])
    table = parquet.read(INTERACTIONS, file, data, parquet.schema(INTERACTIONS).names)
    remaining = select(table)
    if len(remaining) == len(table):
        return chunk
    return _stored(files, f"{chunk.name.rpartition('/')[0]}/{new_id()}.parquet", remaining, chunk)


def without_forgotten(feed: str, table: "pa.Table", forgotten: Erasures) -> "pa.Table":
    """Rows of a feed without those of forgotten users that were recorded up to their erasure."""
    import pyarrow as pa
    from pyarrow import compute

    stamp, false = table[parquet.STAMPS[feed]], pa.scalar(False)  # noqa: FBT003  # pyarrow names no argument
    for user_id in compute.unique(table["user_id"]).to_pylist():
        at = forgotten.at(user_id)
        if at is not None:
            later = compute.fill_null(compute.greater(stamp, pa.scalar(at, stamp.type)), false)
            table = table.filter(compute.or_(compute.not_equal(table["user_id"], user_id), later))
            stamp = table[parquet.STAMPS[feed]]
    return table


def _stored(files: LedgerFiles, name: str, table: "pa.Table", template: Chunk) -> Chunk:
    data = parquet.to_bytes(table)
    if len(table):
        files.write(name, data)
    return replace(template, name=name, rows=len(table), size=len(data))
