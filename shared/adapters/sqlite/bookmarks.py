"""Watermarks of jobs in SQLite."""

from datetime import datetime

from shared.adapters.sqlite.database import Database, iso


class SqliteBookmarks:
    """Watermark store (`Bookmarks`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> datetime | None:
        """Watermark of a job, the time from which its next run continues; None before its first run."""
        rows = self._database.rows("SELECT at FROM bookmarks WHERE name = ?", (name,))
        return datetime.fromisoformat(rows[0][0]) if rows else None

    def move(self, name: str, to: datetime) -> None:
        """Set the watermark of a job to `to`."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO bookmarks (name, at) VALUES (?, ?)", (name, iso(to)))
