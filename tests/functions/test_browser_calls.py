"""Requests from browsers: CORS, App Check and ETags."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.deployment import Wire

HEALTH = "/api/v1/health"
LIST = "/api/v1/recommendations"
POST = "/api/v1/interactions"
APP = "https://app.example.com"


def test_an_allowed_origin_may_read_every_answer(wire: Wire, client: FlaskClient) -> None:
    wire(origins=(APP,))
    for path, status in ((HEALTH, 200), (f"{LIST}?k=5", 400), ("/api/v1/nothing", 404)):
        answer = client.get(path, headers={"Origin": APP})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, APP)
        assert answer.headers["Vary"] == "Origin"
        # The client asks the server's time and when to try again.
        assert answer.headers["Access-Control-Expose-Headers"] == "Date, Retry-After"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", f"{APP}.evil.example", "HTTPS://app.example.com"]
)
def test_other_origins_get_no_cors_headers(wire: Wire, client: FlaskClient, origin: str) -> None:
    wire(origins=(APP,))
    answer = client.get(HEALTH, headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


def test_without_configured_origins_none_is_allowed(client: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in client.get(HEALTH, headers={"Origin": APP}).headers


def test_a_preflight_needs_no_token_and_lists_methods_and_headers(wire: Wire, client: FlaskClient) -> None:
    wire(origins=(APP,), require_auth=True, require_app_check=True)
    answer = client.options("/api/v1/rules", headers={"Origin": APP, "Access-Control-Request-Method": "PUT"})
    assert (answer.status_code, answer.data) == (204, b"")
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Allow"] == "GET, PUT"


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("forged", 401), ("own app", 200)])
def test_app_check_protects_all_but_public_operations(
    wire: Wire, client: FlaskClient, token: str | None, status: int
) -> None:
    wire(require_app_check=True)
    headers = {"X-Firebase-AppCheck": token} if token else {}
    assert client.get(LIST, headers=headers).status_code == status
    assert client.get(HEALTH, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("header", "body", "status"),
    [
        (None, None, 401),
        (None, "", 401),
        (None, "forged", 401),
        (None, "own app", 200),
        ("own app", None, 200),
        ("own app", "forged", 200),
        ("forged", "own app", 401),
    ],
)
def test_a_beacon_has_the_token_of_app_check_in_its_body(
    wire: Wire, client: FlaskClient, header: str | None, body: str | None, status: int
) -> None:
    wire(require_app_check=True, require_auth=True)
    sent: dict[str, Any] = {"id_token": "user:u", "interactions": [{"type": "click", "event_id": "jazz_1"}]}
    if body is not None:
        sent["app_check_token"] = body
    headers = {"X-Firebase-AppCheck": header} if header else {}
    # As `sendBeacon` sends it.
    answer = client.post(POST, data=json.dumps(sent), content_type="text/plain", headers=headers)
    assert answer.status_code == status, answer.text


def test_the_token_of_app_check_is_taken_from_no_other_body(wire: Wire, client: FlaskClient) -> None:
    wire(require_app_check=True)
    sent = {"event_ids": ["jazz_1"], "app_check_token": "own app"}
    assert client.post("/api/v1/rank", json=sent).status_code == 401
    assert client.put("/api/v1/rules", json={"app_check_token": "own app"}).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/api/v1/docs"])
def test_an_unchanged_document_is_not_sent_again(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_lists_have_no_etag(client: FlaskClient) -> None:
    assert "ETag" not in client.get(LIST).headers
