"""Opens the stores that a setting names."""

from pathlib import Path

from shared.adapters import sqlite
from shared.adapters.folder import FolderObjects
from shared.ports import Documents, ObjectStore
from shared.settings import check_store


def open_documents(place: str) -> Documents:
    """The documents of `sqlite:PATH`; nothing is read or written before the first use.

    Raises `SettingsError` when `place` reads otherwise. Missing parent folders of a file are created.
    """
    _, _, name = check_store(place, ("sqlite",), "documents").partition(":")
    return _sqlite(name)


def open_objects(place: str) -> ObjectStore:
    """The objects of `folder:PATH`; a missing folder is created.

    Raises `SettingsError` when `place` reads otherwise.
    """
    _, _, name = check_store(place, ("folder",), "objects").partition(":")
    Path(name).mkdir(parents=True, exist_ok=True)
    return FolderObjects(name)


def _sqlite(path: str) -> Documents:
    if path != sqlite.MEMORY:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    database = sqlite.Database(path)
    return Documents(
        sqlite.SqliteEvents(database),
        sqlite.SqliteUsers(database),
        sqlite.SqliteInteractions(database),
        sqlite.SqliteCounters(database),
        database.close,
    )
