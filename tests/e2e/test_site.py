"""Site of the demo in a browser, at a desk and on a phone, as personas and as a visitor who signs in."""

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Request, Response, Route, expect

from shared.catalog.calendar import Calendar
from shared.entities import Event
from tests.e2e.client import RADIUS_KM, distance_km
from tests.e2e.site import DESK, PHONE, SMALL_TARGETS, TARGET_PX, Site, forget_lists, listed, loaded
from tests.e2e.stored import Demo
from tools.emulators.programs import ROOT

pytestmark = pytest.mark.e2e

PAGES: Final = ("", "event.html?id=EVENT", "mine.html")
LONG: Final = 40
"""Events of a list where filters are set, at most."""
ROW: Final = 8
"""Events of a row below the first, at most."""
VERBS: Final = {
    "booked": {"booking"},
    "saved": {"save"},
    "went to": {"attend"},
    "liked": {"rating", "review"},
    "looked at": {"click", "view"},
}
"""Types of the interactions that the heading of a row tells, by its verb."""
SATURDAY: Final = 5
LISTS: Final = r"/api/v1/(recommendations|events/)"
INTERACTIONS: Final = "**/api/v1/interactions"
RECOMMENDATIONS: Final = "**/api/v1/recommendations*"
OUTAGE: Final = "The service does not answer at the moment."


@pytest.fixture(scope="module")
def url(city: Demo) -> str:
    return city.url


def look_as(page: Page, number: int) -> str:
    """Choose a persona by its number, 0 the visitor; returns the name."""
    chosen = page.locator(".persona").nth(number)
    name = chosen.locator("b").inner_text()
    chosen.locator("input").check(force=True)
    expect(page.locator("#own h2")).to_have_text(f"For {name}")
    loaded(page)
    return name


def recommended(page: Page) -> list[str]:
    """Events that the API recommends to the persona, past the page and what that keeps in the browser."""
    query = f"user_id={signed_in_as(page)}&limit={LONG}"
    answer = page.request.get(f"{page.url.rpartition('/')[0]}/api/v1/recommendations?{query}").json()
    return [item["event_id"] for item in answer["items"]]


def stored(page: Page, user_id: str) -> list[dict[str, Any]]:
    """Interactions that are stored about a user."""
    answer = page.request.get(f"{page.url.split('/', 3)[0]}//{page.url.split('/')[2]}/api/v1/users/{user_id}/data")
    return [found["fields"] for found in answer.json()["documents"] if found["collection"] == "interactions"]


def documents(city: Demo) -> dict[str, dict[str, Any]]:
    """Documents of the events of the demo's store by id."""
    return {event_id: json.loads(text) for event_id, text in city.rows("events", "event_id, document")}


def is_to_come(event: dict[str, Any]) -> bool:
    """Whether a published event is not over."""
    return event["status"] == "published" and datetime.fromisoformat(event["ends_at"]) > datetime.now(UTC)


def is_on(event: dict[str, Any], first: int, last: int) -> bool:
    """Whether an event is on a day from the `first` to the `last` after today, by the sun where it is."""
    # A degree of longitude is four minutes.
    shift = timedelta(minutes=4 * event["location"]["lng"])
    begin, end, now = (
        (moment + shift).date()
        for moment in (
            datetime.fromisoformat(event["starts_at"]),
            datetime.fromisoformat(event["ends_at"]) - timedelta(microseconds=1),
            datetime.now(UTC),
        )
    )
    return begin <= now + timedelta(days=last) and end >= now + timedelta(days=first)


def is_at_the_weekend(event: dict[str, Any]) -> bool:
    """Whether an event is on a Saturday or Sunday to come, or of the weekend that is."""
    now = datetime.now(UTC) + timedelta(minutes=4 * event["location"]["lng"])
    saturday = SATURDAY - now.weekday()
    return is_on(event, saturday, saturday + 1)


def signed_in_as(page: Page) -> str:
    return str(page.evaluate("JSON.parse(localStorage['marquee.demo.account']).userId"))


def test_personas_have_lists_of_their_own_beside_the_popular_events(site: Site) -> None:
    page = site.visit()
    cards = page.locator(".persona")
    expect(cards).to_have_count(9)
    firsts = []
    for number in (1, 2):
        look_as(page, number)
        firsts.append(listed(page))
        assert page.locator("#own .reasons li").count()
    assert firsts[0] != firsts[1]
    expect(page.locator(".persona :focus")).to_have_count(1)
    page.get_by_label("Compare with most popular").check()
    columns = page.locator(".columns section")
    expect(columns).to_have_count(2)
    expect(columns.first.locator("li")).to_have_count(10)
    popular = page.request.get(f"{site.url}/api/v1/events/popular?limit=100").json()["items"]
    places = {item["event_id"]: place for place, item in enumerate(popular, 1)}
    own = {
        str(row.get_attribute("data-event")): place for place, row in enumerate(columns.first.locator("li").all(), 1)
    }
    assert [*own] != [item["event_id"] for item in popular[: len(own)]]
    for row in columns.first.locator("li").all():
        event = str(row.get_attribute("data-event"))
        place, was = own[event], places.get(event)
        rose = not was or was > place
        mark = row.locator(".mark").inner_text()
        assert mark == ("same place" if was == place else f"{'▲' if rose else '▼'} from {was or 'beyond 100'}")
        assert row.get_attribute("class") == ("same" if was == place else "up" if rose else "down")
    for row in columns.last.locator("li").all():
        event = str(row.get_attribute("data-event"))
        told = re.search(r" no\. (\d+)$", row.locator(".mark").inner_text())
        assert row.get_attribute("class") == ("kept" if told else "gone")
        place = int(told[1]) if told else 0
        assert place == own.get(event, place)
        # The person's list goes on below what is shown of it.
        assert event in own or not 0 < place <= len(own)


def test_cards_are_marked_that_came_in_or_rose_among_those_that_stayed(site: Site) -> None:
    page = site.visit()
    look_as(page, 1)
    assert page.locator("#own [data-mark]").count() == 0
    marks: set[str | None] = set()
    for button, says in (("Book", "Booked"), ("Not interested", "Not interested in"), ("Book", "Booked")):
        before = listed(page)
        page.locator("#own .card").nth(1).get_by_role("button", name=button).click()
        expect(page.locator("#notice")).to_contain_text(f"{says} ")
        expect(page.locator("#notice")).to_contain_text("Your list")
        loaded(page)
        after = listed(page)
        was = [event for event in before if event in after]
        stayed = [event for event in after if event in before]
        for card in page.locator("#own .card").all():
            event = card.get_attribute("data-event")
            mark = card.locator(".poster").get_attribute("data-mark")
            rose = event in stayed and stayed.index(event) < was.index(event)
            assert mark == ("Moved up" if rose else None if event in stayed else "New here")
            marks.add(mark)
    assert "New here" in marks


def test_lists_name_the_positions_of_the_api_and_are_those_that_somebody_sees(site: Site) -> None:
    page = site.visit()
    left_out = str(listed(page)[0])
    page.evaluate("(event) => { localStorage['marquee.states.'] = JSON.stringify({ dismiss: [event] }); }", left_out)
    answers: list[Response] = []
    sent: list[Request] = []
    page.on("response", lambda found: answers.append(found) if re.search(LISTS, found.url) else None)
    page.on("request", lambda found: sent.append(found) if found.url.endswith("/interactions") else None)
    page.reload()
    expect(page.locator("#category option")).not_to_have_count(1)
    loaded(page)
    page.wait_for_timeout(3_500)
    page.locator("#compare").check(force=True)
    expect(page.locator(".comparison section")).to_have_count(2)
    found = {answer["recommendation_id"]: answer["items"] for answer in (each.json() for each in answers)}
    lists = {name: [item["event_id"] for item in items] for name, items in found.items()}
    links = page.locator(".card h3 a, .comparison h3 a").all()
    queries = [parse_qs(urlsplit(str(link.get_attribute("href"))).query) for link in links]
    assert len(queries) > LONG / 2
    assert left_out not in listed(page)
    for query in queries:
        assert lists[query["list"][0]][int(query["position"][0])] == query["id"][0]
    entries = [entry for each in sent for entry in json.loads(each.post_data or "")["interactions"]]
    seen = [entry for entry in entries if entry["type"] == "impression"]
    assert seen
    for entry in seen:
        first, n_events = entry["position"], len(entry["event_ids"])
        assert lists[entry["recommendation_id"]][first : first + n_events] == entry["event_ids"]
    remembered = page.evaluate("Object.entries(sessionStorage).filter(([name]) => /:shown$/.test(name))")
    [about] = [json.loads(text) for _, text in remembered]
    unseen = {each.json()["recommendation_id"] for each in answers if "/events/popular" in each.url}
    assert len(unseen) > 1
    assert {shown["recommendation_id"] for _, shown in about} & unseen == set()


def test_what_somebody_does_changes_the_list_at_once_and_can_be_undone(site: Site) -> None:
    page = site.visit()
    look_as(page, 1)
    before, earlier = listed(page), recommended(page)
    assert before[1] in earlier
    second = page.locator("#own .card").nth(1)
    second.get_by_role("button", name="Book").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("Booked")
    expect(page.locator("#spoken")).to_contain_text("Your list:")
    assert before[1] not in listed(page)
    after = recommended(page)
    assert before[1] not in after
    # More than a gap: what was booked changes the order of the others.
    assert after != [event for event in earlier if event != before[1]]
    expect(page.locator("#own .card").nth(1).get_by_role("button", name="Book")).to_be_focused()
    user = signed_in_as(page)
    assert ("booking", before[1]) in {(entry["type"], entry.get("event_id")) for entry in stored(page, user)}
    booked = next(entry for entry in stored(page, user) if entry.get("event_id") == before[1])
    assert booked["position"] == 1
    assert booked["recommendation_id"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#notice")).to_contain_text("No longer booked")
    loaded(page)
    assert before[1] in listed(page)
    assert before[1] in recommended(page)
    page.locator("#own .card").first.get_by_role("button", name="Not interested").click()
    expect(page.locator("#notice")).to_contain_text("Not interested in")
    loaded(page)
    assert before[0] not in listed(page)
    assert before[0] not in recommended(page)
    page.reload()
    loaded(page)
    assert before[0] not in listed(page)


def test_a_visitor_chooses_interests_signs_in_and_keeps_what_they_did(site: Site, city: Demo) -> None:
    page = site.visit()
    expect(page.locator("#own h2")).to_have_text("Popular now")
    popular = listed(page)
    page.get_by_role("button", name="Choose interests").click()
    page.get_by_role("dialog").get_by_label("Music").check()
    page.get_by_label("Near").select_option("Old Harbour")
    page.get_by_role("button", name="Show me").click()
    expect(page.locator("#own h2")).to_have_text("Of what you like")
    assert listed(page) != popular
    assert all("Music" in facts for facts in page.locator("#own .facts").all_inner_texts())
    expect(page.locator("#interests")).to_be_focused()
    [harbour] = [each for each in page.request.get(f"{site.url}/demo/places").json() if each["name"] == "Old Harbour"]
    away = {
        event: distance_km((harbour["lat"], harbour["lng"]), (fields["location"]["lat"], fields["location"]["lng"]))
        for event, fields in documents(city).items()
    }
    assert max(away.values()) > RADIUS_KM
    trending = listed(page, "#trending")
    assert trending
    assert max(away[str(event)] for event in trending) <= RADIUS_KM
    chosen = listed(page)[0]
    page.locator("#own .card").first.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_contain_text("Saved")
    page.locator("#own .card").nth(1).get_by_role("button", name="Book").click()
    page.get_by_label("Your name").fill("Vera")
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
    expect(page.locator("#own h2")).to_have_text("For Vera")
    expect(page.locator("#notice")).to_contain_text("Booked")
    did = {(entry["type"], entry.get("event_id")) for entry in stored(page, signed_in_as(page))}
    assert ("save", chosen) in did
    assert "booking" in {type_ for type_, _ in did}
    page.get_by_role("link", name="My events").click()
    loaded(page)
    expect(page.locator("#booked .entry")).to_have_count(1)
    expect(page.locator("#saved .entry")).to_have_count(1)
    # Safari reads the file after the click.
    page.evaluate("() => { window.revoked = []; URL.revokeObjectURL = (url) => revoked.push(url); }")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    expect(page.locator("#notice")).to_contain_text("Downloaded")
    assert page.evaluate("revoked") == []
    assert {"users", "interactions"} <= {found["collection"] for found in json.loads(download.value.path().read_text())}
    vera = signed_in_as(page)
    page.get_by_role("button", name="Forget me").click()
    page.get_by_role("button", name="Erase all of it").click()
    expect(page.get_by_role("main").get_by_role("button", name="Sign in")).to_be_visible()
    left = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert [word for word in (vera, "Vera", "Old Harbour") if word in left] == []


def test_filters_and_the_page_of_an_event(site: Site) -> None:
    page = site.visit(size=PHONE)
    page.locator("#category").select_option("Music")
    expect(page.locator(".row")).to_have_count(0)
    assert all("Music" in facts for facts in page.locator("#own .facts").all_inner_texts())
    title = page.locator("#own h3").first.inner_text()
    page.locator("#own h3 a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    loaded(page)
    assert page.locator("#similar .card").count() > 2
    page.goto(f"{site.url}/event.html?id=none")
    expect(page.get_by_role("heading", level=1)).to_have_text("This event is gone")
    page.route("**/demo/events*", lambda route: route.fulfill(json={"detail": "the store rests"}, status=503))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("This event could not be loaded")
    site.forgive(page, "status of 503")


def test_filters_list_the_events_that_meet_them_and_no_others(site: Site, city: Demo) -> None:
    page = site.visit()
    events = documents(city)
    for chosen, holds in (
        (("Today",), lambda event: is_on(event, 0, 0)),
        (("This weekend",), is_at_the_weekend),
        (("Seven days",), lambda event: is_on(event, 0, 6)),
        (("Any day", "Free"), lambda event: event["price"] == 0),
        (("Seven days",), lambda event: is_on(event, 0, 6) and event["price"] == 0),
    ):
        for name in chosen:
            page.locator("#filters label").filter(has_text=name).click()
        loaded(page)
        expect(page.locator("#rows > section")).to_have_count(1)
        expected = {event_id for event_id, event in events.items() if is_to_come(event) and holds(event)}
        found = listed(page)
        assert set(found) <= expected, chosen
        # Of a course or a series a list has one date.
        series = {(events[each]["title"], events[each]["organizer_id"]) for each in expected}
        assert len(found) == min(LONG, len(series)), chosen
        assert expected or page.locator("#empty").is_visible()


def test_without_a_connection_no_list_is_shown_under_conditions_that_it_was_not_made_under(site: Site) -> None:
    page = site.visit()
    before = listed(page)
    page.route(RECOMMENDATIONS, lambda route: route.abort())
    free = page.locator("[name=free]")
    for control, back in (
        (lambda: free.check(force=True), lambda: free.uncheck(force=True)),
        (lambda: page.locator("#category").select_option("Music"), lambda: page.locator("#category").select_option("")),
    ):
        control()
        expect(page.locator("#failure")).to_contain_text("There is no connection.", timeout=30_000)
        assert page.locator("#own h2").inner_text() != "What you saw last"
        back()
        expect(page.locator("#own h2")).to_have_text("What you saw last", timeout=30_000)
        loaded(page)
        assert listed(page) == before[: len(listed(page))]
        page.unroute(RECOMMENDATIONS)
        page.reload()
        loaded(page)
        page.route(RECOMMENDATIONS, lambda route: route.abort())
    site.forgive(page, "ERR_FAILED")


def test_a_place_that_is_told_after_the_dialog_was_left_is_not_stored(site: Site) -> None:
    page = site.visit()
    page.route("**/demo/places", lambda route: route.fulfill(json=[]))
    page.add_init_script(
        """window.asked = [];
        const geolocation = { getCurrentPosition: (...given) => asked.push(given) };
        Object.defineProperty(navigator, "geolocation", { value: geolocation })"""
    )
    page.reload()
    loaded(page)
    page.locator("#interests").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Near").select_option("Where I am now")
    dialog.get_by_role("button", name="Show me").click()
    expect(dialog.locator(".main")).to_have_text("Choosing…")
    dialog.get_by_role("button", name="Not now").click()
    assert page.evaluate("asked[0][2].timeout") <= 10_000
    page.evaluate("asked[0][0]({ coords: { latitude: 48.8, longitude: 2.3 } })")
    page.wait_for_timeout(200)
    assert page.evaluate("localStorage['marquee.choices'] ?? null") is None
    expect(page.locator("#interests")).to_contain_text("anywhere", ignore_case=True)


@pytest.mark.parametrize("way", ["Escape", "Not now"])
def test_a_sign_up_that_is_under_way_cannot_be_left(site: Site, way: str) -> None:
    page = site.visit()
    # Firebase's part, which answers when the test says so.
    stub = """export const createUserWithEmailAndPassword = () => new Promise((answer) => { window.answer = answer; });
      export const signInWithEmailAndPassword = createUserWithEmailAndPassword;"""
    page.route("**/vendor/firebase-auth.js", lambda route: route.fulfill(body=stub, content_type="text/javascript"))
    page.route("**/site/signin.js", lambda route: route.fulfill(path=ROOT / "web/site/signin.js"))
    page.evaluate(
        """async () => {
          const { openSignIn } = await import("./site/signin.js");
          openSignIn({}).then((user) => { window.entered = user; });
        }"""
    )
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail address").fill("vera@example.com")
    dialog.get_by_label("Password").fill("secret12")
    dialog.get_by_role("button", name="Sign up").click()
    expect(dialog.get_by_role("button", name="Signing up…")).to_be_visible()
    for _ in range(3):
        if way == "Escape":
            page.keyboard.press("Escape")
        else:
            dialog.get_by_role("button", name=way).click()
    expect(dialog).to_be_visible()
    page.evaluate("answer({ user: { uid: 'vera', email: 'vera@example.com', displayName: null } })")
    expect(dialog).to_have_count(0)
    assert page.evaluate("entered.uid") == "vera"


def test_each_row_holds_the_events_that_its_heading_says(site: Site, city: Demo) -> None:
    page = site.visit()
    look_as(page, 1)
    user, events = signed_in_as(page), documents(city)
    did = [json.loads(text) for (text,) in city.rows("interactions", "document")]
    rows = {
        str(row.get_attribute("id")): str(row.locator("h2").text_content())
        for row in page.locator("#rows > section").all()
    }
    because = [row.removeprefix("because-") for row in rows if row.startswith("because-")]
    shown = listed(page)
    for row, query in (
        *((f"because-{anchor}", f"events/{anchor}/similar?user_id={user}&") for anchor in because),
        ("trending", f"events/trending?user_id={user}&window=week&"),
        ("weekend", f"recommendations?user_id={user}&when=weekend&"),
    ):
        answer = page.request.get(f"{site.url}/api/v1/{query}limit={3 * ROW}").json()
        below = [item["event_id"] for item in answer["items"] if item["event_id"] not in shown][:ROW]
        assert listed(page, f"#{row}") == below, row
        shown += below
    assert all(is_to_come(events[str(event)]) for event in shown)
    for anchor in because:
        heading = rows[f"because-{anchor}"]
        [types] = [types for verb, types in VERBS.items() if heading.startswith(f"Because you {verb}")]
        assert heading.endswith(events[anchor]["title"])
        assert {each["type"] for each in did if each["user_id"] == user and each.get("event_id") == anchor} & types
    assert because
    lately = (datetime.now(UTC) - timedelta(weeks=1)).isoformat()
    lively = {each.get("event_id") for each in did if each["occurred_at"] > lately}
    assert listed(page, "#trending")
    assert set(listed(page, "#trending")) <= lively
    assert all(is_at_the_weekend(events[str(event)]) for event in listed(page, "#weekend"))


def test_what_the_api_refuses_is_not_said_to_be_done(site: Site) -> None:
    page = site.visit()
    look_as(page, 1)
    event = str(listed(page)[0])
    page.goto(f"{site.url}/event.html?id={event}&position=-1")
    loaded(page)
    page.locator("#event").get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("That could not be done.")
    expect(page.locator("#event").get_by_role("button", name="Book", exact=True)).to_be_visible()
    done = [(entry["type"], entry.get("event_id")) for entry in stored(page, signed_in_as(page))]
    assert ("booking", event) not in done


def test_a_browser_that_keeps_nothing_shows_lists(site: Site) -> None:
    page = site.visit()
    page.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"])
          Object.defineProperty(window, name, { get() { throw new DOMException("off", "SecurityError"); } });"""
    )
    page.reload()
    loaded(page)
    assert listed(page)


def test_a_list_shows_an_event_whose_picture_has_no_address(site: Site) -> None:
    page = site.visit()
    page.route(
        "**/own.html",
        lambda route: route.fulfill(
            content_type="text/html",
            body="""<!doctype html><script type="module" src="marquee-list.js"></script>
              <marquee-list name="popular" limit="3"><template>
                <article><img data-src="{image_url}" alt=""><h3 data-text="title"></h3></article>
              </template></marquee-list>""",
        ),
    )

    def odd(route: Route) -> None:
        answer = route.fetch().json()
        answer["items"][1]["image_url"] = "https://["
        route.fulfill(json=answer)

    page.route("**/api/v1/events/popular*", odd)
    page.goto(f"{site.url}/own.html")
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("article img")).to_have_count(0)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_call_of_the_strip_is_repeated_by_its_curl(site: Site, size: tuple[int, int]) -> None:
    page = site.visit(size=size)
    look_as(page, 1)
    page.locator(".calls summary").click()
    call = page.locator(".calls li").filter(has_text=re.compile(r"/recommendations\?.*diversity"))
    expect(call.locator(".ms")).to_contain_text("ms")
    expect(call.locator(".status")).to_be_visible()
    expect(call.locator(".status")).to_have_text("200")
    call.get_by_role("button").click()
    expect(page.locator("#notice")).to_contain_text("Copied")
    command = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    answer = subprocess.run([*command, "--silent"], capture_output=True, check=True, timeout=30)
    assert [item["event_id"] for item in json.loads(answer.stdout)["items"]][: len(listed(page))] == listed(page)


@dataclass
class Gate:
    """Requests to addresses of a pattern, which wait until it opens."""

    sent: list[Route] = field(default_factory=list)
    is_open: bool = False

    @classmethod
    def before(cls, page: Page, pattern: str) -> Self:
        """Gate in front of requests of a page."""
        gate = cls()
        page.route(pattern, lambda route: gate._take(route))
        return gate

    def _take(self, route: Route) -> None:
        self.sent.append(route)
        if self.is_open:
            route.continue_()

    def open(self) -> None:
        """Let through what waits and what comes."""
        self.is_open = True
        for route in self.sent:
            route.continue_()

    def types(self) -> list[str]:
        """Types of the interactions that were sent, impressions left out."""
        entries = [entry for route in self.sent for entry in json.loads(route.request.post_data or "")["interactions"]]
        return [entry["type"] for entry in entries if entry["type"] != "impression"]


@pytest.mark.parametrize(
    ("name", "type_", "words", "said"),
    [
        ("Book", "booking", "Booking…", "Booked"),
        ("Save", "save", "", "Saved"),
        ("Not interested", "dismiss", "", "Not interested in"),
    ],
)
def test_a_button_says_at_once_that_it_is_under_way_and_counts_one_press(
    site: Site, name: str, type_: str, words: str, said: str
) -> None:
    page = site.visit()
    look_as(page, 2)
    gate = Gate.before(page, INTERACTIONS)
    card = page.locator("#own .card").nth(2)
    title = card.locator("h3").inner_text()
    button = card.locator(f"[data-type={type_}]")
    button.focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    card.get_by_role("button", name=name).click(force=True)
    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_be_focused()
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#spoken")).to_contain_text("…")
    assert button.inner_text() == words
    page.wait_for_timeout(300)
    gate.open()
    expect(page.locator("#notice")).to_contain_text(f"{said} {title}")
    loaded(page)
    assert gate.types() == [type_]
    gate = Gate.before(page, INTERACTIONS)
    undo = page.locator("#notice .undo")
    undo.click()
    expect(undo).to_have_text("Undoing…")
    undo.click(force=True)
    page.wait_for_timeout(300)
    gate.open()
    expect(undo).to_have_text("Undo")
    expect(page.locator("#notice p").first).not_to_have_text(f"{said} {title}.")
    loaded(page)
    assert len(gate.types()) == 1


def test_a_booking_can_be_undone_before_the_lists_have_followed_it(site: Site) -> None:
    page = site.visit()
    look_as(page, 2)
    gate = Gate.before(page, "**/api/v1/recommendations*")
    event = str(listed(page)[2])
    page.locator("#own .card").nth(2).get_by_role("button", name="Book").click()
    expect(page.locator("#notice")).to_contain_text("Booked")
    page.locator("#notice .undo").click()
    expect(page.locator("#notice")).to_contain_text("No longer booked")
    gate.open()
    loaded(page)
    expect(page.locator("#notice")).to_contain_text("No longer booked")
    assert event in listed(page)


def test_what_is_stored_slowly_keeps_its_dialog_until_it_is_stored(site: Site) -> None:
    page = site.visit()
    look_as(page, 2)
    page.locator("#interests").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Near").select_option("Old Harbour")
    page.route("**/demo/users/*", lambda route: route.fulfill(status=503, json={"detail": "the store rests"}))
    dialog.get_by_role("button", name="Show me").click()
    expect(dialog.get_by_role("alert")).to_have_text(f"{OUTAGE} It is not your fault. Try again in a moment.")
    page.unroute("**/demo/users/*")
    gate = Gate.before(page, "**/demo/users/*")
    dialog.get_by_role("button", name="Show me").click()
    expect(dialog.locator(".main")).to_have_text("Choosing…")
    dialog.locator(".main").click(force=True)
    page.wait_for_timeout(200)
    assert len(gate.sent) == 1
    gate.open()
    expect(dialog).to_have_count(0)
    expect(page.locator("#notice")).to_contain_text("Chosen.")
    expect(page.locator("#interests")).to_contain_text("Old Harbour")
    site.forgive(page, "status of 503")


def test_an_erasure_is_under_way_until_it_is_done_and_says_what_came_of_it(site: Site) -> None:
    page = site.visit()
    look_as(page, 3)
    page.goto(f"{site.url}/mine.html")
    loaded(page)
    page.get_by_role("button", name="Forget me").click()
    dialog, pattern = page.get_by_role("dialog"), "**/api/v1/users/*"
    page.route(pattern, lambda route: route.abort())
    dialog.locator("#erase").click()
    expect(dialog.get_by_role("alert")).to_contain_text("There is no connection.", timeout=30_000)
    page.unroute(pattern)
    gate = Gate.before(page, pattern)
    dialog.locator("#erase").click()
    expect(dialog.locator("#erase")).to_have_text("Erasing…")
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_visible()
    gate.open()
    expect(page.locator("#notice")).to_contain_text(re.compile(r"Erased \d+ documents?\."))
    site.forgive(page, "ERR_FAILED")


def test_a_switch_that_could_not_be_stored_is_as_before(site: Site) -> None:
    page = site.visit()
    look_as(page, 2)
    page.goto(f"{site.url}/mine.html")
    loaded(page)
    page.route("**/profiling", lambda route: route.fulfill(status=500, json={"detail": "KeyError"}))
    page.locator("#profiling").click()
    expect(page.locator("#notice")).to_contain_text(OUTAGE)
    expect(page.locator("#profiling")).to_be_checked()
    site.forgive(page, "status of 500")


@pytest.mark.parametrize("position", [0, -1], ids=["without an answer", "refused"])
def test_a_sign_in_says_what_became_of_the_booking_that_it_was_for(site: Site, position: int) -> None:
    page = site.visit()
    event = listed(page)[0]
    page.goto(f"{site.url}/event.html?id={event}&position={position}")
    loaded(page)
    if position == 0:
        page.route(INTERACTIONS, lambda route: route.fulfill(status=503, json={"detail": "the store rests"}))
    page.locator("#event [data-type=booking]").click()
    page.get_by_label("Your name").fill("Vera")
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
    expect(page.locator("#leave")).to_be_visible(timeout=30_000)
    if position == 0:
        expect(page.locator("#notice")).to_contain_text("Booked")
        expect(page.locator("#notice")).to_contain_text(f"{OUTAGE} It is kept here, and sent later.")
    else:
        expect(page.locator("#notice")).to_contain_text("That could not be done.")
        expect(page.locator("#notice")).not_to_contain_text("Booked")
        assert page.evaluate("Object.entries(localStorage).filter(([name]) => /states/.test(name))") == []
    site.forgive(page, "status of 503")


def test_what_a_visitor_s_browser_knows_becomes_the_user_s(site: Site) -> None:
    page = site.visit()
    did = {}
    for state, name, said in (("save", "Save", "Saved"), ("dismiss", "Not interested", "Not interested in")):
        card = page.locator("#own .card").nth(2)
        did[state] = [card.get_attribute("data-event")]
        card.get_by_role("button", name=name).click()
        expect(page.locator("#notice")).to_contain_text(said)
        loaded(page)
    page.locator("#enter").click()
    page.get_by_label("Your name").fill("Vera")
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
    expect(page.locator("#own h2")).to_have_text("For Vera")
    known = "Object.entries(localStorage).filter(([name]) => name.startsWith('marquee.states.'))"
    [[name, states]] = page.evaluate(known)
    assert name == f"marquee.states.{signed_in_as(page)}"
    assert json.loads(states) == did
    look_as(page, 3)
    assert [name for name, _ in page.evaluate(known) if name == "marquee.states."] == []


ODD: Final[dict[str, list[Any]]] = {
    "title": [7, "", "  ", ["a"], {"de": "b"}, True, None],
    "description": [7, ["a"], {}, True, None],
    "category": [7, ["Music"], {}, False, ""],
    "city": [7, ["x"], {"lat": 1}],
    "tags": ["a,b", 7, {"a": 1}, [1, None, {}, "jazz"], None],
    "starts_at": ["soon", 7, "", [], {}, "9999-01-01T00:00:00Z", "2026-13-45T00:00:00Z", None],
    "ends_at": ["later", True, {}, "0001-01-01T00:00:00Z"],
    "timezone": ["Mars/X", 7, "", [], {}, "+99:99"],
    "price": ["12", -1, [], {}, True, None],
    "currency": ["euros", 7, [], {}, "€", "E"],
    "image_url": ["javascript:alert(1)", "data:text/html,x", "https://[", 7, [], {}, ""],
    "location": ["here", 7, []],
    "status": [7, []],
}
"""Odd values of the fields of an event's document, as any program may write them."""


def test_odd_fields_of_documents_are_left_out_and_break_no_page(site: Site) -> None:
    page = site.visit()
    look_as(page, 2)
    user, event = signed_in_as(page), str(listed(page)[0])
    page.request.post(
        f"{site.url}/api/v1/interactions",
        data={"user_id": user, "interactions": [{"type": kind, "event_id": event} for kind in ("booking", "save")]},
    )
    sound = {"event_id": event, "title": "A title", "starts_at": "2099-05-01T18:00:00Z", "timezone": "Europe/Paris"}
    document: dict[str, Any] = {}
    page.route("**/demo/events*", lambda route: route.fulfill(json=[document]))
    rounds = max(map(len, ODD.values()))
    for number in range(rounds):
        odd = {name: values[number % len(values)] for name, values in ODD.items()}
        document = {**sound, **odd} if number % 2 else {"event_id": event, **odd}
        page.goto(f"{site.url}/event.html?id={event}")
        loaded(page)
        expect(page.get_by_role("heading", level=1)).to_have_text(event)
        assert page.locator("#event [data-type=booking], #event [data-type=cancel]").count() == 1
        page.goto(f"{site.url}/mine.html")
        loaded(page)
        expect(page.locator(".entry h3").first).to_have_text(event)
    read = page.evaluate(
        """async ([odd, sound]) => {
          const { eventOf, profileOf } = await import("/site/documents.js");
          const kept = {};
          for (const [name, values] of Object.entries(odd)) {
            for (const value of values) {
              const { title, [name]: found, ...others } = eventOf({ ...sound, [name]: value });
              (kept[name] ??= []).push([name === "title" ? title : found, title, others.starts_at ?? null]);
            }
          }
          const profiles = [null, [], { preferred_categories: "Music", location: "home", profiling: "no" },
            { preferred_categories: [1, "Music"], location: { lat: "1", lng: 2 } }, { location: { lat: 91, lng: 0 } }];
          return [kept, profiles.map(profileOf), profileOf({ location: { lat: 0, lng: 0 }, profiling: false })];
        }""",
        [ODD, sound],
    )
    kept, profiles, whole = read
    assert {found for found, *_ in kept["title"]} == {event}
    for name, values in kept.items():
        if name in ("title", "status", "location"):
            continue
        for found, title, starts_at in values:
            assert found in (None, [], ["jazz"], "euros", "€", "E"), name
            assert title == "A title"
            assert starts_at == (None if name == "starts_at" else "2099-05-01T18:00:00.000Z")
    assert [profile["interests"] for profile in profiles] == [[], [], [], ["Music"], []]
    assert all(profile["location"] is None and profile["profiling"] for profile in profiles)
    assert whole == {"interests": [], "location": {"lat": 0, "lng": 0}, "profiling": False}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"starts_at": "2020-05-01T18:00:00Z", "ends_at": "2020-05-01T20:00:00Z"}, "This event is over."),
        ({"starts_at": "2020-05-01T18:00:00Z", "ends_at": None}, "This event is over."),
        ({"status": "cancelled"}, "This event is cancelled."),
        ({"status": "sold_out"}, "This event is sold out."),
    ],
)
def test_nobody_books_an_event_that_takes_nobody(site: Site, change: dict[str, str | None], told: str) -> None:
    page = site.visit()
    open_event = {"event_id": "e", "title": "Jazz Night", "starts_at": "2199-05-01T18:00:00Z", "status": "published"}
    for event, buttons in ((open_event, 1), ({**open_event, **change}, 0)):
        page.route("**/demo/events*", lambda route, _request, event=event: route.fulfill(json=[event]))
        page.goto(f"{site.url}/event.html?id=e")
        expect(page.get_by_role("heading", level=1)).to_have_text("Jazz Night")
        expect(
            page.locator("#event").get_by_role("button", name=re.compile("^(Book|Cancel the booking)"))
        ).to_have_count(buttons)
        loaded(page)
    expect(page.locator("#event .till")).to_contain_text(told)
    site.forgive(page, "status of 404")


def test_what_is_booked_and_saved_stays_listed_and_can_be_cancelled_whatever_becomes_of_it(site: Site) -> None:
    page = site.visit()
    look_as(page, 2)
    user, ids = signed_in_as(page), [str(event) for event in listed(page)[:4]]
    actions = [("booking", event) for event in ids[:3]] + [("save", ids[3])]
    page.request.post(
        f"{site.url}/api/v1/interactions",
        data={"user_id": user, "interactions": [{"type": kind, "event_id": event} for kind, event in actions]},
    )
    open_event = {"title": "Jazz Night", "starts_at": "2199-05-01T18:00:00Z"}
    states = {ids[0]: {"status": "cancelled"}, ids[1]: {"status": "sold_out"}}
    found = [{"event_id": event, **open_event, **state} for event, state in states.items()]
    page.route("**/demo/events*", lambda route: route.fulfill(json=found))
    page.goto(f"{site.url}/mine.html")
    loaded(page)
    words = ("This event is cancelled.", "This event is sold out.", "No longer available", "No longer available")
    # What a persona booked in the past may have been saved before, and is listed twice.
    for event, of, said in zip(ids, ("booked", "booked", "booked", "saved"), words, strict=True):
        expect(page.locator(f'#{of} [data-event="{event}"]')).to_contain_text(said)
    for event in ids[:3]:
        page.locator(f'#booked [data-event="{event}"]').get_by_role("button", name=re.compile("^Cancel ")).click()
        expect(page.locator(f'#booked [data-event="{event}"]')).to_have_count(0, timeout=30_000)
    page.locator(f'#saved [data-event="{ids[3]}"]').get_by_role("button", name=re.compile("^Remove ")).click()
    expect(page.locator(f'#saved [data-event="{ids[3]}"]')).to_have_count(0, timeout=30_000)


@pytest.mark.parametrize("path", ["", "event.html?id=event_1", "mine.html"])
@pytest.mark.parametrize("fault", ["offline", "5xx", "no JSON"])
def test_a_visitor_reads_a_sentence_and_can_try_again_where_the_service_fails(
    site: Site, path: str, fault: str
) -> None:
    page = site.visit()
    look_as(page, 2)
    forget_lists(page)

    def fail(route: Route) -> None:
        if fault == "offline":
            route.abort()
        elif fault == "5xx":
            route.fulfill(status=503, json={"detail": "google.api_core.exceptions.Unavailable: 503"})
        else:
            route.fulfill(body="<h1>Bad gateway</h1>")

    patterns = ("**/api/v1/**", "**/demo/events*", "**/demo/users/*")
    for pattern in patterns:
        page.route(pattern, fail)
    page.goto(f"{site.url}/{path}")
    expect(page.locator("#failure")).to_be_visible(timeout=60_000)
    loaded(page)
    shown = page.locator("#main").inner_text() + page.locator("#notice").inner_text()
    expected = "There is no connection." if fault == "offline" else OUTAGE
    assert expected in shown or "That did not work." in shown
    assert not re.search(r"expected|status|/api|/demo|50\d|undefined|JSON|fetch|Error|Unavailable", shown)
    for pattern in patterns:
        page.unroute(pattern)
    page.locator("#failure").get_by_role("button", name="Try again").click()
    expect(page.locator("#failure")).to_have_count(0)
    loaded(page)
    assert page.locator(".card, .entry, #booked").count()
    site.forgive(page, "status of 503", "ERR_FAILED")


def test_a_page_whose_modules_do_not_come_says_so(site: Site) -> None:
    page = site.visit()
    for module in ("**/site/wording.js", "**/backend.js"):
        page.route(module, lambda route: route.abort())
        for path in PAGES:
            page.goto(f"{site.url}/{path}")
            expect(page.locator("#failure")).to_contain_text("This page could not be loaded")
            loaded(page)
        page.unroute(module)
    page.locator("#failure button").click()
    expect(page.locator("#failure")).to_have_count(0)
    site.forgive(page, "ERR_FAILED")


def test_an_action_whose_lists_do_not_follow_is_still_said_to_be_done(site: Site) -> None:
    page = site.visit()
    look_as(page, 2)
    page.route("**/api/v1/recommendations*", lambda route: route.fulfill(status=500, json={"detail": "KeyError"}))
    page.evaluate("localStorage.removeItem(`marquee.last.${JSON.parse(localStorage['marquee.demo.account']).userId}`)")
    dismissed = listed(page)[1]
    page.locator("#own .card").nth(1).get_by_role("button", name="Not interested").click()
    expect(page.locator("#notice")).to_contain_text("Not interested in")
    expect(page.locator("#notice")).to_contain_text(f"Your lists are as before. {OUTAGE}")
    assert dismissed not in listed(page)
    expect(page.locator("#notice").get_by_role("button", name="Undo")).to_be_visible()
    page.locator(".calls summary").click()
    expect(page.locator(".calls code.bad").first).to_contain_text("KeyError")
    site.forgive(page, "status of 500")


@pytest.mark.parametrize("clipboard", ["undefined", "{ writeText: async () => { throw new Error('no'); } }"])
def test_a_command_that_cannot_be_copied_is_selected(site: Site, clipboard: str) -> None:
    page = site.visit()
    page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{ value: {clipboard} }})")
    page.locator(".calls summary").click()
    page.locator(".calls li button").first.click()
    expect(page.locator("#notice")).to_contain_text("The browser does not let this page copy.")
    assert page.evaluate("String(getSelection())").startswith("curl ")


@pytest.mark.parametrize(("size", "direction"), [(DESK, "rtl"), (PHONE, "ltr")], ids=["desk", "phone"])
def test_pages_fit_and_targets_are_large(site: Site, size: tuple[int, int], direction: str) -> None:
    page = site.visit(size=size)
    look_as(page, 1)
    for path in PAGES:
        page.goto(f"{site.url}/{path.replace('EVENT', 'event_1')}")
        loaded(page)
        page.evaluate(f"document.documentElement.dir = '{direction}'")
        page.locator(".calls summary").click()
        if not path:
            page.get_by_label("Compare with most popular").check()
            expect(page.locator(".comparison li a").first).to_be_visible()
        elif path == "mine.html":
            expect(page.locator(".entry a").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate(SMALL_TARGETS.replace("LEAST", str(TARGET_PX - 0.5))) == []


def test_the_pictures_of_the_readme_show_the_site(site: Site, tmp_path: Path) -> None:
    folder = Path(os.environ.get("MARQUEE_PICTURES", tmp_path))
    for name, size, scale in (("desktop", DESK, 1), ("phone", PHONE, 2)):
        page = site.visit(size=size, device_scale_factor=scale, reduced_motion="reduce")
        look_as(page, 3)
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=folder / f"site-{name}.png")
        assert (folder / f"site-{name}.png").stat().st_size > 20_000


def test_nothing_moves_for_those_who_asked_for_less_motion(site: Site) -> None:
    page = site.visit(reduced_motion="reduce")
    look_as(page, 1)
    page.locator("#own .card").nth(1).get_by_role("button", name="Not interested").click()
    expect(page.locator("#notice")).to_contain_text("Not interested")
    assert page.evaluate("document.getAnimations().length") == 0


def test_an_event_without_an_end_is_over_when_the_lists_take_it_to_be(site: Site) -> None:
    page = site.visit()
    now = datetime.now(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    there = today.replace(tzinfo=ZoneInfo("Pacific/Auckland"))
    shown: list[dict[str, Any]] = [{}]
    page.route("**/demo/events*", lambda route: route.fulfill(json=shown))
    begun = [now - timedelta(hours=2), now - timedelta(hours=4), today, today - timedelta(days=1)]
    for starts_at, zone in (
        *((moment, zone) for moment in begun for zone in ("", "UTC")),
        *((there + timedelta(days=days), "Pacific/Auckland") for days in (-2, -1, 0, 1)),
    ):
        event = Event(event_id="e", title="Jazz Night", starts_at=starts_at.astimezone(UTC), timezone=zone)
        shown[0] = {"event_id": "e", "title": "Jazz Night", "starts_at": str(event.starts_at), "timezone": zone or None}
        page.goto(f"{site.url}/event.html?id=e")
        loaded(page)
        over_at = Calendar().over_at(event)
        assert over_at
        expect(page.locator("#event [data-type=booking]")).to_have_count(int(over_at > now))
    # Nothing is similar to an event that the API does not know.
    site.forgive(page, "status of 404")


def test_a_list_that_did_not_come_in_time_is_not_taken_for_one_without_events(site: Site) -> None:
    page = site.visit()
    before = listed(page)
    late = {"items": [], "degraded": ["refresh"]}
    page.route(RECOMMENDATIONS, lambda route: route.fulfill(json={**route.fetch().json(), **late}))
    page.reload()
    expect(page.locator("#empty")).to_have_text("The events did not come in time. Load the page again in a moment.")
    loaded(page)
    page.unroute(RECOMMENDATIONS)
    page.route(RECOMMENDATIONS, lambda route: route.abort())
    page.reload()
    loaded(page)
    expect(page.locator("#own h2")).to_have_text("What you saw last")
    assert listed(page) == before
    page.unroute(RECOMMENDATIONS)
    page.reload()
    loaded(page)
    expect(page.locator("#empty")).to_have_count(0)
    assert listed(page)
    site.forgive(page, "ERR_FAILED")
