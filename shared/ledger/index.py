"""What the ledger holds: which files, and up to where they reach. The files themselves are Parquet, see `columns.py`.

`ledger/current.json` is the only truth about the ledger: a file that it does not name is no part of it. It moves by
compare-and-swap after the files lie there, so a run that is killed anywhere leaves the ledger as it was.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.entities import fields
from shared.errors import ArtifactError, InvalidField

FORMAT: Final = 1
POINTER: Final = "ledger/current.json"
INTERACTIONS: Final = "interactions"
EVENTS: Final = "events"
USERS: Final = "users"
FEEDS: Final = (EVENTS, USERS, INTERACTIONS)
OVERLAP: Final = timedelta(minutes=10)
"""How far a reading goes back: a stamp lies before the moment its document becomes readable, and clocks differ."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One file, never changed after it was written.

    Attributes
    ----------
    name : of the object.
    rows, size : rows and bytes.
    stamped_until : the newest `recorded_at` or `updated_at` inside; None when no row has one.
    """

    name: str
    rows: int
    size: int
    stamped_until: datetime | None = None

    @classmethod
    def from_document(cls, data: Mapping[str, Any]) -> Self:
        """Parse a stored chunk; raises `InvalidField`."""
        rows, size = (fields.integer(data, name, low=0, high=10**12) for name in ("rows", "size"))
        if not isinstance(data.get("name"), str) or rows is None or size is None:
            raise InvalidField("chunks", data, "objects with name, rows and size")
        return cls(data["name"], rows, size, fields.time(data, "stamped_until"))


@dataclass(frozen=True, slots=True)
class Feed:
    """The files of one collection, in the order in which they were written.

    Attributes
    ----------
    watermark : everything stamped earlier is inside; None as long as the first reading of everything lasts.
    started_at : when that first reading began; `after` the id behind which it goes on.
    """

    chunks: tuple[Chunk, ...] = ()
    watermark: datetime | None = None
    started_at: datetime | None = None
    after: str = ""

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(chunk.rows for chunk in self.chunks)

    def since(self) -> datetime | None:
        """From which stamp to read on; None for a reading of everything."""
        return self.watermark and self.watermark - OVERLAP

    def overlapping(self) -> tuple[Chunk, ...]:
        """The files that may hold what a reading from `since()` gives again."""
        since = self.since()
        if since is None:
            return ()
        return tuple(chunk for chunk in self.chunks if chunk.stamped_until and chunk.stamped_until >= since)

    def with_chunks(self, chunks: tuple[Chunk, ...], **changes: Any) -> Self:
        """The feed with more files."""
        return replace(self, chunks=(*self.chunks, *chunks), **changes)

    @classmethod
    def from_document(cls, data: Mapping[str, Any]) -> Self:
        """Parse a stored feed; raises `InvalidField`."""
        chunks = data.get("chunks")
        if not isinstance(chunks, list) or not all(isinstance(chunk, dict) for chunk in chunks):
            raise InvalidField("chunks", chunks, "a list of objects")
        return cls(
            tuple(Chunk.from_document(chunk) for chunk in chunks),
            fields.time(data, "watermark"),
            fields.time(data, "started_at"),
            str(data.get("after") or ""),
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that has been read from the store so far.

    Attributes
    ----------
    feeds : by collection, see `FEEDS`.
    forgotten_until : users forgotten up to this time are in no file.
    """

    feeds: Mapping[str, Feed] = field(default_factory=lambda: dict.fromkeys(FEEDS, Feed()))
    forgotten_until: datetime | None = None
    format: int = FORMAT

    def with_feed(self, name: str, feed: Feed) -> Self:
        """The ledger with one feed replaced."""
        return replace(self, feeds={**self.feeds, name: feed})

    def names(self) -> set[str]:
        """Names of all its files."""
        return {chunk.name for feed in self.feeds.values() for chunk in feed.chunks}

    def watermark(self) -> datetime | None:
        """Everything that was stamped earlier is inside; None while a first reading lasts."""
        marks = [feed.watermark for feed in self.feeds.values()]
        known = [mark for mark in marks if mark]
        return min(known) if len(known) == len(marks) else None

    def to_json(self) -> bytes:
        """As stored under `POINTER`."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse a stored ledger; raises `ArtifactError` saying what cannot be read."""
        try:
            document = json.loads(data)
            if document.get("format") != FORMAT:
                raise ArtifactError(
                    f"{POINTER}: expected format {FORMAT}, got {document.get('format')!r}; update this program"
                )
            feeds = {name: Feed.from_document(document["feeds"][name]) for name in FEEDS}
            return cls(feeds, fields.time(document, "forgotten_until"))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError, InvalidField) as error:
            raise ArtifactError(f"{POINTER}: {error!r}; read everything again with --reread") from error
