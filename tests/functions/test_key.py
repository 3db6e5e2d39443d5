"""The deployment's key in the functions: read once, on first need, and what a damaged one stops."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from functions import wiring
from functions.interaction import interaction
from functions.wiring import Services
from shared.adapters.keys import KEY, StoredKeys
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.errors import StoreUnavailable
from shared.ports import Blob, Documents
from shared.settings import Settings
from tests.deployment import created
from tests.examples import NOW, an_interaction

Wire = Callable[..., Services]
TOKEN = {"Authorization": "Bearer user:somebody"}
SENT = {"interactions": [{"type": "save", "event_id": "jazz_1"}]}
BOOKING = an_interaction(recorded_at=NOW)


class CountedObjects(FolderObjects):
    """Folder that counts the reads of each object."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, name: str) -> Blob | None:
        self.reads.append(name)
        return super().read(name)


@pytest.fixture
def objects(tmp_path: Path) -> CountedObjects:
    (tmp_path / "bucket").mkdir()
    return CountedObjects(tmp_path / "bucket")


@pytest.fixture
def store(objects: CountedObjects) -> Iterator[Documents]:
    opened = open_documents("sqlite::memory:", StoredKeys(objects))
    yield opened
    opened.close()


def test_an_instance_reads_the_key_once_and_only_when_it_is_needed(
    objects: CountedObjects, client: FlaskClient, wire: Wire
) -> None:
    wire(require_auth=True)
    assert client.get("/api/v1/recommendations", headers=TOKEN).status_code in (200, 503)
    assert client.get("/api/v1/users/somebody/data", headers=TOKEN).status_code == 200
    assert objects.reads == []
    for _ in range(3):
        interaction(created(BOOKING.interaction_id, BOOKING.to_document()))
        assert client.post("/api/v1/interactions", json=SENT, headers=TOKEN).status_code == 200
    assert client.post("/monitor").status_code == 200
    assert client.delete("/api/v1/users/somebody", headers=TOKEN).status_code == 200
    assert objects.reads == [KEY]


def test_a_damaged_key_stops_what_needs_it_and_nothing_else(
    objects: CountedObjects, client: FlaskClient, wire: Wire
) -> None:
    objects.write(KEY, b"{", generation=0)
    wire(require_auth=True)
    assert client.get("/api/v1/users/somebody/data", headers=TOKEN).status_code == 200
    views = {"interactions": [{"type": "view", "event_id": "jazz_1"}, {"type": "search", "query": "jazz"}]}
    assert client.post("/api/v1/interactions", json=views, headers=TOKEN).status_code == 200
    for answer in (
        client.post("/api/v1/interactions", json=SENT, headers=TOKEN),
        client.delete("/api/v1/users/somebody", headers=TOKEN),
    ):
        assert answer.status_code == 503
        assert KEY not in answer.text
    with pytest.raises(StoreUnavailable, match=f"^{KEY} is damaged"):
        interaction(created(BOOKING.interaction_id, BOOKING.to_document()))
    assert FolderObjects.read(objects, KEY) is not None


def test_services_and_their_store_use_the_key_in_the_bucket(tmp_path: Path) -> None:
    places = Settings(documents=f"sqlite:{tmp_path / 'd.db'}", objects=f"folder:{tmp_path / 'bucket'}")
    one, other = wiring.build(places), wiring.build(places)
    one.documents.personal.mark("somebody", at=NOW)
    assert other.documents.personal.forgotten().at("somebody") == NOW
    assert one.keys() == other.keys()
    assert FolderObjects(tmp_path / "bucket").names("") == [KEY]
    for wired in (one, other):
        wired.documents.close()
