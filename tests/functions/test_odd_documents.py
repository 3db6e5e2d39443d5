"""Events and profiles with odd values: lists go on showing and using them, and the reports count them."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions.event import event
from jobs import outcome
from shared.adapters.cloudevent import encode_change
from shared.adapters.sqlite.events import SqliteEvents
from shared.entities import Status, User
from shared.ports import Documents
from shared.services.training.run import RunDocument
from tests.deployment import Clock, Wire, delivered
from tests.examples import DAY, NOW, an_event

SHOWN: Mapping[str, Any] = {
    "title": ["Jazz"],
    "description": "x" * 100_001,
    "category": {"name": "jazz"},
    "subcategory": True,
    "tags": "jazz, live",
    "organizer_id": {"path": "organizers/o"},
    "venue_id": "a/b",
    "city": [],
    "location": {"lat": "north", "lng": 0},
    "timezone": "CEST",
    "price": "25",
    "currency": "euros",
    "capacity": -1,
    "booked": "many",
    "image_url": "https://example.org/" + "x" * 2_000,
    "created_at": 1764331200000,
}
"""An odd value of every field that does not hide its event. SQLite has a column for `updated_at`."""
HIDDEN: Mapping[str, Any] = {"status": "Published", "starts_at": 1764331200000, "ends_at": "late"}
MENDED = {"description", "price", "created_at"}
ALICE = "alice-4711"
PROFILE: Mapping[str, Any] = {
    "birth_year": "1990",
    "friends": ["x" * 129, *map(str, range(1_500))],
    "gender": ["secret-5"],
}


def spoil(store: Documents, table: str, key: str, fields: Mapping[str, Any]) -> None:
    """Set fields of a document as another program does."""
    assert isinstance(store.events, SqliteEvents)
    with store.events._database.transaction() as connection:
        connection.execute(
            f"UPDATE {table} SET document = json_patch(document, ?) WHERE {table[:-1]}_id = ?",  # noqa: S608
            (json.dumps(fields), key),
        )


@pytest.fixture
def spoilt(store: Documents) -> Documents:
    """Store with an event for each odd field, an undated event and a profile with odd fields."""
    names = [*SHOWN, *HIDDEN]
    store.events.put([an_event(f"odd {name}", category="jazz", starts_at=NOW + 3 * DAY) for name in names], now=NOW)
    for name, value in {**SHOWN, **HIDDEN}.items():
        spoil(store, "events", f"odd {name}", {name: value})
    store.events.put([an_event("some day", title="Open jam", starts_at=None)], now=NOW)
    store.users.put([User(user_id=ALICE, preferred_categories=("jazz",))], now=NOW)
    spoil(store, "users", ALICE, PROFILE)
    return store


def shown(client: FlaskClient) -> set[str]:
    items = client.get("/api/v1/recommendations", query_string={"limit": "100"}).get_json()["items"]
    return {item["event_id"] for item in items if item["event_id"].startswith(("odd", "some"))}


def test_only_odd_times_and_status_hide_an_event_before_and_after_a_training(
    spoilt: Documents, client: FlaskClient, clock: Clock, wire: Wire
) -> None:
    wire(challengers_s=0.01)
    expected = {f"odd {name}" for name in SHOWN}
    assert shown(client) == expected
    client.post("/retrain")
    clock.forward()
    assert shown(client) == expected
    for name in SHOWN:
        assert client.get(f"/api/v1/events/odd {name}/similar").status_code == 200
    for name in HIDDEN:
        assert client.get(f"/api/v1/events/odd {name}/similar").status_code == 404


@pytest.mark.parametrize("name", [*SHOWN, *HIDDEN])
def test_an_event_that_becomes_odd_stays_unless_it_is_unsafe(
    store: Documents, client: FlaskClient, clock: Clock, name: str
) -> None:
    given = an_event("odd", category="jazz", starts_at=NOW + 3 * DAY)
    store.events.put([given], now=NOW)
    assert shown(client) == {"odd"}
    value = {**SHOWN, **HIDDEN}[name]
    spoil(store, "events", "odd", {name: value})
    event(delivered(encode_change("events", "odd", {**given.to_document(), name: value})))
    clock.forward()
    assert shown(client) == ({"odd"} if name in SHOWN else set())
    assert [letter.document_id for letter in store.dead_letters.since(NOW)] == (["odd"] if name in HIDDEN else [])


@pytest.mark.parametrize(
    "more", [{"deletedAt": datetime.max.replace(tzinfo=UTC)}, {"name": b"raw"}, {"x": [{"y": None}]}]
)
def test_a_cancellation_is_noticed_whatever_else_the_document_holds(
    store: Documents, client: FlaskClient, clock: Clock, more: Mapping[str, Any]
) -> None:
    store.events.put([an_event("odd", starts_at=NOW + 3 * DAY)], now=NOW)
    assert shown(client) == {"odd"}
    # Stored with an old stamp, so that only the function tells the change.
    store.events.put([an_event("odd", starts_at=NOW + 3 * DAY, status=Status.CANCELLED)], now=NOW - 100 * DAY)
    event(delivered(encode_change("events", "odd", {"status": "cancelled", **more})))
    clock.forward()
    assert shown(client) == set()


def assert_told(documents: Mapping[str, Any]) -> None:
    """Assert that a report tells everything about the spoilt store, and nothing about its user."""
    events, users = documents["events"], documents["users"]
    assert events["mended"] == dict.fromkeys(MENDED, 1)
    assert events["dropped"] == dict.fromkeys({*SHOWN, *HIDDEN} - MENDED, 1)
    assert events["hidden"]["count"] == len(HIDDEN)
    assert {each["event_id"]: each["field"] for each in events["hidden"]["events"]} == {
        f"odd {name}": name for name in HIDDEN
    }
    assert events["undated"] == {"count": 1, "events": [{"event_id": "some day", "title": "Open jam"}]}
    assert users["mended"] == {"birth_year": 1, "friends": 1}
    assert users["dropped"] == {"gender": 1}


def test_monitor_reports_what_changed_by_field_and_by_name(
    spoilt: Documents, client: FlaskClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert_told(client.post("/monitor").get_json()["documents"])
    (record,) = [entry for entry in caplog.records if "counts reconciled" in entry.message]
    assert record.levelno == logging.WARNING
    assert_told(json.loads(record.message)["documents"])
    assert ALICE not in caplog.text
    assert "secret-5" not in caplog.text
    # What changed shortly before a run is read once more by the next one.
    clock.forward(DAY)
    assert_told(client.post("/monitor").get_json()["documents"])
    clock.forward(DAY)
    assert [found["read"] for found in client.post("/monitor").get_json()["documents"].values()] == [0, 0]
    spoilt.events.put([an_event("new", starts_at=None)], now=clock.now)
    clock.forward()
    again = client.post("/monitor").get_json()["documents"]
    assert (again["events"]["read"], again["events"]["undated"]["count"]) == (1, 1)
    assert again["users"]["read"] == 0


def test_retrain_reports_all_documents_each_time(
    spoilt: Documents, client: FlaskClient, clock: Clock, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    objects = wire(challengers_s=0.01).objects
    for _ in range(2):
        with caplog.at_level(logging.INFO):
            answer = client.post("/retrain")
        assert_told(answer.get_json()["documents"])
        assert ALICE not in answer.text + caplog.text
        assert "secret-5" not in answer.text + caplog.text
        clock.forward(DAY)
    name = max(name for name in objects.names("runs/") if "lease" not in name)
    stored = objects.read(name)
    assert stored
    document = RunDocument.from_json(stored.data)
    assert_told(document.documents)
    earlier = {key: value for key, value in json.loads(stored.data).items() if key != "documents"}
    assert RunDocument.from_json(json.dumps(earlier).encode()).documents == {}
    printed = "\n".join(outcome.details(document))
    for words in ("price", "gender", "3 hidden events", "odd starts_at", "1 undated events", "Open jam"):
        assert words in printed


def test_an_odd_field_is_the_only_thing_that_a_request_misses_of_a_profile(
    spoilt: Documents, client: FlaskClient, clock: Clock
) -> None:
    client.post("/retrain")
    clock.forward()
    spoilt.users.put([User(user_id="twin", preferred_categories=("jazz",), birth_year=1990)], now=NOW)
    answers = {
        key: client.get("/api/v1/recommendations", query_string={"user_id": key, "limit": "20"}).get_json()
        for key in (ALICE, "twin", "stranger")
    }
    ids = {key: [item["event_id"] for item in answer["items"]] for key, answer in answers.items()}
    assert ids[ALICE] == ids["twin"] != ids["stranger"]
    assert [answers[key]["degraded"] for key in answers] == [["profile"], [], []]
    ranked = client.post("/api/v1/rank", json={"user_id": ALICE, "event_ids": ["jazz_1", "yoga_1"]}).get_json()
    assert ranked["degraded"] == ["profile"]


@pytest.mark.parametrize("fields", [{"birth_year": "1990"}, {"friends": [f"u{n}" for n in range(1_500)]}])
def test_what_is_mended_is_not_missing(store: Documents, client: FlaskClient, fields: Mapping[str, Any]) -> None:
    store.users.put([User(user_id=ALICE)], now=NOW)
    spoil(store, "users", ALICE, fields)
    answer = client.get("/api/v1/recommendations", query_string={"user_id": ALICE}).get_json()
    assert answer["degraded"] == []


def test_an_odd_profile_of_somebody_who_is_not_profiled_is_not_missed(store: Documents, client: FlaskClient) -> None:
    store.users.put([User(user_id=ALICE, profiling=False)], now=NOW)
    spoil(store, "users", ALICE, {"gender": 5})
    answer = client.get("/api/v1/recommendations", query_string={"user_id": ALICE}).get_json()
    assert answer["degraded"] == []
