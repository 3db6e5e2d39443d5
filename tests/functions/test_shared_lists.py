"""Lists that caches may keep: nobody's own, and no longer than all of their events last."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.routes.listing import SHARED_S
from shared.ports import Documents
from tests.deployment import Clock, Wire
from tests.examples import an_event
from tests.functions.test_lists import API, LISTS
from tests.stores import Outage, fragile

PRIVATE = "private, no-store"
SHARED = re.compile(r"public, max-age=(\d+), s-maxage=(\d+)")


def _get(client: FlaskClient, path: str, token: str = "", **query: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = client.get(API + path, query_string=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def _kept_s(answer: TestResponse) -> int:
    """Seconds for which two caches in a row keep an answer, 0 for a private one."""
    if answer.headers["Cache-Control"] == PRIVATE:
        return 0
    found = SHARED.fullmatch(answer.headers["Cache-Control"])
    assert found
    return int(found[1]) + int(found[2])


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("require_auth", [True, False])
def test_a_list_that_is_nobodys_may_be_kept_for_a_while(
    wire: Wire,
    client: FlaskClient,
    path: str,
    require_auth: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    wire(require_auth=require_auth)
    answer = _get(client, path, limit=3)
    assert _kept_s(answer) == SHARED_S
    assert answer.vary.as_set() == {"authorization"}
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("token", "query"),
    [
        ("user:jazz_fan_1", {}),
        ("user:jazz_fan_1", {"user_id": "jazz_fan_1"}),
        ("user:olga:jazz_club_1", {}),
        ("anonymous:visitor", {}),
        ("admin:root", {}),
        ("admin:root", {"user_id": "jazz_fan_1"}),
        ("admin:", {}),
    ],
)
def test_a_list_that_is_asked_for_with_a_token_is_kept_by_nobody(
    wire: Wire, client: FlaskClient, path: str, token: str, query: dict[str, str]
) -> None:
    wire(require_auth=True)
    answer = _get(client, path, token, **query)
    assert answer.headers["Cache-Control"] == PRIVATE
    assert "authorization" in answer.vary.as_set()


def test_a_list_of_a_session_or_of_a_named_user_is_kept_by_nobody(client: FlaskClient) -> None:
    assert _get(client, "/recommendations", recent="jazz_1").headers["Cache-Control"] == PRIVATE
    for path in LISTS:
        assert _get(client, path, user_id="jazz_fan_1").headers["Cache-Control"] == PRIVATE
    ranked = client.post(f"{API}/rank", json={"event_ids": ["jazz_1"]})
    assert ranked.headers["Cache-Control"] == PRIVATE


def test_a_list_is_not_kept_where_callers_must_prove_to_be_the_app(wire: Wire, client: FlaskClient) -> None:
    wire(require_app_check=True)
    answer = client.get(f"{API}/events/popular", headers={"X-Firebase-AppCheck": "own app"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, PRIVATE)


def test_a_kept_list_depends_on_the_origin_too_where_pages_of_others_may_read_it(
    wire: Wire, client: FlaskClient
) -> None:
    wire(origins=("https://app.example",))
    for origin in ("https://app.example", "https://other.example"):
        answer = client.get(f"{API}/events/popular", headers={"Origin": origin})
        assert answer.vary.as_set() == {"authorization", "origin"}


@pytest.mark.parametrize("left_s", [0, 1, 2, 3, 5, 20, 61, 62, 63, 100, 10_000])
@pytest.mark.parametrize("has_end", [True, False])
@pytest.mark.usefixtures("published")
def test_no_event_ends_while_a_list_with_it_is_kept(
    store: Documents,
    client: FlaskClient,
    clock: Clock,
    left_s: int,
    has_end: bool,  # noqa: FBT001  # as above
) -> None:
    end = clock.forward(timedelta(minutes=1)) + timedelta(seconds=left_s, minutes=1)
    begin = end - timedelta(hours=3)  # the length that is assumed
    event = an_event("ending", category="ending", starts_at=begin, ends_at=end if has_end else None, timezone="UTC")
    store.events.put([event], now=clock.now)
    clock.forward(timedelta(minutes=1))
    answer = _get(client, "/events/popular", category="ending")
    assert [item["event_id"] for item in answer.get_json()["items"]] == (["ending"] if left_s else [])
    assert _kept_s(answer) <= (left_s or SHARED_S)
    assert _kept_s(answer) >= (min(left_s - 4, SHARED_S) if left_s else SHARED_S)
    # Another list is not bound by an event that it does not hold.
    assert _kept_s(_get(client, "/events/popular", category="music")) == SHARED_S


def test_what_answers_for_a_failed_store_is_kept_by_nobody(wire: Wire, client: FlaskClient, store: Documents) -> None:
    outage = Outage()
    outage.is_on = True
    wire(documents=fragile(store, events=outage))
    answer = _get(client, "/events/popular")
    assert answer.get_json()["degraded"]
    assert answer.headers["Cache-Control"] == PRIVATE


def test_what_is_refused_is_kept_by_nobody(client: FlaskClient) -> None:
    for path in ("/events/popular?limit=0", "/events/nothing/similar", "/nothing"):
        assert client.get(API + path).headers["Cache-Control"] == PRIVATE
