"""Opens the stores that a setting names."""

from pathlib import Path

from shared.adapters.objects.folder import FolderObjects
from shared.ports import Documents, ObjectStore
from shared.settings import check_store


def open_documents(place: str) -> Documents:
    """The documents of `sqlite:PATH` or `firestore:PROJECT`; nothing is read or written before the first use.

    Raises `SettingsError` when `place` reads otherwise. Missing parent folders of a file are created.
    """
    kind, _, name = check_store(place, ("sqlite", "firestore"), "documents").partition(":")
    return _sqlite(name) if kind == "sqlite" else _firestore(name)


def open_objects(place: str) -> ObjectStore:
    """The objects of `folder:PATH` or `gs:BUCKET`; a missing folder is created.

    Raises `SettingsError` when `place` reads otherwise.
    """
    kind, _, name = check_store(place, ("folder", "gs"), "objects").partition(":")
    if kind == "gs":
        from shared.adapters.objects.cloudstorage import CloudObjects

        return CloudObjects(name)
    Path(name).mkdir(parents=True, exist_ok=True)
    return FolderObjects(name)


def _sqlite(path: str) -> Documents:
    # Like Firestore's, imported where it is used: no instance needs both.
    from shared.adapters import sqlite

    if path != sqlite.MEMORY:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    database = sqlite.Database(path)
    return Documents(
        sqlite.SqliteEvents(database),
        sqlite.SqliteUsers(database),
        sqlite.SqliteInteractions(database),
        sqlite.SqliteCounters(database),
        sqlite.SqlitePersonal(database),
        sqlite.SqliteDeadLetters(database),
        sqlite.SqliteBookmarks(database),
        sqlite.SqliteRules(database),
        database.close,
        lambda: database.listed,
    )


def _firestore(project: str) -> Documents:
    from shared.adapters import firestore

    database = firestore.Database(project)
    return Documents(
        firestore.FirestoreEvents(database),
        firestore.FirestoreUsers(database),
        firestore.FirestoreInteractions(database),
        firestore.FirestoreCounters(database),
        firestore.FirestorePersonal(database),
        firestore.FirestoreDeadLetters(database),
        firestore.FirestoreBookmarks(database),
        firestore.FirestoreRules(database),
        database.close,
        lambda: database.listed,
    )
