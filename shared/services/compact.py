"""Keeps the ledger small: merges small files, and drops everything of users who asked to be forgotten."""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from shared.models import parquet
from shared.models.ledger import FEEDS, INTERACTIONS, USERS, Chunk, Feed
from shared.services.ledger import Shelf
from shared.services.run import Run

if TYPE_CHECKING:
    import pyarrow as pa

MAX_SMALL: Final = 16
"""So many small files of one month, or of events or users, are merged into one."""
SMALL_ROWS: Final = 1_000_000


def merge(shelf: Shelf, run: Run, *, new_id: Callable[[], str]) -> None:
    """Merge small files where there are many."""
    for name in FEEDS:
        feed = shelf.ledger.feeds[name]
        folders: dict[str, list[Chunk]] = defaultdict(list)
        for chunk in feed.chunks:
            # Of events and users the last row of an id counts, so all their files must stay in one order.
            if chunk.rows < SMALL_ROWS or name != INTERACTIONS:
                folders[chunk.name.rpartition("/")[0]].append(chunk)
        for folder, small in folders.items():
            if len(small) > MAX_SMALL:
                merged = _merged(name, shelf, small, f"{folder}/{run.document.run_id}-{new_id()}.parquet")
                feed = replace(feed, chunks=(merged, *(one for one in feed.chunks if one not in small)))
                run.step(f"{name} merged", f"merged {len(small)} files of {folder}")
        shelf.commit(shelf.ledger.with_feed(name, feed))


def _merged(feed: str, shelf: Shelf, chunks: list[Chunk], name: str) -> Chunk:
    import pyarrow as pa

    if feed == INTERACTIONS:
        columns = parquet.schema(feed).names
        table = pa.concat_tables([parquet.read(feed, file, data, columns) for file, data in shelf.files(chunks)])
    else:
        table = parquet.newest(feed, shelf.files(chunks))
    stamps = [chunk.stamped_until for chunk in chunks if chunk.stamped_until]
    return _stored(shelf, name, table, replace(chunks[0], stamped_until=max(stamps, default=None)))


def drop_users(shelf: Shelf, run: Run, user_ids: Collection[str], *, new_id: Callable[[], str]) -> int:
    """Rewrite the files that hold anything of these users without it; returns how many rows went."""
    dropped = 0
    for name in (USERS, INTERACTIONS):
        feed = shelf.ledger.feeds[name]
        kept: list[Chunk] = []
        for chunk in feed.chunks:
            kept.append(_without(name, shelf, chunk, user_ids, new_id))
            dropped += chunk.rows - kept[-1].rows
            run.check()
        shelf.commit(shelf.ledger.with_feed(name, _of(feed, kept)))
    run.step("users forgotten", f"dropped {dropped:,} rows of {len(user_ids):,} forgotten users")
    return dropped


def _of(feed: Feed, chunks: list[Chunk]) -> Feed:
    return replace(feed, chunks=tuple(chunk for chunk in chunks if chunk.rows))


def _without(feed: str, shelf: Shelf, chunk: Chunk, user_ids: Collection[str], new_id: Callable[[], str]) -> Chunk:
    import pyarrow as pa
    from pyarrow import compute

    [(file, data)] = shelf.files([chunk])
    owners = parquet.read(feed, file, data, ["user_id"])["user_id"]
    stays = compute.invert(compute.is_in(owners, value_set=pa.array(sorted(user_ids), pa.string())))
    if compute.all(stays).as_py():
        return chunk
    table = parquet.read(feed, file, data, parquet.schema(feed).names).filter(stays)
    folder = chunk.name.rpartition("/")[0]
    return _stored(shelf, f"{folder}/{new_id()}.parquet", table, chunk)


def _stored(shelf: Shelf, name: str, table: "pa.Table", like: Chunk) -> Chunk:
    data = parquet.to_bytes(table)
    if len(table):
        shelf.write(name, data)
    return replace(like, name=name, rows=len(table), size=len(data))
