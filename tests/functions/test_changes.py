"""Functions `event` and `monitor`: changed events reach the lists, and counts are reconciled."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions.event import event
from functions.interaction import interaction
from functions.wiring import Services
from shared.adapters.cloudevent import encode_change
from shared.entities import Event, InteractionType, Status
from shared.errors import StoreUnavailable
from shared.ports import Documents
from tests.deployment import REFRESH, Clock, created, delivered
from tests.examples import DAY, NOW, an_event, an_interaction

Wire = Callable[..., Services]


@pytest.fixture(autouse=True)
def _wired(wire: Wire) -> None:
    wire()


def written(event_id: str, fields: dict[str, Any] | None) -> Any:
    return delivered(encode_change("events", event_id, fields))


def shown(client: FlaskClient) -> set[str]:
    items = client.get("/api/v1/recommendations", query_string={"limit": "100"}).get_json()["items"]
    return {item["event_id"] for item in items}


def write_behind(store: Documents, given: Event) -> None:
    """Write an event as another program does, with an old `updated_at`."""
    store.events.put([given], now=NOW - 100 * DAY)


def test_a_new_event_without_a_stamp_is_listed_after_the_next_refresh(
    client: FlaskClient, store: Documents, clock: Clock
) -> None:
    client.post("/retrain")
    clock.forward()
    shown(client)
    new = an_event("new", category="jazz", starts_at=NOW + DAY)
    write_behind(store, new)
    clock.forward()
    assert "new" not in shown(client)
    event(written("new", new.to_document()))
    clock.forward()
    assert "new" in shown(client)
    assert timedelta(seconds=60) > REFRESH


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.HIDDEN, Status.SOLD_OUT])
def test_a_cancelled_event_is_not_listed_after_the_next_refresh(
    client: FlaskClient, store: Documents, clock: Clock, status: Status
) -> None:
    assert "yoga_9" in shown(client)
    changed = an_event("yoga_9", status=status)
    write_behind(store, changed)
    for _ in range(2):
        event(written("yoga_9", changed.to_document()))
    clock.forward()
    assert "yoga_9" not in shown(client)


def test_a_deleted_event_is_not_listed_after_the_next_refresh(
    client: FlaskClient, store: Documents, clock: Clock
) -> None:
    assert "yoga_9" in shown(client)
    # No other program deletes from SQLite, so the event is hidden without the function.
    write_behind(store, an_event("yoga_9", status=Status.HIDDEN))
    event(written("yoga_9", None))
    clock.forward()
    assert "yoga_9" not in shown(client)


def test_an_unreadable_event_is_reported_until_it_is_corrected(
    store: Documents, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {"title": "Jazz", "status": "gone"}
    event(written("bad", bad))
    (record,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    said = json.loads(record.message)
    assert (said["message"], said["event_id"]) == ("event cannot be read", "bad")
    assert said["reason"].startswith("status: expected one of published")
    event(written("bad", bad))
    (letter,) = store.dead_letters.since(NOW)
    assert (letter.collection, letter.document_id, letter.reason) == ("events", "bad", said["reason"])
    event(written("bad", bad | {"status": "published", "price": "on request"}))
    assert list(store.dead_letters.since(NOW)) == []


@pytest.mark.parametrize("data", [b"", b"\xff\xff no protobuf", None, {"json": True}])
def test_a_malformed_delivery_is_acknowledged_and_logged(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    event(delivered(data))
    (record,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert "delivery_1" in record.message


def test_monitor_counts_what_triggers_leave_to_it_and_logs_a_report(
    client: FlaskClient, store: Documents, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    click = an_interaction("u", "jazz_1", InteractionType.CLICK, recorded_at=NOW)
    lost = an_interaction("v", "jazz_1", InteractionType.SAVE, recorded_at=NOW)
    store.interactions.append([click, lost], now=NOW)
    interaction(created(click.interaction_id, click.to_document()))
    clock.forward(timedelta(minutes=30))
    with caplog.at_level(logging.INFO):
        answer = client.post("/monitor")
    assert answer.status_code == 200
    body = answer.get_json()
    assert (body["settled"], body["lost"], body["remembered"]) == (1, 1, 0)
    (record,) = [entry for entry in caplog.records if "counts reconciled" in entry.message]
    assert (record.levelno, json.loads(record.message)["lost"]) == (logging.WARNING, 1)
    ((event_id, counts, _),) = store.counters.changed_since(NOW)
    assert (event_id, sum(counts.by_type.values())) == ("jazz_1", 2)
    assert client.post("/monitor").get_json()["interactions"] == 0


def test_monitor_lets_old_interactions_expire_and_reports_how_many(
    client: FlaskClient, wire: Wire, store: Documents
) -> None:
    old = [an_interaction("u", f"jazz_{n}", occurred_at=NOW - 400 * DAY) for n in range(3)]
    store.interactions.append([*old, an_interaction("v", "jazz_1", occurred_at=NOW - 399 * DAY)], now=NOW - DAY)
    assert client.post("/monitor").get_json()["expired"] == 0
    wire(keep_days=399)
    assert client.post("/monitor").get_json()["expired"] == 3
    assert client.post("/monitor").get_json()["expired"] == 0
    assert store.interactions.known([entry.interaction_id for entry in old]) == set()


@pytest.mark.parametrize("part", ["expire", "forgotten"])
def test_monitor_says_that_a_store_does_not_answer(
    client: FlaskClient, store: Documents, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail(*_args: object, **_given: object) -> None:
        raise StoreUnavailable("the store is down")

    store.interactions.append([an_interaction("v", "jazz_1", recorded_at=NOW)], now=NOW - DAY)
    monkeypatch.setattr(store.personal, part, fail)
    answer = client.post("/monitor")
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")


def test_a_get_request_to_monitor_is_refused_without_a_read(client: FlaskClient) -> None:
    answer = client.get("/monitor")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
