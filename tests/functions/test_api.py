"""HTTPS function `api`: responses, refusals, access control and failures."""

import io
import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions import wiring
from functions.responses import UNAVAILABLE
from shared.errors import ArtifactError, Conflict, StoreUnavailable
from shared.ports import Documents
from shared.ranking.cards import CARD_FIELDS
from tests import laws
from tests.deployment import Clock, Wire
from tests.examples import NOW
from tests.stores import Outage, fragile

RECOMMENDATIONS = "/api/v1/recommendations"
INTERACTIONS = "/api/v1/interactions"
HEALTH = "/api/v1/health"
CLICK = {"type": "click", "event_id": "jazz_1"}


def _problem(response: TestResponse, status: int) -> dict[str, Any]:
    """Problem document of a refusal, checked for its format."""
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "private, no-store"
    body: dict[str, Any] = response.get_json(force=True)
    assert body["status"] == status
    assert {"title", "detail"} <= body.keys()
    return body


def _shown(client: FlaskClient, **query: str) -> list[str]:
    response = client.get(RECOMMENDATIONS, query_string={"limit": "100"} | query)
    assert response.status_code == 200
    return [item["event_id"] for item in response.get_json()["items"]]


def test_a_warm_user_gets_a_list_with_reasons(client: FlaskClient, clock: Clock) -> None:
    client.post("/retrain")
    clock.forward()
    response = client.get(RECOMMENDATIONS, query_string={"user_id": "jazz_fan_0", "limit": "3"})
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "private, no-store"
    body = response.get_json()
    assert body.keys() == {"recommendation_id", "model_version", "items", "next_cursor", "degraded"}
    assert body["model_version"].startswith("20260501T120000Z-id")
    assert body["degraded"] == []
    assert len(body["items"]) == 3
    first = body["items"][0]
    assert first.keys() == {"event_id", *CARD_FIELDS, "score", "source", "reasons", "reason_codes"}
    assert first["event_id"].startswith("jazz_")
    assert first["title"] == first["event_id"].replace("_", " ").title()
    assert first["starts_at"].endswith("T21:00:00Z")
    assert first["source"] not in laws.FALLBACKS
    assert first["reasons"][0].startswith("because you booked Jazz ")


def test_an_unknown_user_gets_the_list_of_a_cold_start_user(client: FlaskClient) -> None:
    cold_start = client.get(RECOMMENDATIONS).get_json()
    unknown = client.get(RECOMMENDATIONS, query_string={"user_id": "nobody_knows"}).get_json()
    assert len(cold_start["items"]) == 10
    assert {item["source"] for item in cold_start["items"]} <= laws.FALLBACKS
    assert unknown["items"] == cold_start["items"]
    assert unknown["recommendation_id"] != cold_start["recommendation_id"]


@pytest.mark.parametrize("limit", [1, 9, 10, 99, 100])
def test_every_limit_in_range_is_accepted(client: FlaskClient, limit: int) -> None:
    assert len(_shown(client, limit=str(limit))) == min(limit, 2 * laws.LIVE_EVENTS)


@pytest.mark.parametrize(
    "limit", ["0", "101", "1000", "10000000000000000000000", "abc", "01", "00", "-1", "1.0", " 1", "", "²", "１", "1\n"]
)
def test_an_invalid_limit_is_refused_by_name(client: FlaskClient, limit: str) -> None:
    problem = _problem(client.get(RECOMMENDATIONS, query_string={"limit": limit}), 400)
    assert problem["field"] == "limit"
    assert problem["detail"] == f"limit: expected a whole number in 1..100, got {limit!r}"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=5&limit=6", "limit"),
        ("user_id=a&user_id=b", "user_id"),
        ("k=5", "k"),
        ("LIMIT=5", "LIMIT"),
        ("user_id=a%2Fb", "user_id"),
        ("user_id=" + "x" * 129, "user_id"),
        ("user_id=%00", "user_id"),
        ("user_id=__x__", "user_id"),
        ("=5", ""),
    ],
)
def test_unknown_repeated_or_malformed_parameters_are_refused_by_name(
    client: FlaskClient, query: str, field: str
) -> None:
    assert _problem(client.get(f"{RECOMMENDATIONS}?{query}"), 400)["field"] == field


def test_health_reports_the_model_and_takes_no_parameters(client: FlaskClient, clock: Clock) -> None:
    assert _problem(client.get(f"{HEALTH}?verbose=1"), 400)["field"] == "verbose"
    live = 2 * laws.LIVE_EVENTS
    fresh: dict[str, Any] = {
        "status": "ok",
        "degraded": [],
        "model_version": None,
        "model_age_s": None,
        "live_events": live,
    }
    assert client.get(HEALTH).get_json() == fresh
    version = client.post("/retrain").get_json()["version"]
    clock.forward()
    assert client.get(HEALTH).get_json() == fresh | {"model_version": version, "model_age_s": 30}


@pytest.mark.parametrize("path", ["/api/v1", "/api/v2/recommendations", f"{RECOMMENDATIONS}/extra", "/api/é"])
def test_unknown_paths_are_not_found(client: FlaskClient, path: str) -> None:
    assert "/api/v1/recommendations" in _problem(client.get(path), 404)["detail"]


def test_a_trailing_slash_is_ignored(client: FlaskClient) -> None:
    assert client.get(f"{RECOMMENDATIONS}/").status_code == 200


@pytest.mark.parametrize(("path", "allowed"), [(RECOMMENDATIONS, "GET"), (INTERACTIONS, "POST"), (HEALTH, "GET")])
def test_a_wrong_method_gets_405_with_the_allowed_methods(client: FlaskClient, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {allowed}:
        response = client.open(path, method=method, json={})
        _problem(response, 405)
        assert response.headers["Allow"] == allowed


def _get(client: FlaskClient, user_id: str | None, token: str | None) -> TestResponse:
    query = {"user_id": user_id} if user_id else {}
    headers = {"Authorization": token} if token is not None else {}
    return client.get(RECOMMENDATIONS, query_string=query, headers=headers)


def _post(client: FlaskClient, user_id: str | None, token: str | None) -> TestResponse:
    body = {"interactions": [CLICK]} | ({"user_id": user_id} if user_id else {})
    headers = {"Authorization": token} if token is not None else {}
    return client.post(INTERACTIONS, json=body, headers=headers)


@pytest.mark.parametrize(
    ("user_id", "token", "get", "post"),
    [
        (None, None, 200, 401),
        ("alice", None, 401, 401),
        ("alice", "Bearer user:alice", 200, 200),
        (None, "Bearer user:alice", 200, 200),
        ("alice", "bearer user:alice", 200, 200),
        ("alice", "Bearer user:bob", 403, 403),
        ("alice", "Bearer admin:root", 200, 200),
        ("alice", "Bearer forged", 401, 401),
        (None, "Bearer forged", 401, 401),
        ("alice", "Bearer ", 401, 401),
        ("alice", "Basic user:alice", 401, 401),
        ("alice", "user:alice", 401, 401),
        ("alice", "Bearer down", 503, 503),
    ],
)
def test_acting_for_a_user_needs_the_user_s_or_an_admin_s_token(
    wire: Wire, client: FlaskClient, user_id: str | None, token: str | None, get: int, post: int
) -> None:
    wire(require_auth=True)
    for response, status in ((_get(client, user_id, token), get), (_post(client, user_id, token), post)):
        if status == 200:
            assert response.status_code == 200
        else:
            _problem(response, status)
        assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_the_acting_user_is_the_token_s(wire: Wire, client: FlaskClient, store: Documents) -> None:
    wire(require_auth=True)
    _post(client, None, "Bearer user:alice")
    _post(client, "bob", "Bearer admin:root")
    fresh = [interaction.user_id for interaction in store.interactions.since(NOW)]
    assert sorted(fresh) == ["alice", "bob"]
    client.post("/retrain")
    taken = laws.seen(laws.city(), "jazz_fan_0")
    mine = _get(client, None, "Bearer user:jazz_fan_0").get_json()["items"]
    assert not taken & {item["event_id"] for item in mine}


def test_a_batch_is_answered_entry_by_entry(client: FlaskClient, store: Documents) -> None:
    entries = [CLICK, {"type": "dance"}, 5, {"type": "booking", "event_id": "yoga_1"}]
    response = client.post(INTERACTIONS, json={"user_id": "u", "interactions": entries})
    assert response.status_code == 200
    body = response.get_json()
    assert body["accepted"] == ["click:1:u:20260501:jazz_1", "booking:1:u:yoga_1"]
    assert [(entry["index"], entry["field"]) for entry in body["rejected"]] == [(1, "type"), (2, "interactions")]
    assert all("expected" in entry["reason"] for entry in body["rejected"])
    assert {interaction.interaction_id for interaction in store.interactions.since(NOW)} == set(body["accepted"])


def test_a_text_plain_body_is_read_as_json(client: FlaskClient) -> None:
    body = json.dumps({"user_id": "u", "interactions": [CLICK]})
    assert client.post(INTERACTIONS, data=body, content_type="text/plain;charset=UTF-8").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"\xff\xfe", "body"),
        (b"{'interactions': []}", "body"),
        (b"[" * 100_000, "body"),
        (b'{"a":' * 100_000, "body"),
        (b'{"interactions": [' + b"1" * 5_000 + b"]}", "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (b"{}", "interactions"),
        (b'{"interactions": {}}', "interactions"),
        (b'{"interactions": []}', "interactions"),
        (json.dumps({"interactions": [CLICK], "user_id": ["u"]}).encode(), "user_id"),
        (json.dumps({"interactions": [CLICK], "user_id": "a/b"}).encode(), "user_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:24]),
)
def test_a_malformed_batch_is_refused_by_field(client: FlaskClient, body: bytes, field: str) -> None:
    assert _problem(client.post(INTERACTIONS, data=body), 400)["field"] == field


def test_a_batch_of_501_entries_is_too_large(client: FlaskClient) -> None:
    response = client.post(INTERACTIONS, json={"user_id": "u", "interactions": [CLICK] * 501})
    assert _problem(response, 413)["field"] == "interactions"


def test_a_batch_of_500_entries_is_accepted(client: FlaskClient) -> None:
    entries = [CLICK | {"event_id": f"e{number}"} for number in range(500)]
    response = client.post(INTERACTIONS, json={"user_id": "u", "interactions": entries})
    assert len(response.get_json()["accepted"]) == 500


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_over_a_megabyte_is_refused_with_or_without_content_length(
    client: FlaskClient, *, is_chunked: bool
) -> None:
    body = json.dumps({"user_id": "u", "interactions": [CLICK | {"session_id": "x" * 1_000_000}]}).encode()
    if is_chunked:
        stream = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        response = client.post(INTERACTIONS, input_stream=io.BytesIO(body), environ_overrides=stream)
    else:
        response = client.post(INTERACTIONS, data=body)
    problem = _problem(response, 413)
    assert problem["field"] == "body"
    assert f"{len(body)} bytes" in problem["detail"] or is_chunked


@pytest.mark.parametrize("depth", range(700, 1_000, 20))
def test_an_entry_nested_to_any_depth_is_rejected_or_refused(client: FlaskClient, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    body = f'{{"user_id": "u", "interactions": [{{"type": {nested}, "event_id": "e"}}]}}'
    response = client.post(INTERACTIONS, data=body)
    assert response.status_code in {200, 400}
    if response.status_code == 200:
        assert response.get_json()["rejected"][0]["field"] == "type"


def test_interactions_need_a_user(client: FlaskClient) -> None:
    _problem(client.post(INTERACTIONS, json={"interactions": [CLICK]}), 401)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (RuntimeError("secret: /etc/passwd"), 500),
        (KeyError("secret"), 500),
        (ArtifactError("secret: models/x"), 500),
        (StoreUnavailable("secret: /var/lib/documents.db is down", retry_after_s=3), 503),
        (Conflict("another writer was first"), 409),
    ],
)
def test_a_failure_gives_the_client_a_problem_document_and_the_log_the_cause(
    wire: Wire, client: FlaskClient, caplog: pytest.LogCaptureFixture, failure: Exception, status: int
) -> None:
    def fail() -> int:
        raise failure

    caplog.set_level(logging.INFO)
    with wiring.use(replace(wire(), seed=fail)):
        response = client.get(RECOMMENDATIONS)
    problem = _problem(response, status)
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    said = {500: "the server failed; its log says why", 503: UNAVAILABLE}.get(status, str(failure))
    assert problem["detail"] == said
    assert response.headers.get("Retry-After") == ("3" if status == 503 else None)
    assert str(failure) in caplog.text


def test_without_the_history_the_list_is_degraded(
    wire: Wire, client: FlaskClient, store: Documents, clock: Clock
) -> None:
    client.post("/retrain")
    clock.forward()
    wire(fragile(store, users=Outage(is_on=True)))
    body = client.get(RECOMMENDATIONS, query_string={"user_id": "jazz_fan_0"}).get_json()
    assert body["degraded"] == ["history"]
    assert len(body["items"]) == 10


def test_without_events_health_is_degraded(wire: Wire, client: FlaskClient, store: Documents) -> None:
    wire(fragile(store, events=Outage(is_on=True)))
    body = client.get(HEALTH).get_json()
    assert (body["status"], body["degraded"], body["live_events"]) == ("degraded", ["events"], 0)
    assert client.get(RECOMMENDATIONS).get_json()["items"] == []
