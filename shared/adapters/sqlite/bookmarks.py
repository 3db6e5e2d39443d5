"""Positions of jobs in SQLite."""

import sqlite3
from datetime import datetime

from shared.adapters.sqlite.database import Database, iso, moment_of
from shared.errors import Conflict
from shared.ports import Fence, Progress


class SqliteBookmarks:
    """Bookmarks (`Bookmarks`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> datetime | None:
        """Time up to which a job is done, from which its next run continues; None before its first run."""
        rows = self._database.rows("SELECT at FROM bookmarks WHERE name = ?", (name,))
        return _time(rows[0][0]) if rows else None

    def move(self, name: str, to: datetime) -> None:
        """Set the bookmark of a job to `to`."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO bookmarks (name, at) VALUES (?, ?)", (name, iso(to)))

    def claim(self, name: str) -> Fence:
        """Claim a bookmark for a run, which ends the claims of all others."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO bookmarks (name) VALUES (?)", (name,))
            sql = "UPDATE bookmarks SET run = run + 1 WHERE name = ? RETURNING run, at, until, after"
            run, at, until, after = connection.execute(sql, (name,)).fetchone()
        return Fence(name, Progress(_time(at), _time(until), after), run)


def advance(connection: sqlite3.Connection, fence: Fence, progress: Progress) -> Fence:
    """Move a claimed bookmark within the caller's transaction; raises `Conflict` if another run has claimed it."""
    moved = connection.execute(
        "UPDATE bookmarks SET at = ?, until = ?, after = ? WHERE name = ? AND run = ?",
        (_text(progress.at), _text(progress.until), progress.after, fence.name, fence.token),
    )
    if not moved.rowcount:
        raise Conflict(f"{fence.name}: another run has begun and goes on from here")
    return Fence(fence.name, progress, fence.token)


def _text(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


def _time(text: str | None) -> datetime | None:
    return moment_of(text) if text else None
