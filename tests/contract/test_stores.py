import subprocess
import sys
from pathlib import Path

import pytest

from shared.adapters.firestore import FirestoreCounters, FirestoreEvents, FirestoreInteractions, FirestoreUsers
from shared.adapters.objects.cloudstorage import CloudObjects
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.sqlite import SqliteEvents
from shared.adapters.stores import open_documents, open_objects
from shared.errors import SettingsError
from tests.stores import keys


def test_a_place_selects_the_kind_of_store(tmp_path: Path) -> None:
    files = open_documents(f"sqlite:{tmp_path}/a/documents.db", keys)
    cloud = open_documents("firestore:project", keys)
    assert isinstance(files.events, SqliteEvents)
    assert [type(store) for store in (cloud.events, cloud.users, cloud.interactions, cloud.counters)] == [
        FirestoreEvents,
        FirestoreUsers,
        FirestoreInteractions,
        FirestoreCounters,
    ]
    assert isinstance(open_objects(f"folder:{tmp_path}/b"), FolderObjects)
    assert isinstance(open_objects("gs:bucket"), CloudObjects)
    files.close()
    cloud.close()


@pytest.mark.parametrize("place", ["", "firestore", "firestore:", "gs:bucket", "mongo:db"])
def test_unknown_document_stores_are_refused(place: str) -> None:
    with pytest.raises(SettingsError, match=r"^documents: expected sqlite:… or firestore:…, got "):
        open_documents(place, keys)


@pytest.mark.parametrize("place", ["", "gs", "gs:", "firestore:project", "s3:bucket"])
def test_unknown_object_stores_are_refused(place: str) -> None:
    with pytest.raises(SettingsError, match=r"^objects: expected folder:… or gs:…, got "):
        open_objects(place)


def test_opening_imports_nothing_of_google() -> None:
    program = (
        "import sys; from shared.adapters.stores import open_documents, open_objects;"
        "open_documents('firestore:project', lambda: None); open_objects('gs:bucket');"
        "print([name for name, module in sys.modules.items() if name.startswith('google.') and module.__spec__.origin])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
