"""Documents that can never be used, in SQLite."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from shared.adapters.sqlite.database import Database, iso
from shared.ports import DeadLetter

_LIFE: Final = timedelta(days=30)


class SqliteDeadLetters:
    """`DeadLetters` on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, letter: DeadLetter, *, now: datetime) -> None:
        """Keep a letter, replacing one with the same key; those that have expired go."""
        values = (letter.key, letter.collection, letter.document_id, letter.reason, letter.user_id, letter.data)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM dead_letters WHERE at < ?", (iso(now - _LIFE),))
            connection.execute(
                "INSERT OR REPLACE INTO dead_letters (key, collection, document_id, reason, user_id, data, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, iso(now)),
            )

    def remove(self, key: str) -> None:
        """Drop a letter; one that is not there is fine."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM dead_letters WHERE key = ?", (key,))

    def since(self, moment: datetime) -> Iterator[DeadLetter]:
        """Letters put at or after `moment`, oldest first, ties by key."""
        rows = self._database.pages(
            "SELECT at, key, collection, document_id, reason, user_id, data FROM dead_letters"
            " WHERE (at, key) > (?, ?) ORDER BY at, key LIMIT ?",
            (iso(moment), ""),
        )
        return (DeadLetter(*row[1:]) for row in rows)
