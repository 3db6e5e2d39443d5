"""Event counts in SQLite."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.adapters import counts as stored
from shared.adapters.sqlite.bookmarks import advance
from shared.adapters.sqlite.database import Database, decode, encode, forgotten_at, iso, moment_of
from shared.adapters.sqlite.interactions import store
from shared.adapters.sqlite.users import remember
from shared.adapters.states import TICK, replaced_counts
from shared.entities import EventCounts, Interaction, Keys
from shared.feedback.counts import recorded_time
from shared.ports import TOMBSTONE_LIFE, Appended, Counted, Fence, Progress, Recorded, Register

_COLUMNS: Final = "(key, version, counts, is_deleted, expires_at) VALUES (?, ?, ?, ?, ?)"


class SqliteCounters:
    """Event counters (`Counters`) on an SQLite file; an event has a single row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, state: Interaction, counts: EventCounts, *, now: datetime) -> Recorded:
        """Bring history and counts to a state: atomic and idempotent."""
        key = self._key(state)
        with self._database.transaction() as connection:
            register = _register(connection, key)
            if register and not register.is_older_than(state):
                return Recorded.KNOWN
            remember(connection, [state])
            _replace(connection, state, key, register, Register(recorded_time(state), counts), now=now)
        return Recorded.NEW

    def withdraw(self, deleted: Interaction, *, now: datetime) -> Recorded:
        """Take a deleted state back from the counts of its event; idempotent."""
        keys = self._database.keys()
        with self._database.transaction() as connection:
            return withdraw(connection, keys, deleted, now=now)

    def remember(self, interaction: Interaction, *, now: datetime) -> Recorded:
        """Write a repeating interaction to its user's history; idempotent."""
        keys = self._database.keys()
        with self._database.transaction() as connection:
            at = forgotten_at(connection, keys, interaction.user_id)
            if at and iso(recorded_time(interaction)) <= at:
                return _drop(connection, keys, interaction, at, now=now)
            remember(connection, [interaction])
        return Recorded.NEW

    def load(self, interactions: Sequence[Counted], *, now: datetime) -> Sequence[Appended]:
        """Store interactions with their registers and counts, in one transaction."""
        done, keyed = [], [(self._key(interaction), interaction, counts) for interaction, counts in interactions]
        with self._database.transaction() as connection:
            for key, interaction, counts in keyed:
                register = None if interaction.type.meaning.repeats else _register(connection, key)
                stamp = max(now, register.version + TICK) if register else now
                written = store(connection, interaction, now=stamp, counted=interaction.type.meaning.repeats)
                done.append(written.result)
                if written.result is not Appended.NEW:
                    continue
                if interaction.type.meaning.repeats:
                    for event_id, added in replaced_counts(interaction, counts, written.replaced):
                        _add(connection, event_id, added, now=now)
                else:
                    state = replace(interaction, recorded_at=written.recorded_at)
                    _replace(connection, state, key, register, Register(written.recorded_at, counts), now=now)
        return done

    def registers(self, states: Sequence[Interaction]) -> Mapping[str, Register]:
        """Registers of some states by `expected_id`, as far as they exist."""
        by_key = {self._key(state): state.expected_id() for state in states}
        rows = self._database.rows(
            "SELECT key, version, counts, is_deleted FROM counted WHERE key IN (SELECT value FROM json_each(?))",
            (encode(list(by_key)),),
        )
        return {by_key[key]: _parse(*rest) for key, *rest in rows}

    def adopt(self, registers: Mapping[str, Register]) -> None:
        """Create registers for what is counted already; existing ones stay."""
        keys = self._database.keys()
        rows = [_row(stored.register_key(keys, key), register, None) for key, register in registers.items()]
        with self._database.transaction() as connection:
            connection.executemany(f"INSERT OR IGNORE INTO counted {_COLUMNS}", rows)  # a constant

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

    def _key(self, state: Interaction) -> str:
        return stored.register_key(self._database.keys(), state.expected_id())


def withdraw(connection: sqlite3.Connection, keys: Keys, deleted: Interaction, *, now: datetime) -> Recorded:
    """Take a deleted state back from the counts of its event, within the caller's transaction."""
    key = stored.register_key(keys, deleted.expected_id())
    register = _register(connection, key)
    if register and not register.is_withdrawn_by(deleted):
        return Recorded.KNOWN
    _replace(connection, deleted, key, register, Register(recorded_time(deleted), is_deleted=True), now=now)
    return Recorded.NEW


def expire(connection: sqlite3.Connection, keys: Keys, state: Interaction, *, now: datetime) -> None:
    """Turn the register of an expired state into a tombstone, within the caller's transaction; counts stay."""
    key = stored.register_key(keys, state.expected_id())
    register = _register(connection, key)
    if register is None or register.is_withdrawn_by(state):
        _write(connection, key, Register(recorded_time(state), is_deleted=True), now=now)


def expire_tombstones(connection: sqlite3.Connection, *, now: datetime) -> None:
    """Delete the registers of documents that were deleted `TOMBSTONE_LIFE` ago, within the caller's transaction."""
    connection.execute("DELETE FROM counted WHERE expires_at < ?", (iso(now),))


def _drop(connection: sqlite3.Connection, keys: Keys, interaction: Interaction, at: str, *, now: datetime) -> Recorded:
    # Since the erasure the user may have done the same again, in a document of the same id.
    sql = "DELETE FROM interactions WHERE interaction_id = ? AND recorded_at <= ?"
    connection.execute(sql, (interaction.interaction_id, at))
    key = stored.register_key(keys, interaction.expected_id())
    register = None if interaction.type.meaning.repeats else _register(connection, key)
    # Once the document is gone, the erasure does not find it, nor what was counted for it.
    if register and not register.is_deleted and iso(register.version) <= at:
        _replace(connection, interaction, key, register, Register(register.version, is_deleted=True), now=now)
    return Recorded.FORGOTTEN


def _register(connection: sqlite3.Connection, key: str) -> Register | None:
    sql = "SELECT version, counts, is_deleted FROM counted WHERE key = ?"
    row = connection.execute(sql, (key,)).fetchone()
    return row and _parse(*row)


def _parse(version: str, counts: str, is_deleted: int) -> Register:
    return Register(moment_of(version), stored.from_document(decode(counts)), bool(is_deleted))


def _row(key: str, register: Register, expires_at: datetime | None) -> tuple[object, ...]:
    counts = encode(stored.to_document(register.counts))
    return key, iso(register.version), counts, register.is_deleted, expires_at and iso(expires_at)


def _replace(
    connection: sqlite3.Connection,
    state: Interaction,
    key: str,
    before: Register | None,
    after: Register,
    *,
    now: datetime,
) -> None:
    _write(connection, key, after, now=now)
    _add(connection, state.event_id, stored.difference(before, after), now=now)


def _write(connection: sqlite3.Connection, key: str, register: Register, *, now: datetime) -> None:
    row = _row(key, register, now + TOMBSTONE_LIFE if register.is_deleted else None)
    connection.execute(f"INSERT OR REPLACE INTO counted {_COLUMNS}", row)  # a constant


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
