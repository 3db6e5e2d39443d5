"""Event counts in SQLite."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.adapters import counts as stored
from shared.adapters.sqlite.bookmarks import advance
from shared.adapters.sqlite.database import Database, decode, encode, forgotten_at, iso, moment_of
from shared.adapters.sqlite.interactions import store
from shared.adapters.sqlite.users import remember
from shared.adapters.states import TICK
from shared.entities import EventCounts, Interaction
from shared.feedback.counts import recorded_time
from shared.ports import Appended, Counted, Fence, Progress, Recorded, Register


class SqliteCounters:
    """Event counters (`Counters`) on an SQLite file; an event has a single row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, state: Interaction, counts: EventCounts, *, now: datetime) -> Recorded:
        """Bring history and counts to a state: atomic and idempotent."""
        with self._database.transaction() as connection:
            register = _register(connection, state.expected_id())
            if register and not register.is_older_than(state):
                return Recorded.KNOWN
            remember(connection, [state])
            _replace(connection, state, register, Register(recorded_time(state), counts), now=now)
        return Recorded.NEW

    def withdraw(self, deleted: Interaction, *, now: datetime) -> Recorded:
        """Take a deleted state back from the counts of its event; idempotent."""
        with self._database.transaction() as connection:
            return withdraw(connection, deleted, now=now)

    def remember(self, interaction: Interaction, *, now: datetime) -> Recorded:
        """Write a repeating interaction to its user's history; idempotent."""
        with self._database.transaction() as connection:
            at = forgotten_at(connection, interaction.user_id)
            if at and iso(recorded_time(interaction)) <= at:
                return _drop(connection, interaction, at, now=now)
            remember(connection, [interaction])
        return Recorded.NEW

    def load(self, interactions: Sequence[Counted], *, now: datetime) -> Sequence[Appended]:
        """Store interactions with their registers and counts, in one transaction."""
        done = []
        with self._database.transaction() as connection:
            for interaction, counts in interactions:
                register = None
                if not interaction.type.meaning.repeats:
                    register = _register(connection, interaction.expected_id())
                stamp = max(now, register.version + TICK) if register else now
                result, recorded_at = store(
                    connection, interaction, now=stamp, counted=interaction.type.meaning.repeats
                )
                done.append(result)
                if result is not Appended.NEW:
                    continue
                if interaction.type.meaning.repeats:
                    for event_id in interaction.events():
                        _add(connection, event_id, counts, now=now)
                else:
                    state = replace(interaction, recorded_at=recorded_at)
                    _replace(connection, state, register, Register(recorded_at, counts), now=now)
        return done

    def registers(self, states: Sequence[Interaction]) -> Mapping[str, Register]:
        """Registers of some states by `expected_id`, as far as they exist."""
        by_key = {stored.register_key(state.expected_id()): state.expected_id() for state in states}
        rows = self._database.rows(
            "SELECT key, version, counts, is_deleted FROM counted WHERE key IN (SELECT value FROM json_each(?))",
            (encode(list(by_key)),),
        )
        return {by_key[key]: _parse(*rest) for key, *rest in rows}

    def adopt(self, registers: Mapping[str, Register]) -> None:
        """Create registers for what is counted already; existing ones stay."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO counted (key, version, counts, is_deleted) VALUES (?, ?, ?, ?)",
                [_row(state_id, register) for state_id, register in registers.items()],
            )

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """Changed counts, oldest first: `(event_id, counts, updated_at)` of events counted since `moment`, inclusive.

        None gives the counts of all events.
        """
        rows = self._database.pages(
            "SELECT updated_at, event_id, counts FROM event_counts"
            " WHERE (updated_at, event_id) > (?, ?) ORDER BY updated_at, event_id LIMIT ?",
            ("" if moment is None else iso(moment), ""),
        )
        for updated_at, event_id, counts in rows:
            yield event_id, stored.from_document(decode(counts)), moment_of(updated_at)

    def settle(self, added: Mapping[str, EventCounts], fence: Fence, progress: Progress, *, now: datetime) -> Fence:
        """Add to the counts of many events and move the bookmark, atomically."""
        with self._database.transaction() as connection:
            moved = advance(connection, fence, progress)
            for event_id, counts in added.items():
                _add(connection, event_id, counts, now=now)
        return moved

    def drop_slots(self, since_slot: int, *, now: datetime) -> int:
        """Take back what the slots of earlier versions hold from `since_slot` on, and drop all slots."""
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT event_id, slots FROM event_counts WHERE slots <> '{}'").fetchall()
            for event_id, text in rows:
                open_counts = stored.open_slots({int(slot): part for slot, part in decode(text).items()}, since_slot)
                _add(connection, event_id, open_counts.negative(), now=now)
                connection.execute("UPDATE event_counts SET slots = '{}' WHERE event_id = ?", (event_id,))
        return len(rows)


def withdraw(connection: sqlite3.Connection, deleted: Interaction, *, now: datetime) -> Recorded:
    """Take a deleted state back from the counts of its event, within the caller's transaction."""
    register = _register(connection, deleted.expected_id())
    if register and not register.is_withdrawn_by(deleted):
        return Recorded.KNOWN
    _replace(connection, deleted, register, Register(recorded_time(deleted), is_deleted=True), now=now)
    return Recorded.NEW


def expire(connection: sqlite3.Connection, state: Interaction) -> None:
    """Turn the register of an expired state into a tombstone, within the caller's transaction; counts stay."""
    register = _register(connection, state.expected_id())
    if register is None or register.is_withdrawn_by(state):
        _write(connection, state, Register(recorded_time(state), is_deleted=True))


def _drop(connection: sqlite3.Connection, interaction: Interaction, at: str, *, now: datetime) -> Recorded:
    # Since the erasure the user may have done the same again, in a document of the same id.
    sql = "DELETE FROM interactions WHERE interaction_id = ? AND recorded_at <= ?"
    connection.execute(sql, (interaction.interaction_id, at))
    register = None if interaction.type.meaning.repeats else _register(connection, interaction.expected_id())
    # Once the document is gone, the erasure does not find it, nor what was counted for it.
    if register and not register.is_deleted and iso(register.version) <= at:
        _replace(connection, interaction, register, Register(register.version, is_deleted=True), now=now)
    return Recorded.FORGOTTEN


def _register(connection: sqlite3.Connection, state_id: str) -> Register | None:
    sql = "SELECT version, counts, is_deleted FROM counted WHERE key = ?"
    row = connection.execute(sql, (stored.register_key(state_id),)).fetchone()
    return row and _parse(*row)


def _parse(version: str, counts: str, is_deleted: int) -> Register:
    return Register(moment_of(version), stored.from_document(decode(counts)), bool(is_deleted))


def _row(state_id: str, register: Register) -> tuple[object, ...]:
    counts = encode(stored.to_document(register.counts))
    return stored.register_key(state_id), iso(register.version), counts, register.is_deleted


def _replace(
    connection: sqlite3.Connection, state: Interaction, before: Register | None, after: Register, *, now: datetime
) -> None:
    _write(connection, state, after)
    _add(connection, state.event_id, stored.difference(before, after), now=now)


def _write(connection: sqlite3.Connection, state: Interaction, register: Register) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO counted (key, version, counts, is_deleted) VALUES (?, ?, ?, ?)",
        _row(state.expected_id(), register),
    )


def _add(connection: sqlite3.Connection, event_id: str, added: EventCounts, *, now: datetime) -> None:
    if not added:
        return
    row = connection.execute("SELECT counts, slots FROM event_counts WHERE event_id = ?", (event_id,)).fetchone()
    counts, slots = row or ("{}", "{}")
    total = EventCounts.total([stored.from_document(decode(counts)), added])
    connection.execute(
        "INSERT OR REPLACE INTO event_counts (event_id, counts, slots, updated_at) VALUES (?, ?, ?, ?)",
        (event_id, encode(stored.to_document(total)), slots, iso(now)),
    )
