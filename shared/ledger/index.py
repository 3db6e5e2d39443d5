"""Index of the ledger: its files (chunks) and watermarks by feed. The files are Parquet, see `parquet.py`.

The pointer `ledger/current.json` defines the ledger: a file that it does not name is not part of it. It moves by
compare-and-swap after the files are written, so a run that is killed at any time leaves the ledger unchanged.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.stored import read_object, require_format, required
from shared.errors import InvalidField

FORMAT: Final = 1
"""Version of the index format; other versions are refused."""

POINTER: Final = "ledger/current.json"
"""Object name of the index."""

REMEDY: Final = "read everything again with --reread"
"""Advice of errors for a ledger that cannot be read."""

INTERACTIONS: Final = "interactions"
EVENTS: Final = "events"
USERS: Final = "users"
FEEDS: Final = (EVENTS, USERS, INTERACTIONS)
"""Names of the feeds, one for each collection of the store, in the order in which they are read."""

_MAX_AFTER: Final = 1_500
"""Longest id of a document in bytes, which Firestore limits."""

OVERLAP: Final = timedelta(minutes=10)
"""Overlap of a reading with the previous one: documents become readable after their stamp, and clocks differ."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Chunk: an immutable file of a feed.

    Attributes
    ----------
    name : object name in the bucket.
    rows : number of rows.
    size : bytes.
    stamped_until : newest `recorded_at` or `updated_at` of the rows; None if no row has one.
    """

    name: str
    rows: int
    size: int
    stamped_until: datetime | None = None

    @classmethod
    def from_document(cls, data: Mapping[str, Any]) -> Self:
        """Chunk from its stored document; raises `InvalidField`."""
        rows, size = (fields.integer(data, name, low=0, high=10**12) for name in ("rows", "size"))
        if not isinstance(data.get("name"), str) or rows is None or size is None:
            raise InvalidField("chunks", data, "objects with name, rows and size")
        return cls(data["name"], rows, size, fields.time(data, "stamped_until"))


@dataclass(frozen=True, slots=True)
class Feed:
    """Feed: the files of a collection of the store, in the order in which they were written.

    Attributes
    ----------
    chunks : its files.
    watermark : time before which all stamped documents are in the files; None during the first full reading.
    started_at : start time of that first reading, None after it.
    after : last id of that first reading so far, after which it continues.
    """

    chunks: tuple[Chunk, ...] = ()
    watermark: datetime | None = None
    started_at: datetime | None = None
    after: str = ""

    @property
    def rows(self) -> int:
        """Number of rows in all files."""
        return sum(chunk.rows for chunk in self.chunks)

    def since(self) -> datetime | None:
        """Stamp from which to read on, `OVERLAP` before the watermark; None for a full reading."""
        return self.watermark and self.watermark - OVERLAP

    def overlapping(self) -> tuple[Chunk, ...]:
        """Chunks that may contain rows which a reading from `since()` returns again, for deduplication."""
        since = self.since()
        if since is None:
            return ()
        return tuple(chunk for chunk in self.chunks if chunk.stamped_until and chunk.stamped_until >= since)

    def with_chunks(self, chunks: tuple[Chunk, ...], **changes: Any) -> Self:
        """Feed with `chunks` appended and other fields replaced by `changes`."""
        return replace(self, chunks=(*self.chunks, *chunks), **changes)

    @classmethod
    def from_document(cls, data: Mapping[str, Any], name: str) -> Self:
        """Feed `name` from its stored document; raises `InvalidField`, also for a file outside the feed's folder."""
        chunks = data.get("chunks")
        if not isinstance(chunks, list) or not all(isinstance(chunk, dict) for chunk in chunks):
            raise InvalidField("chunks", chunks, "a list of objects")
        for chunk in chunks:
            if not required(chunk, "name", str).startswith(f"ledger/{name}/"):
                raise InvalidField("name", chunk["name"], f"a file of ledger/{name}/")
        return cls(
            tuple(Chunk.from_document(chunk) for chunk in chunks),
            fields.time(data, "watermark"),
            fields.time(data, "started_at"),
            fields.text(data, "after", max_bytes=_MAX_AFTER),
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Ledger index: all files read from the store, by feed.

    Attributes
    ----------
    feeds : feeds by collection, see `FEEDS`.
    forgotten_until : users erased up to this time are in no file.
    format : version of the format, see `FORMAT`.
    """

    feeds: Mapping[str, Feed] = field(default_factory=lambda: dict.fromkeys(FEEDS, Feed()))
    forgotten_until: datetime | None = None
    format: int = FORMAT

    def with_feed(self, name: str, feed: Feed) -> Self:
        """Ledger with the feed `name` replaced."""
        return replace(self, feeds={**self.feeds, name: feed})

    def names(self) -> set[str]:
        """Object names of all files."""
        return {chunk.name for feed in self.feeds.values() for chunk in feed.chunks}

    def watermark(self) -> datetime | None:
        """Watermark of the ledger: the earliest of its feeds; None while a first full reading lasts."""
        watermarks = [feed.watermark for feed in self.feeds.values()]
        known = [watermark for watermark in watermarks if watermark]
        return min(known) if len(known) == len(watermarks) else None

    def to_json(self) -> bytes:
        """JSON of the index, as stored under `POINTER`."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Ledger from the JSON stored under `POINTER`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, POINTER, cls._from_document, remedy=REMEDY)

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        require_format(document, FORMAT)
        stored = required(document, "feeds", dict)
        feeds = {name: Feed.from_document(required(stored, name, dict), name) for name in FEEDS}
        return cls(feeds, fields.time(document, "forgotten_until"))
