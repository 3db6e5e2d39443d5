"""SQLite document store: all document ports on one file."""

from pathlib import Path

from shared.adapters.sqlite.bookmarks import SqliteBookmarks
from shared.adapters.sqlite.counters import SqliteCounters
from shared.adapters.sqlite.database import MEMORY, Database
from shared.adapters.sqlite.deadletters import SqliteDeadLetters
from shared.adapters.sqlite.events import SqliteEvents
from shared.adapters.sqlite.experiments import SqliteExperiments
from shared.adapters.sqlite.interactions import SqliteInteractions
from shared.adapters.sqlite.personal import SqlitePersonal
from shared.adapters.sqlite.rules import SqliteRules
from shared.adapters.sqlite.users import SqliteUsers
from shared.entities import KeySource
from shared.errors import SettingsError
from shared.ports import Documents
from shared.schema import Schema


def open_store(path: str, keys: KeySource, _schema: Schema, _timezone: str) -> Documents:
    """Document store on the file `path`, `MEMORY` for one in memory; missing parent folders are created.

    No app shares the file: tables and fields have Marquee's own names. Raises `SettingsError` for a path at which no
    file can be.
    """
    if path != MEMORY:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"sqlite:{path}: expected a file, or a path at which one can be made: {error}"
            ) from error
        if Path(path).is_dir():
            raise SettingsError(f"sqlite:{path}: expected a file, got a folder")
    database = Database(path, keys)
    return Documents(
        SqliteEvents(database),
        SqliteUsers(database),
        SqliteInteractions(database),
        SqliteCounters(database),
        SqlitePersonal(database),
        SqliteDeadLetters(database),
        SqliteBookmarks(database),
        SqliteRules(database),
        SqliteExperiments(database),
        database.close,
        lambda: database.listed,
    )
