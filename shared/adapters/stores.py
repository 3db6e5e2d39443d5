"""Store registry: the kinds of stores, a line each, and functions that open them."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from shared.entities import KeySource
from shared.ports import Documents, ObjectStore
from shared.schema import Schema
from shared.settings import check_emulated, check_store

DOCUMENTS: Final[Mapping[str, str]] = {
    "sqlite": "shared.adapters.sqlite.documents",
    "firestore": "shared.adapters.firestore.documents",
}
"""Document stores: the module whose `open_store` opens one, by kind. It is imported then: no instance needs two."""

OBJECTS: Final[Mapping[str, str]] = {
    "folder": "shared.adapters.objects.folder",
    "gs": "shared.adapters.objects.cloudstorage",
}
"""Object stores: the module whose `open_store` opens one, by kind."""

LOCAL: Final = frozenset({"sqlite", "folder"})
"""Kinds of stores whose data is on the disk of this machine: Google Cloud, where that is memory, refuses them."""

_NAMES: Final = Schema()
"""Marquee's own names of collections and fields."""


def open_documents(place: str, keys: KeySource, schema: Schema = _NAMES, timezone: str = "") -> Documents:
    """Document store of a place `KIND:NAME`, see `DOCUMENTS`; nothing is read or written before the first use.

    `keys` gives the keys of the deployment, see `adapters/keys.py`: the store holds some names under keyed hashes.
    `schema` names the collections and fields of a store that the app shares, `timezone` the time zone of ISO texts
    without an offset in it, see `adapters/translation.py`.
    Raises `SettingsError` for another kind, and for a store in production beside emulators. Missing parent folders of a
    file are created.
    """
    kind, _, name = check_store(place, DOCUMENTS, "documents").partition(":")
    check_emulated(place, os.environ, "documents")
    store: Documents = import_module(DOCUMENTS[kind]).open_store(name, keys, schema, timezone)
    return store


def open_objects(place: str) -> ObjectStore:
    """Object store of a place `KIND:NAME`, see `OBJECTS`; a missing folder is created.

    Raises `SettingsError` for another kind, and for a store in production beside emulators.
    """
    kind, _, name = check_store(place, OBJECTS, "objects").partition(":")
    check_emulated(place, os.environ, "objects")
    store: ObjectStore = import_module(OBJECTS[kind]).open_store(name)
    return store
