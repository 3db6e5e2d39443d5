"""Firestore trigger `interaction`: new documents, repeated deliveries and unusable documents."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions import wiring
from functions.interaction import interaction
from functions.wiring import Services
from shared.entities import EventCounts, Interaction, InteractionType
from shared.errors import StoreUnavailable
from shared.feedback.popularity import counts_of
from shared.ports import Documents, Recorded
from tests import laws
from tests.deployment import Clock, created, delivered
from tests.examples import NOW, an_interaction
from tests.stores import FragileCounters, Outage

ONE = an_interaction("curious", "jazz_1", InteractionType.SAVE, recorded_at=NOW)
CLICK = an_interaction("curious", "jazz_1", InteractionType.CLICK, recorded_at=NOW)

Wire = Callable[..., Services]


def _document(entity: Interaction = ONE, **changes: Any) -> dict[str, Any]:
    return entity.to_document() | changes


def _counts(store: Documents) -> dict[str, dict[str, int]]:
    return {
        event_id: {kind.value: n for kind, n in counts.by_type.items()}
        for event_id, counts, _ in store.counters.changed_since(None)
    }


@pytest.fixture(autouse=True)
def _wired(wire: Wire) -> None:
    wire()


def test_a_document_enters_the_history_and_the_counts(store: Documents) -> None:
    interaction(created(ONE.interaction_id, _document()))
    assert _counts(store) == {"jazz_1": {"save": 1}}
    ((_, counts, updated_at),) = store.counters.changed_since(None)
    assert counts == counts_of(ONE)
    assert updated_at == NOW
    (entry,) = store.users.profile("curious", timeout_s=1).history
    assert (entry.type, entry.event_id, entry.occurred_at) == (InteractionType.SAVE, "jazz_1", ONE.occurred_at)


def test_a_repeated_delivery_is_counted_once(store: Documents, clock: Clock) -> None:
    interaction(created(ONE.interaction_id, _document()))
    clock.forward()
    interaction(created(ONE.interaction_id, _document(), event_id="delivery_2"))
    interaction(created(ONE.interaction_id, _document()))
    assert _counts(store) == {"jazz_1": {"save": 1}}
    assert len(store.users.profile("curious", timeout_s=1).history) == 1


def test_interactions_counted_by_a_bulk_load_are_not_counted_again(store: Documents) -> None:
    interaction(created(ONE.interaction_id, _document(counted=True)))
    assert _counts(store) == {}
    assert store.users.profile("curious", timeout_s=1).history == ()


@pytest.mark.parametrize("counted", [False, "true", 1])
def test_only_true_means_counted(store: Documents, counted: object) -> None:
    interaction(created(ONE.interaction_id, _document(counted=counted)))
    assert _counts(store) == {"jazz_1": {"save": 1}}


@pytest.mark.parametrize(
    "event",
    [
        delivered(b"\xff\xff no protobuf"),
        delivered(b""),
        delivered(None),
        delivered({"json": True}),
        created("x", {}),
        created("x", _document(type="dance")),
        created("x", _document(user_id=5)),
        created("x", _document(user_id="a/b")),
        created("x", _document(occurred_at="yesterday")),
        created("x", _document(event_id="")),
        created("x", _document(recorded_at=None)),
        created("x", _document(an_interaction(kind=InteractionType.RATING, value=9.0))),
        created("__x__", _document()),
    ],
)
def test_an_unusable_document_is_acknowledged_logged_and_becomes_a_dead_letter(
    store: Documents, caplog: pytest.LogCaptureFixture, event: Any
) -> None:
    for _ in range(2):
        caplog.clear()
        interaction(event)
        (record,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
        assert "interaction refused" in record.message
        assert "delivery_1" in record.message
    assert _counts(store) == {}
    (letter,) = store.dead_letters.since(NOW)
    assert letter.collection == "interactions"
    assert letter.reason in json.loads(record.message)["reason"]
    assert "curious" not in letter.key


def test_a_dead_letter_belongs_to_its_user_s_personal_data(store: Documents) -> None:
    interaction(created("x", _document(type="dance")))
    (letter,) = store.dead_letters.since(NOW)
    assert (letter.user_id, letter.document_id, json.loads(letter.data)["type"]) == ("curious", "x", "dance")
    assert [held.collection for held in store.personal.of("curious")][-1] == "dead_letters"


def test_a_failing_store_raises_so_that_the_delivery_is_retried(wire: Wire, store: Documents) -> None:
    def put(state: Interaction, counts: EventCounts, *, now: datetime) -> Recorded:
        raise StoreUnavailable("the store is down")

    down = FragileCounters(store.counters, Outage())
    down.put = put
    with (
        wiring.use(wire(replace(store, counters=down))),
        pytest.raises(StoreUnavailable),
    ):
        interaction(created(ONE.interaction_id, _document()))


def test_the_next_list_reflects_an_interaction_without_a_retrain(client: FlaskClient, clock: Clock) -> None:
    client.post("/retrain")
    clock.forward()

    def first() -> dict[str, Any]:
        query = {"user_id": "curious", "limit": "2"}
        items = client.get("/api/v1/recommendations", query_string=query).get_json()["items"]
        # An event is no reason for itself.
        return next(dict(item) for item in items if item["event_id"] != CLICK.event_id)

    assert first()["source"] in laws.FALLBACKS
    interaction(created(CLICK.interaction_id, _document(CLICK)))
    assert first()["source"] == "content"
    assert first()["event_id"].startswith("jazz_")
    assert first()["reasons"][0] == "because you looked at Jazz 1"


def test_a_booked_event_leaves_the_list_at_once(client: FlaskClient) -> None:
    def shown() -> set[str]:
        query = {"user_id": "curious", "limit": "100"}
        items = client.get("/api/v1/recommendations", query_string=query).get_json()["items"]
        return {item["event_id"] for item in items}

    before = shown()
    booking = an_interaction("curious", "jazz_2", recorded_at=NOW)
    interaction(created(booking.interaction_id, booking.to_document()))
    assert before - shown() == {"jazz_2"}


def test_popularity_changes_all_lists_after_the_next_refresh(client: FlaskClient, clock: Clock) -> None:
    def first() -> str:
        return str(client.get("/api/v1/recommendations").get_json()["items"][0]["event_id"])

    assert first() != "yoga_9"
    clock.forward()
    for number in range(3):
        booking = an_interaction(f"crowd_{number}", "yoga_9", occurred_at=NOW, recorded_at=NOW)
        interaction(created(booking.interaction_id, booking.to_document()))
    clock.forward()
    assert first() == "yoga_9"
