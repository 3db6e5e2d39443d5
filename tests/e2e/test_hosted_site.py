"""Site through Hosting: Authentication signs people in, Firestore's rules and triggers take what its pages write."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Error, Geolocation, Page, expect

from tests.e2e.client import PASSWORD, App, change_event, eventually, interactions_of, location_of, log_in, user_of
from tests.e2e.site import barriers, listed, loaded
from tools.emulators.suite import Suite

pytestmark = pytest.mark.e2e


@dataclass
class Visit:
    """Browser of somebody at the hosted site, and what its pages complained of while they had a connection."""

    page: Page
    suite: Suite
    email: str
    is_online: bool = True
    problems: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Notes errors of the console, and requests to hosts other than the emulators."""
        addresses = (self.suite.hosting, self.suite.auth, self.suite.firestore)
        own = (*(f"http://{each.removeprefix('http://')}" for each in addresses), "data:", "blob:")
        self.page.on("request", lambda sent: None if sent.url.startswith(own) else self.problems.append(sent.url))
        self.page.on("console", lambda said: self._note(said) if said.type == "error" else None)
        self.page.on("pageerror", self._note)

    def _note(self, problem: ConsoleMessage | Error) -> None:
        # A browser writes each request that meets no server to the console.
        if self.is_online:
            where = problem.location["url"] if isinstance(problem, ConsoleMessage) else problem.stack
            self.problems.append(f"{problem} at {where}")

    def open(self, path: str = "") -> None:
        """Opens a page and waits for its lists."""
        self.page.goto(f"{self.suite.hosting}/{path}")
        loaded(self.page)

    def see_lists(self) -> None:
        """Opens the front page until the API gives its list: the first call may wait for a function to start."""
        self.open()
        assert eventually(lambda: listed(self.page) or self.reload(), bool), self.page.locator("#notice").inner_text()

    def reload(self) -> list[str | None]:
        """Loads the page again; returns the ids of the first list."""
        self.page.reload()
        loaded(self.page)
        return listed(self.page)

    def act(self, place: int, button: str, *, says: str) -> str:
        """Presses a button of the card at a place of the first list; returns the event's id."""
        card = self.page.locator("#own .card").nth(place)
        event = str(card.get_attribute("data-event"))
        title = card.locator("h3").inner_text()
        card.get_by_role("button", name=button).click()
        for said in (title, says):
            expect(self.page.locator("#notice")).to_contain_text(said, timeout=60_000)
        loaded(self.page)
        return event

    def sign_up(self) -> str:
        """Fills the dialog of the sign-in in; returns the id of the new account."""
        self.page.get_by_label("E-mail address").fill(self.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign up").click()
        expect(self.page.locator("#own h2")).to_contain_text("For ", timeout=60_000)
        loaded(self.page)
        return user_of(self.suite, self.email)

    def states(self, user_id: str) -> list[tuple[str, str]]:
        """Types and events of what Firestore holds of the user, impressions left out."""
        found = interactions_of(self.suite, user_id)
        return sorted((row["type"], row["event_id"]) for row in found if row["type"] != "impression")


@pytest.fixture
def visit(app: App, browser: Browser) -> Iterator[Visit]:
    hung_up = _hung_up(app.suite)
    with browser.new_context() as context:
        visit = Visit(context.new_page(), app.suite, f"{secrets.token_hex(6)}@example.com")
        visit.see_lists()
        visit.watch()
        visit.open()
        yield visit
    # Under load, the emulator of functions loses a connection to its worker now and then, and answers with 500 itself.
    failed = [problem for problem in visit.problems if "status of 500" in problem]
    assert len(failed) <= _hung_up(app.suite) - hung_up
    assert [problem for problem in visit.problems if problem not in failed] == []


def _hung_up(suite: Suite) -> int:
    """Number of connections to functions that the emulator has lost."""
    log = (suite.folder / "firebase-debug.log").read_text(encoding="utf-8", errors="replace")
    return log.count("[error] i  Request to function failed: Error: socket hang up")


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
    category = next((known for _, known in events if known), None)
    if category is None:
        category = "Music"
        for event_id, _ in events[::2]:
            change_event(app.suite, event_id, {"category": {"stringValue": category}})
    there = {"near": f"{lat},{lng}", "radius_km": "5", "category": category}
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
    near = listed(page)
    assert near
    _choose(page, interest=category)
    expect(page.locator("#own h2")).to_have_text("Of what you like")
    assert listed(page) != near
    saved = visit.act(0, "Save", says="Saved")
    page.locator("#own .card").nth(1).get_by_role("button", name="Book").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert barriers(page) == []
    user_id = visit.sign_up()
    expect(page.locator("#notice")).to_contain_text("Booked")
    assert ("save", saved) in eventually(lambda: visit.states(user_id), lambda found: ("save", saved) in found)
    expect(page.locator("#interests")).to_contain_text("Here")

    before = listed(page)
    booked = visit.act(0, "Book", says="Booked")
    assert booked not in listed(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#notice")).to_contain_text("No longer booked")
    assert booked in eventually(visit.reload, lambda shown: booked in shown)
    again = visit.act(before.index(booked) if listed(page)[0] != booked else 0, "Book", says="Booked")
    assert again not in eventually(visit.reload, lambda shown: shown != before)
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


def test_what_is_done_without_a_connection_is_stored_once_it_is_back(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Sign in").first.click()
    user_id = visit.sign_up()
    visit.is_online = False
    page.context.set_offline(True)
    done = [("save", visit.act(place, "Save", says="There is no connection")) for place in (0, 1)]
    done.append(("booking", visit.act(2, "Book", says="There is no connection")))
    # The page itself comes back before the API does. A beacon may arrive all the same, and what it sent is sent again.
    page.context.route("**/api/**", lambda route: route.abort())
    page.context.set_offline(False)
    visit.reload()
    expect(page.locator("#own h2")).to_have_text("What you saw last")
    done.append(("dismiss", visit.act(3, "Not interested", says="There is no connection")))
    page.context.unroute("**/api/**")
    visit.reload()
    visit.is_online = True
    assert eventually(lambda: visit.states(user_id), lambda found: len(found) >= len(done)) == sorted(done)
    visit.reload()
    visit.open("mine.html")
    assert visit.states(user_id) == sorted(done)
    expect(page.locator("#saved .entry")).to_have_count(2)
    assert page.evaluate("Object.keys(localStorage).filter((name) => name.includes(':queue:')).length") == 0


def test_somebody_who_is_no_admin_reads_no_data_of_admins(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sign in").first.click()
    visit.sign_up()
    account = log_in(visit.suite, visit.email)
    headers = {"Authorization": f"Bearer {account.token}"}
    for path in ("models", "rules", "report"):
        for sent in (headers, {}):
            answer = requests.get(f"{visit.suite.hosting}/api/v1/{path}", headers=sent, timeout=60)
            assert answer.status_code == (403 if sent else 401), path
    for path in ("rules/current", "dead_letters/any", "interactions/any", "users/user_1"):
        url = f"http://{visit.suite.firestore}/v1/projects/demo-marquee/databases/(default)/documents/{path}"
        assert requests.get(url, headers=headers, timeout=10).status_code == 403, path


def _choose(page: Page, *, near: str = "", interest: str = "") -> None:
    page.locator("#interests").click()
    if near:
        page.get_by_label("Near").select_option(near)
    if interest:
        page.get_by_role("dialog").get_by_label(interest, exact=True).check()
    page.get_by_role("button", name="Show me").click()
    expect(page.locator("#notice")).to_contain_text("Chosen.")
