"""Dead letters in SQLite: documents that can never be used."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from shared.adapters.sqlite.database import Database, iso
from shared.ports import DeadLetter

_LIFE: Final = timedelta(days=30)


class SqliteDeadLetters:
    """Dead letter store (`DeadLetters`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, letter: DeadLetter, *, now: datetime) -> None:
        """Keep a dead letter, replacing the letter with the same key, and delete expired letters."""
        values = (letter.key, letter.collection, letter.document_id, letter.reason, letter.user_id, letter.data)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM dead_letters WHERE at < ?", (iso(now - _LIFE),))
            connection.execute(
                "INSERT OR REPLACE INTO dead_letters (key, collection, document_id, reason, user_id, data, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, iso(now)),
            )

    def remove(self, key: str) -> None:
        """Drop a dead letter; a missing letter is no error."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM dead_letters WHERE key = ?", (key,))

    def since(self, moment: datetime) -> Iterator[DeadLetter]:
        """Dead letters put at or after `moment`, oldest first, ties by key."""
        rows = self._database.pages(
            "SELECT at, key, collection, document_id, reason, user_id, data FROM dead_letters"
            " WHERE (at, key) > (?, ?) ORDER BY at, key LIMIT ?",
            (iso(moment), ""),
        )
        return (DeadLetter(*row[1:]) for row in rows)
