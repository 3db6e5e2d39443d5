"""Store registry: the kinds of stores, a line each, and functions that open them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from shared.adapters.objects.folder import FolderObjects
from shared.ports import Documents, ObjectStore
from shared.settings import check_store


def open_documents(place: str) -> Documents:
    """Document store of a place `KIND:NAME`, see `DOCUMENTS`; nothing is read or written before the first use.

    Raises `SettingsError` for another kind. Missing parent folders of a file are created.
    """
    kind, _, name = check_store(place, DOCUMENTS, "documents").partition(":")
    return DOCUMENTS[kind](name)


def open_objects(place: str) -> ObjectStore:
    """Object store of a place `KIND:NAME`, see `OBJECTS`; a missing folder is created.

    Raises `SettingsError` for another kind.
    """
    kind, _, name = check_store(place, OBJECTS, "objects").partition(":")
    return OBJECTS[kind](name)


def _sqlite(path: str) -> Documents:
    # Each kind of store is imported where it is used, since no instance needs two.
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


def _folder(path: str) -> ObjectStore:
    Path(path).mkdir(parents=True, exist_ok=True)
    return FolderObjects(path)


def _bucket(name: str) -> ObjectStore:
    from shared.adapters.objects.cloudstorage import CloudObjects

    return CloudObjects(name)


DOCUMENTS: Final[Mapping[str, Callable[[str], Documents]]] = {"sqlite": _sqlite, "firestore": _firestore}
"""Document stores: a file, or a Google Cloud project."""

OBJECTS: Final[Mapping[str, Callable[[str], ObjectStore]]] = {"folder": _folder, "gs": _bucket}
"""Object stores: a folder, or a bucket of Cloud Storage."""
