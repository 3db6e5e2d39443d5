"""Event counts in SQLite."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from shared.adapters.sqlite.database import Database, iso
from shared.adapters.sqlite.users import remember
from shared.entities import Interaction, InteractionType
from shared.ports import EventCounts


class SqliteCounters:
    """`Counters` on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, interaction: Interaction, weight: float, *, now: datetime) -> bool:
        """Count one interaction and remember it in its user's history, atomically; False when it was counted before."""
        with self._database.transaction() as connection:
            if not _mark(connection, interaction.interaction_id, now):
                return False
            remember(connection, [interaction])
            if interaction.event_id:
                counts = EventCounts({interaction.type: 1}, weight)
                _add(connection, {interaction.event_id: counts}.items(), now)
        return True

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Add to the counts of many events, atomically; False when something was added under this key before."""
        with self._database.transaction() as connection:
            if not _mark(connection, key, now):
                return False
            _add(connection, counts.items(), now)
        return True

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """`(event_id, counts, updated_at)` of events counted at or after `moment`, oldest first; all for None."""
        rows = self._database.pages(
            "SELECT updated_at, event_id, by_type, popularity FROM event_counts"
            " WHERE (updated_at, event_id) > (?, ?) ORDER BY updated_at, event_id LIMIT ?",
            ("" if moment is None else iso(moment), ""),
        )
        for updated_at, event_id, by_type, popularity in rows:
            numbers = {InteractionType(kind): n for kind, n in json.loads(by_type).items()}
            yield event_id, EventCounts(numbers, popularity), datetime.fromisoformat(updated_at)


def _mark(connection: sqlite3.Connection, key: str, now: datetime) -> bool:
    marked = connection.execute("INSERT OR IGNORE INTO processed (key, at) VALUES (?, ?)", (key, iso(now)))
    return marked.rowcount > 0


def _add(connection: sqlite3.Connection, counts: Iterable[tuple[str, EventCounts]], now: datetime) -> None:
    for event_id, added in counts:
        row = connection.execute("SELECT by_type FROM event_counts WHERE event_id = ?", (event_id,)).fetchone()
        by_type: dict[str, int] = json.loads(row[0]) if row else {}
        for kind, n in added.by_type.items():
            by_type[kind.value] = by_type.get(kind.value, 0) + n
        connection.execute(
            "INSERT INTO event_counts (event_id, by_type, popularity, updated_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (event_id) DO UPDATE SET by_type = excluded.by_type,"
            " popularity = popularity + excluded.popularity, updated_at = excluded.updated_at",
            (event_id, json.dumps(by_type), added.popularity, iso(now)),
        )
