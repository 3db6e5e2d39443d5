"""Ledger sync: appends new documents of the store as files, then commits them by moving the pointer."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

from shared.entities import Event, Interaction, User
from shared.errors import ArtifactError
from shared.feedback.retention import is_kept
from shared.ledger import parquet
from shared.ledger.index import EVENTS, FEEDS, INTERACTIONS, POINTER, REMEDY, USERS, Chunk, Feed, Ledger
from shared.ports import Documents, ObjectStore, read_named
from shared.services.training.run import Run

FLUSH_ROWS: Final = 250_000
"""Rows between two commits: a killed run repeats the reads of at most this many."""

_CHECK_ROWS: Final = 10_000
"""Rows between two checks of lease and deadline."""

Entity = Event | User | Interaction
_Item = TypeVar("_Item")
_Source = Callable[[datetime | None, str], Iterator[Entity]]


class LedgerFiles:
    """Ledger files in the bucket, as a run reads and changes them.

    Raises `ArtifactError` when `ledger/current.json` cannot be read.

    Parameters
    ----------
    objects : the bucket.
    anew : start with an empty ledger in place of the stored one.
    """

    def __init__(self, objects: ObjectStore, *, anew: bool = False) -> None:
        blob = objects.read(POINTER)
        self._objects = objects
        self._generation = blob.generation if blob else 0
        self.ledger = Ledger.from_json(blob.data) if blob and not anew else Ledger()

    def commit(self, ledger: Ledger) -> None:
        """Commit of a new ledger state by compare-and-swap; raises `Conflict` when another run changed it first."""
        if ledger != self.ledger:
            self._generation = self._objects.write(POINTER, ledger.to_json(), generation=self._generation)
            self.ledger = ledger

    def contents(
        self, chunks: Sequence[Chunk], *, index: str = POINTER, remedy: str = REMEDY
    ) -> Iterator[tuple[str, bytes]]:
        """File contents of these chunks, which `index` names, see `read_named`."""
        return read_named(self._objects, (chunk.name for chunk in chunks), index=index, remedy=remedy)

    def write(self, name: str, data: bytes) -> None:
        """Write of a new file; raises `Conflict` when the name exists."""
        self._objects.write(name, data, generation=0)

    def sweep(self) -> int:
        """Garbage collection of files that the ledger does not name, left by killed runs or merges; returns a count."""
        orphans = [name for feed in FEEDS for name in self._objects.names(f"ledger/{feed}/")]
        orphans = [name for name in orphans if name not in self.ledger.names()]
        for name in orphans:
            self._objects.delete(name)
        return len(orphans)


def catch_up(
    documents: Documents,
    files: LedgerFiles,
    run: Run,
    *,
    new_id: Callable[[], str],
    kept_since: datetime | None = None,
) -> None:
    """Incremental sync of all feeds: appends the documents of the store that the ledger lacks.

    Interactions that occurred before `kept_since` are left out, since they may expire in the store later than here; so
    are documents recorded up to the erasure of their users, which may be erased in the store later than here.
    """
    feeds = files.ledger.feeds
    reads = [feed.since() for feed in (feeds[USERS], feeds[INTERACTIONS])]
    known = [since for since in reads if since]
    erased = documents.personal.forgotten(min(known) if len(known) == len(reads) else None)
    sources: dict[str, _Source] = {
        EVENTS: lambda since, after: documents.events.changed_since(since, after=after),
        USERS: lambda since, after: (
            user
            for user in documents.users.changed_since(since, after=after)
            if not erased.cover(user.user_id, user.updated_at)
        ),
        # Visitors' interactions are stored anew when they are joined to a user.
        INTERACTIONS: lambda since, after: (
            entry
            for entry in documents.interactions.since(since, after=after)
            if not entry.is_of_visitor()
            and is_kept(entry, kept_since)
            and not erased.cover(entry.user_id, entry.recorded_at)
        ),
    }
    for name in FEEDS:
        _FeedSync(name, files, run, new_id).append_new(sources[name])


@dataclass(frozen=True, slots=True)
class _FeedSync:
    """Incremental sync of a feed."""

    name: str
    files: LedgerFiles
    run: Run
    new_id: Callable[[], str]

    def append_new(self, source: _Source) -> None:
        feed = self.files.ledger.feeds[self.name]
        began, is_first = self.run.clock(), feed.watermark is None
        if is_first and feed.started_at is None:
            feed = replace(feed, started_at=began)
        known = set[tuple[str, Any]]()
        if since := feed.since():
            if since > began:
                raise ArtifactError(
                    f"{POINTER}: expected a watermark of {self.name} in the past, got {feed.watermark}; "
                    "read everything again with --reread"
                )
            for file, data in self.files.contents(feed.overlapping()):
                known |= parquet.keys(self.name, file, data, since)
        items, added = self._checked(source(since, feed.after)), 0
        while batch := list(islice(items, FLUSH_ROWS)):
            fresh = {key: entity for entity in batch if (key := _key(self.name, entity)) not in known}
            known |= fresh.keys()
            chunks = self._write(list(fresh.values()))
            added += len(fresh)
            # Programs may write stamps of the future; a watermark there would be refused by the next run.
            stamp = min(_stamp(batch[-1]) or began, began)
            reached = {"after": _key(self.name, batch[-1])[0]} if is_first else {"watermark": stamp}
            feed = feed.with_chunks(chunks, **reached)
            self._commit(feed)
        done = feed.started_at if is_first else began
        self._commit(replace(feed, watermark=done, started_at=None, after=""))
        self.run.document.rows[f"new_{self.name}"] = added
        self.run.step(f"{self.name} read", f"read {added:,} new {self.name}, {self._rows():,} in all")

    def _checked(self, items: Iterable[_Item]) -> Iterator[_Item]:
        for number, item in enumerate(items, 1):
            if number % _CHECK_ROWS == 0:
                self.run.step(f"{self.name} page", f"read {number:,} {self.name} so far")
            yield item

    def _write(self, entities: Sequence[Entity]) -> tuple[Chunk, ...]:
        parts: dict[str, list[Entity]] = defaultdict(list)
        for entity in entities:
            parts[f"month={entity.occurred_at:%Y-%m}/" if isinstance(entity, Interaction) else ""].append(entity)
        label = f"{self.run.document.run_id}-{self.new_id()}"
        chunks = []
        for month, part in sorted(parts.items()):
            data = parquet.encode(self.name, part)
            chunk = Chunk(f"ledger/{self.name}/{month}{label}.parquet", len(part), len(data), _newest(part))
            self.files.write(chunk.name, data)
            chunks.append(chunk)
        if chunks:
            self.run.step(f"{self.name} written", f"wrote {len(entities):,} {self.name} into {len(chunks)} files")
        return tuple(chunks)

    def _commit(self, feed: Feed) -> None:
        self.files.commit(self.files.ledger.with_feed(self.name, feed))
        self.run.step(f"{self.name} committed", f"the ledger holds {self._rows():,} {self.name}")

    def _rows(self) -> int:
        return self.files.ledger.feeds[self.name].rows


def _key(feed: str, entity: Entity) -> tuple[str, Any]:
    """Row key for deduplication: the id of an entity, and the stamp of its version."""
    return str(getattr(entity, parquet.KEYS[feed])), _stamp(entity)


def _stamp(entity: Entity) -> datetime | None:
    return entity.recorded_at if isinstance(entity, Interaction) else entity.updated_at


def _newest(entities: Sequence[Entity]) -> datetime | None:
    return max((stamp for entity in entities if (stamp := _stamp(entity))), default=None)
