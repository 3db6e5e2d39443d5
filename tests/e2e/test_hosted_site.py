"""Site through Hosting: Authentication signs people in, Firestore's rules and triggers take what its pages write."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Geolocation, Page, expect

from functions import contract
from tests.e2e.client import RADIUS_KM, App, change_event, distance_km, eventually, location_of
from tests.e2e.counted import counts, documents, settle
from tests.e2e.hosted import Visit
from tests.e2e.site import listed, loaded
from tests.e2e.stored import objects_of
from tests.rest import key_of
from tools.emulators.suite import PROJECT

pytestmark = pytest.mark.e2e

IDS: Final = {"event_id": "any", "experiment_id": "mine"}
_ARMS: Final = [{"name": "as-now", "share": 0.5}, {"name": "other", "share": 0.5, "diversity": 0.3}]
BODIES: Final[dict[str, dict[str, Any]]] = {
    f"{contract.BASE}/rules": {"blocked_events": ["any"]},
    f"{contract.BASE}/experiments/{{experiment_id}}": {
        "variants": _ARMS,
        "starts_at": "2190-01-01T00:00:00Z",
        "ends_at": "2190-01-20T00:00:00Z",
        "metric": "ctr",
    },
}
"""Bodies by path of what an admin could put."""


@pytest.fixture(scope="module")
def town(app: App) -> tuple[Geolocation, str]:
    """Place with most of the popular events, and a category of some, which they get where the data has none."""
    url = f"{app.suite.hosting}/api/v1"
    wanted = {"limit": "30", "fields": "category"}
    popular = requests.get(f"{url}/events/popular", wanted, timeout=60).json()["items"]
    areas: dict[tuple[float, float], list[tuple[str, str | None]]] = {}
    for item in popular:
        lat, lng = location_of(app.suite, item["event_id"])
        areas.setdefault((round(lat, 2), round(lng, 2)), []).append((item["event_id"], item["category"]))
    (lat, lng), events = max(areas.items(), key=lambda area: len(area[1]))
    # Otherwise a list of all places would pass for one of this.
    assert max(distance_km((lat, lng), area) for area in areas) > RADIUS_KM
    category = next((known for _, known in events if known), None)
    if category is None:
        category = "Music"
        for event_id, _ in events[::2]:
            change_event(app.suite, event_id, {"category": {"stringValue": category}})
    there = {"near": f"{lat},{lng}", "radius_km": str(RADIUS_KM), "category": category}
    assert eventually(lambda: requests.get(f"{url}/recommendations", there, timeout=60).json()["items"], bool)
    return {"latitude": lat, "longitude": lng}, category


def test_a_visitor_becomes_a_user_books_and_undoes_it(town: tuple[Geolocation, str], visit: Visit) -> None:
    page = visit.page
    context = page.context
    context.grant_permissions(["geolocation"], origin=visit.suite.hosting)
    place, category = town
    context.set_geolocation(place)
    _choose(page, near="Where I am now")
    expect(page.locator("#own h2")).to_have_text("Popular near here")
    near = visit.whole_list()
    assert near, page.locator("main").inner_text()
    here = place["latitude"], place["longitude"]
    assert max(distance_km(here, location_of(visit.suite, str(event))) for event in near) <= RADIUS_KM
    sources = [card.get_attribute("data-source") for card in page.locator("#own .card").all()]
    assert sources.count("popularity") > len(sources) / 2
    _choose(page, interest=category)
    expect(page.locator("#own h2")).to_have_text("Of what you like")
    assert visit.whole_list() != near
    saved = visit.act(0, "Save", says="Saved")
    page.locator("#own .card").nth(1).get_by_role("button", name="Book").click()
    user_id = visit.sign_up()
    expect(page.locator("#notice")).to_contain_text("Booked")
    assert ("save", saved) in eventually(lambda: visit.states(user_id), lambda found: ("save", saved) in found)
    expect(page.locator("#interests")).to_contain_text("Here")

    before, earlier = listed(page), visit.recommended()
    assert before[0] in earlier
    booked = visit.act(0, "Book", says="Booked")
    assert booked not in listed(page)
    after = eventually(visit.recommended, lambda found: booked not in found)
    # More than a gap: what was booked changes the order of the others.
    assert after != [event for event in earlier if event != booked]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#notice")).to_contain_text("No longer booked")
    assert booked in eventually(visit.recommended, lambda found: booked in found)
    assert booked in eventually(visit.reload, lambda shown: booked in shown)
    again = visit.act(before.index(booked) if listed(page)[0] != booked else 0, "Book", says="Booked")
    assert again not in eventually(visit.recommended, lambda found: again not in found)
    assert again not in visit.reload()
    page.get_by_role("link", name="My events").click()
    loaded(page)
    expect(page.locator("#booked .entry")).to_have_count(2)


def test_an_event_with_odd_fields_has_its_page(visit: Visit) -> None:
    event = str(listed(visit.page)[-1])
    odd: dict[str, dict[str, object]] = {
        "timezone": {"stringValue": "Mars/X"},
        "tags": {"stringValue": "a,b"},
        "title": {"integerValue": "7"},
        "description": {"arrayValue": {}},
        "city": {"mapValue": {}},
        "price": {"doubleValue": "NaN"},
        "currency": {"booleanValue": True},
        "image_url": {"bytesValue": "eA=="},
        "ends_at": {"nullValue": None},
    }
    for name, value in odd.items():
        change_event(visit.suite, event, {name: value})
        visit.open(f"event.html?id={event}")
        expect(visit.page.locator("#event h1")).to_be_visible()
        expect(visit.page.locator("#event [data-type=booking]")).to_be_visible()
    expect(visit.page.locator("#event h1")).to_have_text(event)
    change_event(visit.suite, event, {"status": {"stringValue": "hidden"}})
    for nothing in ("", "a/b", "__x__", "never-was", event):
        visit.open(f"event.html?id={nothing}")
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("This event is gone")
    visit.forgive_refused(event, "never-was")


def test_a_booked_event_stays_with_its_reason_and_its_cancel_button_whatever_becomes_of_it(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Sign in").first.click()
    user_id = visit.sign_up()
    event = visit.act(0, "Book", says="Booked")
    eventually(lambda: visit.states(user_id), lambda found: ("booking", event) in found)
    entry, undo = page.locator(f'#booked [data-event="{event}"]'), re.compile("^Cancel ")
    closed = {"sold_out": "This event is sold out.", "cancelled": "This event is cancelled."}
    for status, told in closed.items():
        change_event(visit.suite, event, {"status": {"stringValue": status}})
        visit.open("mine.html")
        expect(entry).to_contain_text(told)
        expect(entry.get_by_role("button", name=undo)).to_be_visible()
        visit.open(f"event.html?id={event}")
        expect(page.locator("#event .till")).to_contain_text(told)
        expect(page.locator("#event").get_by_role("button", name="Cancel the booking")).to_be_visible()
    change_event(visit.suite, event, {"status": None})
    visit.open(f"event.html?id={event}")
    expect(page.locator("#event").get_by_role("button", name="Cancel the booking")).to_be_visible()
    visit.open("mine.html")
    expect(entry.locator("h3 a")).to_be_visible()
    change_event(visit.suite, event, {"status": {"stringValue": "hidden"}})
    visit.open("mine.html")
    expect(entry).to_contain_text("No longer available")
    entry.get_by_role("button", name=undo).click()
    expect(entry).to_have_count(0, timeout=60_000)
    found = eventually(lambda: visit.states(user_id), lambda found: ("cancel", event) in found)
    assert ("booking", event) not in found
    visit.forgive_refused(event)


def test_what_is_done_without_a_connection_is_stored_and_counted_once_it_is_back(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Sign in").first.click()
    user_id = visit.sign_up()
    # Counts keep what users did who were forgotten since, of which there are no documents.
    before = settle(visit.suite, [], now=datetime.now(UTC))
    forgotten = {event: _undocumented(visit, event, before) for event in map(str, listed(page))}
    visit.is_online = False
    page.context.set_offline(True)
    link = page.locator("#own h3 a").nth(4)
    detail = str(link.get_attribute("href"))
    clicked, list_id, position = (parse_qs(urlsplit(detail).query)[name][0] for name in ("id", "list", "position"))
    # In a tab of its own, since there is no page to go to.
    with page.context.expect_page() as tab:
        link.click(modifiers=["Control"])
    tab.value.close()
    done = [("click", clicked)]
    done += [("save", visit.act(place, "Save", says="There is no connection")) for place in (0, 1)]
    done.append(("booking", visit.act(2, "Book", says="There is no connection")))
    # The page itself comes back before the API does. A beacon may arrive all the same, and what it sent is sent again.
    page.context.route("**/api/**", lambda route: route.abort())
    page.context.set_offline(False)
    visit.open(detail)
    expect(page.locator("#event h1")).to_be_visible()
    done.append(("view", clicked))
    visit.open()
    expect(page.locator("#own h2")).to_have_text("What you saw last")
    done.append(("dismiss", visit.act(4, "Not interested", says="There is no connection")))
    queue = visit.queue()
    waiting = {}
    for entry in (record["entry"] for record in queue.values()):
        if entry["type"] != "impression":
            occurred_at = datetime.fromisoformat(entry["occurred_at"])
            key = key_of({"user_id": user_id, **entry, "occurred_at": occurred_at})
            waiting[key] = entry["type"], entry["event_id"]
    assert sorted(waiting.values()) == sorted(done)
    page.context.unroute("**/api/**")
    visit.reload()
    visit.is_online = True
    assert eventually(lambda: visit.states(user_id), lambda found: len(found) >= len(done)) == sorted(done)
    # Sent again, as if no answer had arrived.
    visit.enqueue(queue)
    visit.reload()
    visit.open("mine.html")
    expect(page.locator("#saved .entry")).to_have_count(2)
    assert eventually(visit.queue, lambda kept: not kept) == {}
    stored = {row["name"]: row for row in visit.acts(user_id)}
    assert {name: (row["type"], row["event_id"]) for name, row in stored.items()} == waiting
    of_list = [row for row in stored.values() if row["type"] in ("click", "view")]
    assert [(row["recommendation_id"], row["position"]) for row in of_list] == [(list_id, position)] * 2

    until = settle(visit.suite, [row["name"] for row in of_list], now=datetime.now(UTC))
    for event in {event for _, event in done}:
        found = eventually(partial(_undocumented, visit, event, until), forgotten[event].__eq__)
        assert found == forgotten[event], event
        assert {kind for kind, about in done if about == event} <= {*counts(visit.suite, event)}


def test_somebody_who_is_no_admin_reads_and_changes_nothing_of_admins(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sign in").first.click()
    visit.sign_up()
    headers, pointer = visit.headers(), objects_of(visit.suite)("models/current.json")
    routes = list(_admins_routes())
    assert {"GET", "PUT", "POST"} <= {method for method, _ in routes}
    for method, path in routes:
        # With a version that exists, and with rules and experiments that would do, so that nothing else refuses them.
        url = f"{visit.suite.hosting}{path}".format(version=pointer["models/current.json"]["version"], **IDS)
        body = None if method == "GET" else BODIES.get(path, {})
        for sent in (headers, {}):
            answer = requests.request(method, url, json=body, headers=sent, timeout=60)
            assert answer.status_code == (403 if sent else 401), (method, path)
    documents = f"http://{visit.suite.firestore}/v1/projects/{PROJECT}/databases/(default)/documents"
    for path in ("rules/current", "dead_letters/any", "interactions/any", "users/user_1", "experiments/mine"):
        url = f"{documents}/{path}"
        assert requests.get(url, headers=headers, timeout=10).status_code == 403, path
        assert requests.patch(url, json={"fields": {}}, headers=headers, timeout=10).status_code == 403, path
        if path != "users/user_1":
            assert requests.get(url, headers={"Authorization": "Bearer owner"}, timeout=10).status_code == 404, path
    assert objects_of(visit.suite)("models/current.json") == pointer


def _undocumented(visit: Visit, event_id: str, until: datetime) -> dict[str, int]:
    """Numbers of an event by type by which the store's counts differ from its documents."""
    counted, stored = counts(visit.suite, event_id), documents(visit.suite, event_id, until)
    return {kind: counted[kind] - stored[kind] for kind in {*counted, *stored} if counted[kind] != stored[kind]}


def _admins_routes() -> Iterator[tuple[str, str]]:
    """Methods and path templates of the operations that need a claim, from the contract."""
    known = contract.contract()
    for operations in (*known.fixed.values(), *(operations for _, operations in known.patterns)):
        yield from ((method, each.path_template) for method, each in operations.items() if each.roles)


def _choose(page: Page, *, near: str = "", interest: str = "") -> None:
    page.locator("#interests").click()
    if near:
        page.get_by_label("Near").select_option(near)
    if interest:
        page.get_by_role("dialog").get_by_label(interest, exact=True).check()
    page.get_by_role("button", name="Show me").click()
    expect(page.locator("#notice")).to_contain_text("Chosen.")
