"""Events in SQLite."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.adapters import untrusted
from shared.adapters.sqlite.database import Database, decode, differing, encode, iso, parsed
from shared.entities import Event
from shared.entities.event import MAX_ASSUMED, known_fields
from shared.entities.fields import Document
from shared.errors import InvalidField, StoreUnavailable
from shared.ports import Written

_TICK = timedelta(microseconds=1)


class SqliteEvents:
    """Event store (`EventStore`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, events: Sequence[Event], *, now: datetime) -> Written:
        """Create or replace the events whose documents differ, stamping `updated_at` with `now`."""
        by_id = {event.event_id: event for event in events}
        documents = {key: encode(known_fields(event, "event_id", "updated_at")) for key, event in by_id.items()}
        with self._database.transaction() as connection:
            changed = differing(
                connection,
                "SELECT event_id, document FROM events WHERE event_id IN (SELECT value FROM json_each(?))",
                documents,
            )
            connection.executemany(
                "INSERT OR REPLACE INTO events (event_id, document, updated_at, status, over_at)"
                " VALUES (?, ?, ?, ?, ?)",
                [(key, text, iso(now), by_id[key].status.value, _over_at(by_id[key])) for key, text in changed.items()],
            )
        return Written(len(changed), len(documents) - len(changed))

    def get(self, event_id: str) -> Event | None:
        """Event by id, None for a missing document; raises `InvalidField` for an unreadable one."""
        rows = self._database.rows("SELECT event_id, updated_at, document FROM events WHERE event_id = ?", (event_id,))
        return parsed(Event.read)(*next(_documents(rows))) if rows else None

    def live(self, now: datetime) -> Iterator[Event]:
        """Live events: published, and over after `now` or, without an end, perhaps after it.

        Unreadable documents are logged and left out.
        """
        rows = self._database.pages(
            "SELECT over_at, event_id, updated_at, document FROM events"
            " WHERE status = 'published' AND (over_at, event_id) > (?, ?) ORDER BY over_at, event_id LIMIT ?",
            (iso(now - MAX_ASSUMED + _TICK), ""),
        )
        documents = _documents(row[1:] for row in rows)
        for event in untrusted.readable("events", documents, parsed(Event.read)):
            over_by = event.over_by()
            if over_by is not None and over_by > now:
                yield event

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[Event]:
        """Changed events since `moment`, inclusive, oldest first; for None all events with ids after `after`."""
        rows = self._database.stamped("events", "event_id", "updated_at", moment, after)
        return untrusted.readable("events", _documents(row[1:] for row in rows), _current)

    def touch(self, event_id: str, *, now: datetime) -> None:
        """Mark an event as changed at `now` for `changed_since`."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE events SET updated_at = ? WHERE event_id = ?", (iso(now), event_id))


def _over_at(event: Event) -> str | None:
    # Without an end the column has the start, from which `live` assumes one.
    moment = event.ends_at or event.starts_at
    return None if moment is None else iso(moment)


def _documents(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((event_id, {"document": text, "updated_at": updated_at}) for event_id, updated_at, text in rows)


def _current(event_id: str, row: Document) -> Event:
    stamp = {"updated_at": row["updated_at"]}
    try:
        document = decode(row["document"])
    except StoreUnavailable as error:
        return untrusted.hidden(event_id, stamp, InvalidField("document", row["document"], str(error)))
    return untrusted.current(event_id, document, stamp)
