"""Fixtures of the contract tests: every adapter of the ports is a parameter."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.adapters.firestore import Database
from shared.adapters.firestore.events import FirestoreEvents
from shared.adapters.objects.cloudstorage import CloudObjects
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.sqlite.events import SqliteEvents
from shared.adapters.stores import open_documents
from shared.ports import Documents, ObjectStore
from shared.schema import Schema
from tests.contract.app import APP
from tests.stores import keys

_ID_COLUMNS = {
    "events": "event_id",
    "users": "user_id",
    "interactions": "interaction_id",
    "rules": "rules_id",
    "experiments": "experiment_id",
}


@dataclass(frozen=True)
class Stores:
    """Document stores under test.

    Attributes
    ----------
    documents : the ports of the store.
    spoil : sets fields of a stored document without the adapter, as another program could.
    """

    documents: Documents
    spoil: Callable[[str, str, Mapping[str, object]], None]


@pytest.fixture(params=["sqlite-file", "sqlite-memory", pytest.param("firestore", marks=pytest.mark.emulator)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "firestore":
        yield from _firestore_stores(request.getfixturevalue("firestore_project"), Schema())
        return
    documents = open_documents(
        f"sqlite:{tmp_path / 'new' / 'documents.db'}" if "file" in request.param else "sqlite::memory:", keys
    )

    def spoil(collection: str, document_id: str, fields: Mapping[str, object]) -> None:
        assert isinstance(documents.events, SqliteEvents)
        with documents.events._database.transaction() as connection:
            connection.execute(
                f"UPDATE {collection} SET document = json_patch(document, ?) WHERE {_ID_COLUMNS[collection]} = ?",  # noqa: S608
                (json.dumps(fields), document_id),
            )

    yield Stores(documents, spoil)
    documents.close()


@pytest.fixture
def app_stores(firestore_project: str) -> Iterator[Stores]:
    """Firestore documents of an app that has names of its own."""
    yield from _firestore_stores(firestore_project, APP)


@pytest.fixture
def database(firestore_project: str) -> Iterator[Database]:
    database = Database(firestore_project, keys)
    yield database
    database.close()


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.emulator)])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "folder":
        yield FolderObjects(tmp_path)
        return
    store = CloudObjects(request.getfixturevalue("bucket"))
    yield store
    store.close()


@pytest.fixture
def bucket(storage_host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Empty bucket on the emulator."""
    from google.cloud.storage import Client

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_host)
    name = f"test-{uuid.uuid4().hex[:12]}"
    client = Client()
    client.create_bucket(name)
    client.close()
    return name


def _firestore_stores(project: str, schema: Schema) -> Iterator[Stores]:
    documents = open_documents(f"firestore:{project}", keys, schema)

    def spoil(collection: str, document_id: str, fields: Mapping[str, object]) -> None:
        assert isinstance(documents.events, FirestoreEvents)
        database = documents.events._database
        named = {database.names.path(collection, name): value for name, value in fields.items()}
        database.document(collection, document_id).update(named)

    yield Stores(documents, spoil)
    documents.close()
