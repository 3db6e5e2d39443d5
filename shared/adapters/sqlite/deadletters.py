"""Dead letters in SQLite: documents that can never be used."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from shared.adapters.sqlite.database import Database, forgotten_at, iso, moment_of
from shared.ports import DELIVERED_WITHIN, LETTER_LIFE, DeadLetter


class SqliteDeadLetters:
    """Dead letter store (`DeadLetters`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, letter: DeadLetter, *, now: datetime, recorded_at: datetime | None = None) -> None:
        """Keep a dead letter, unless its user was erased since, and delete expired letters."""
        keys, recorded_at = self._database.keys(), recorded_at or now - DELIVERED_WITHIN
        values = (letter.key, letter.collection, letter.document_id, letter.reason, letter.user_id, letter.data)
        with self._database.transaction() as connection:
            expire(connection, now=now)
            if letter.user_id and iso(recorded_at) <= forgotten_at(connection, keys, letter.user_id):
                return
            connection.execute(
                "INSERT OR REPLACE INTO dead_letters (key, collection, document_id, reason, user_id, data, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, iso(now)),
            )

    def remove(self, key: str) -> None:
        """Drop a dead letter; a missing letter is no error."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM dead_letters WHERE key = ?", (key,))

    def count(self, since: datetime, until: datetime | None = None) -> int:
        """Number of dead letters put at or after `since`, and before `until` where that is given."""
        below = iso(until) if until else None
        [(number,)] = self._database.rows(
            "SELECT COUNT(*) FROM dead_letters WHERE at >= ? AND (? IS NULL OR at < ?)", (iso(since), below, below)
        )
        return int(number)

    def since(self, moment: datetime) -> Iterator[DeadLetter]:
        """Dead letters put at or after `moment`, oldest first, ties by key."""
        rows = self._database.pages(
            "SELECT at, key, collection, document_id, reason, user_id, data FROM dead_letters"
            " WHERE (at, key) > (?, ?) ORDER BY at, key LIMIT ?",
            (iso(moment), ""),
        )
        return (DeadLetter(*row[1:]) for row in rows)

    def newest(self, limit: int) -> list[tuple[datetime, DeadLetter]]:
        """Last dead letters, newest first, each with the time at which it was put."""
        rows = self._database.rows(
            "SELECT at, key, collection, document_id, reason, user_id, data FROM dead_letters"
            " ORDER BY at DESC, key LIMIT ?",
            (limit,),
        )
        self._database.listed += max(len(rows), 1)
        return [(moment_of(at), DeadLetter(*letter)) for at, *letter in rows]


def expire(connection: sqlite3.Connection, *, now: datetime) -> None:
    """Delete the letters that are older than `LETTER_LIFE`, within the caller's transaction."""
    connection.execute("DELETE FROM dead_letters WHERE at < ?", (iso(now - LETTER_LIFE),))
