"""Named database: everything that a deployment stores is in the database that its settings name, and in no other."""

from datetime import timedelta
from pathlib import Path

import pytest
import requests

from jobs import load
from jobs.sample import write_sample
from shared.adapters.stores import open_documents
from shared.entities import InteractionType, User
from shared.schema import DEFAULT_DATABASE, Schema
from shared.services.ingest.friends import share_profiles
from shared.services.ingest.record import count
from tests.contract.examples import NOW, SECOND
from tests.examples import an_event, an_interaction
from tests.stores import keys

pytestmark = pytest.mark.emulator

DATABASE = "shows-2"


def collections(host: str, project: str, database: str) -> list[str]:
    url = f"http://{host}/v1/projects/{project}/databases/{database}/documents:listCollectionIds"
    answer = requests.post(url, json={}, headers={"Authorization": "Bearer owner"}, timeout=30)
    assert answer.status_code == 200, answer.text
    return sorted(answer.json().get("collectionIds", []))


def test_every_store_reads_and_writes_the_named_database_alone(firestore_host: str, firestore_project: str) -> None:
    documents = open_documents(f"firestore:{firestore_project}", keys, Schema(database=DATABASE))
    other = open_documents(f"firestore:{firestore_project}", keys)
    try:
        documents.events.put([an_event("e", starts_at=NOW, ends_at=NOW + timedelta(hours=2))], now=NOW)
        documents.events.touch("e", now=NOW)
        documents.users.put([User(user_id="ann", friends=("bob",)), User(user_id="bob", friends=("ann",))], now=NOW)
        booking = an_interaction("ann", "e", InteractionType.BOOKING, occurred_at=NOW - SECOND, recorded_at=NOW)
        documents.interactions.append([booking], now=NOW)
        count(documents, booking, now=NOW)
        share_profiles(documents, now=NOW)
        assert documents.users.profile("bob", timeout_s=10).friends_going == (("e", 1),)
        assert [event.event_id for event in documents.events.live(NOW)] == ["e"]
        assert list(documents.interactions.since(None)) == [booking]
        documents.personal.erase("bob", now=NOW + SECOND)
        documents.personal.mark("bob", at=NOW + SECOND)
        assert documents.personal.forgotten()
        found = collections(firestore_host, firestore_project, DATABASE)
        assert {"events", "users", "interactions", "counted", "event_counts", "histories", "forgotten"} <= set(found)
        assert collections(firestore_host, firestore_project, DEFAULT_DATABASE) == []
        assert list(other.events.live(NOW)) == []
    finally:
        documents.close()
        other.close()


def test_a_command_works_on_the_database_that_the_configuration_names(
    firestore_host: str, firestore_project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sample(tmp_path / "sample", users=5, events=5, interactions=20, seed=1, now=NOW)
    (tmp_path / "host.toml").write_text(f'[firestore]\ndatabase = "{DATABASE}"\n')
    monkeypatch.setenv("MARQUEE_CONFIG", str(tmp_path / "host.toml"))
    places = ["--store", f"firestore:{firestore_project}", "--objects", f"folder:{tmp_path / 'bucket'}"]
    assert load.main([str(tmp_path / "sample"), *places, "--rejected", str(tmp_path / "rejected.csv")]) == 0
    assert {"events", "users", "interactions"} <= set(collections(firestore_host, firestore_project, DATABASE))
    assert collections(firestore_host, firestore_project, DEFAULT_DATABASE) == []
