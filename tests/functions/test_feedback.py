"""Feedback figures end to end: lists of the API, what clients send back, and the scheduled job."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.feedback.counts import SETTLED_AFTER, SLOT
from shared.monitoring.feedback import FeedbackFigures
from shared.services.monitoring.feedback import feedback
from tests.deployment import Clock, Wire

API = "/api/v1"
TOKEN = {"Authorization": "Bearer user:u"}


def _figures(wire: Wire, client: FlaskClient, clock: Clock) -> FeedbackFigures:
    day = clock.now.date()
    clock.forward(SLOT + SETTLED_AFTER)
    assert client.post("/monitor").status_code == 200
    return feedback(wire(require_auth=True).objects, day)


def _send(client: FlaskClient, *entries: dict[str, Any], headers: dict[str, str] = TOKEN, **body: Any) -> None:
    answer = client.post(f"{API}/interactions", headers=headers, json={"interactions": list(entries), **body})
    assert answer.get_json()["rejected"] == [], answer.text


def _page(body: dict[str, Any]) -> dict[str, Any]:
    ids = [item["event_id"] for item in body["items"]]
    return {"type": "impression", "event_ids": ids, "recommendation_id": body["recommendation_id"], "position": 0}


@pytest.mark.parametrize("path", ["/recommendations", "/events/popular", "/events/jazz_1/similar"])
def test_what_follows_from_a_list_is_in_the_figures_of_its_day(
    wire: Wire, client: FlaskClient, clock: Clock, path: str
) -> None:
    wire(require_auth=True)
    body = client.get(API + path, headers=TOKEN, query_string={"limit": 5}).get_json()
    first, second, *_ = [item["event_id"] for item in body["items"]]
    about = {"recommendation_id": body["recommendation_id"]}
    _send(client, _page(body), {"type": "click", "event_id": second, "position": 1, **about})
    clock.forward(timedelta(minutes=1))
    _send(client, {"type": "booking", "event_id": second}, {"type": "booking", "event_id": first})
    found = _figures(wire, client, clock)
    total = found.total
    assert (total.impressions, total.clicks, total.ctr) == (5, 1, 0.2)
    assert (total.bookings, found.organic_bookings, total.conversion) == (1, 1, 0.2)
    assert (total.lists, total.hit_lists, total.reciprocal_rank) == (1, 1, 0.5)
    assert found.by["list"].keys() == {path.rpartition("/")[2]}
    sources = {item["source"] for item in body["items"]}
    assert found.by["source"].keys() == sources


def test_ids_that_were_made_up_or_taken_from_others_move_no_figure(
    wire: Wire, client: FlaskClient, clock: Clock
) -> None:
    wire(require_auth=True)
    body = client.get(f"{API}/recommendations", headers=TOKEN).get_json()
    thief = {"Authorization": "Bearer user:thief"}
    _send(client, _page(body), headers=thief)
    for text in ("list_1", body["recommendation_id"][:-2] + "AA"):
        _send(client, _page({**body, "recommendation_id": text}))
    assert _figures(wire, client, clock).total.impressions == 0


def test_a_list_that_caches_share_earns_for_whoever_signs_in(wire: Wire, client: FlaskClient, clock: Clock) -> None:
    wire(require_auth=True)
    body = client.get(f"{API}/recommendations", query_string={"limit": 4}).get_json()
    visitor = "0123456789abcdef"
    first = body["items"][0]["event_id"]
    click = {"type": "click", "event_id": first, "recommendation_id": body["recommendation_id"], "position": 0}
    _send(client, _page(body), click, headers={}, anonymous_id=visitor)
    clock.forward(timedelta(minutes=1))
    _send(client, {"type": "booking", "event_id": first}, anonymous_id=visitor)
    found = _figures(wire, client, clock)
    assert (found.total.impressions, found.total.clicks, found.total.bookings) == (4, 1, 1)
    assert found.by["segment"].keys() == {"nobody"}
    assert found.cold_start_share == 1.0
