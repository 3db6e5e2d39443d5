"""Event counts in SQLite."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from shared.adapters import counts as stored
from shared.adapters.sqlite.database import Database, encode, iso
from shared.adapters.sqlite.users import remember
from shared.entities import EventCounts, Interaction, pseudonym
from shared.ports import OpenCounts, Recorded, Settlement


class SqliteCounters:
    """Event counters (`Counters`) on an SQLite file; an event has a single row, shard 0."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, interaction: Interaction, added: EventCounts, *, slot: int, now: datetime) -> Recorded:
        """Record an interaction in its user's history and its event's counts: atomic and idempotent."""
        with self._database.transaction() as connection:
            if _is_forgotten(connection, interaction):
                connection.execute("DELETE FROM interactions WHERE interaction_id = ?", (interaction.interaction_id,))
                return Recorded.FORGOTTEN
            if added and not _mark(connection, stored.marker_of(interaction.interaction_id), now):
                return Recorded.KNOWN
            remember(connection, [interaction])
            if added:
                _change(connection, interaction.event_id, added, {slot: added}, now=now)
        return Recorded.NEW

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Add to the counts of many events, atomic and idempotent by `key`: False when the key was used before."""
        with self._database.transaction() as connection:
            if not _mark(connection, key, now):
                return False
            for event_id, added in counts.items():
                _change(connection, event_id, added, {}, now=now)
        return True

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """Changed counts, oldest first: `(event_id, counts, updated_at)` of events counted since `moment`, inclusive.

        None gives the counts of all events.
        """
        for updated_at, event_id, counts, _ in self._changed(moment):
            yield event_id, stored.from_document(json.loads(counts)), datetime.fromisoformat(updated_at)

    def open_since(self, moment: datetime) -> Iterator[OpenCounts]:
        """Unsettled counts by slot of the events that changed at or after `moment`, in any order."""
        for _, event_id, _, slots in self._changed(moment):
            yield OpenCounts(
                event_id, 0, {int(key): stored.from_document(counts) for key, counts in json.loads(slots).items()}
            )

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Correct counts, both the totals and those by slot, and drop closed slots."""
        with self._database.transaction() as connection:
            for settlement in settlements:
                added = settlement.added
                total = EventCounts.total(added.values())
                _change(connection, settlement.event_id, total, added, closed=settlement.closed, now=now)

    def _changed(self, moment: datetime | None) -> Iterator[tuple[str, str, str, str]]:
        return self._database.pages(
            "SELECT updated_at, event_id, counts, slots FROM event_counts"
            " WHERE (updated_at, event_id) > (?, ?) ORDER BY updated_at, event_id LIMIT ?",
            ("" if moment is None else iso(moment), ""),
        )


def _is_forgotten(connection: sqlite3.Connection, interaction: Interaction) -> bool:
    sql = "SELECT at FROM forgotten WHERE pseudonym = ?"
    row = connection.execute(sql, (pseudonym(interaction.user_id),)).fetchone()
    return row is not None and (interaction.recorded_at is None or iso(interaction.recorded_at) <= row[0])


def _mark(connection: sqlite3.Connection, key: str, now: datetime) -> bool:
    marked = connection.execute("INSERT OR IGNORE INTO processed (key, at) VALUES (?, ?)", (key, iso(now)))
    return marked.rowcount > 0


def _change(
    connection: sqlite3.Connection,
    event_id: str,
    added: EventCounts,
    by_slot: Mapping[int, EventCounts],
    *,
    now: datetime,
    closed: Iterable[int] = (),
) -> None:
    sql = "SELECT counts, slots, updated_at FROM event_counts WHERE event_id = ?"
    *texts, before = connection.execute(sql, (event_id,)).fetchone() or ("{}", "{}", iso(now))
    counts, slots = map(json.loads, texts)
    total = EventCounts.total([stored.from_document(counts), added])
    for slot, slot_added in by_slot.items():
        key = f"{slot}"
        slots[key] = stored.to_document(EventCounts.total([stored.from_document(slots.get(key, {})), slot_added]))
    for slot in closed:
        slots.pop(f"{slot}", None)
    connection.execute(
        "INSERT OR REPLACE INTO event_counts (event_id, counts, slots, updated_at) VALUES (?, ?, ?, ?)",
        (event_id, encode(stored.to_document(total)), encode(slots), iso(now) if added else before),
    )
