"""Barriers of pages, as axe finds them: each page and state of the site, of the dashboard and of the API's page."""

from collections.abc import Callable, Mapping
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from functions import contract
from tests.e2e.client import App
from tests.e2e.examples import ANALYSIS, EXPERIMENT
from tests.e2e.site import barriers, forget_lists, listed, loaded
from tests.e2e.stored import Demo

pytestmark = pytest.mark.e2e

Step = Callable[[Page, str], None]
"""Way of a page to a state of a site at a URL, from wherever it is; no request is answered by the step before."""

API: Final = "**/api/v1/**"
DOCUMENTS: Final = "**/demo/events*"
DASHBOARD: Final = "dashboard.html"


def at(path: str) -> Step:
    """Page at a path, in which EVENT is the first event of the front page."""

    def step(page: Page, url: str) -> None:
        if "EVENT" in path:
            at("")(page, url)
        page.goto(f"{url}/{path.replace('EVENT', str(listed(page)[0]) if 'EVENT' in path else '')}")
        loaded(page)

    return step


def as_persona(page: Page, url: str) -> None:
    """Front page of somebody with a history."""
    at("")(page, url)
    page.locator(".persona input").nth(1).check(force=True)
    expect(page.locator("#own h2")).to_contain_text("For ")
    loaded(page)


def asking(path: str, *buttons: str) -> Step:
    """Page at a path with the dialog that buttons with these words have opened."""

    def step(page: Page, url: str) -> None:
        at(path)(page, url)
        for words in buttons:
            page.get_by_role("button", name=words).first.click()
        expect(page.locator("dialog:visible")).to_have_count(1)

    return step


def without(pattern: str, path: str, *, status: int = 503, shows: str = "#failure") -> Step:
    """Page at a path whose requests of a pattern fail, which a part of the page says."""

    def step(page: Page, url: str) -> None:
        page.route(pattern, lambda route: route.fulfill(status=status, json={"detail": "refused", "status": status}))
        forget_lists(page)
        page.goto(f"{url}/{path}")
        expect(page.locator(shows).first).to_be_visible(timeout=60_000)
        loaded(page)

    return step


def after_acts(page: Page, url: str) -> None:
    """Front page with a notice, a comparison and the calls of the demo."""
    at("")(page, url)
    page.locator("#own .card").first.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_be_visible()
    page.get_by_label("Compare with most popular").check()
    page.locator(".calls summary").click()
    expect(page.locator(".columns section")).to_have_count(2)
    loaded(page)


def where_nothing_fits(page: Page, url: str) -> None:
    page.route("**/api/v1/recommendations*", lambda route: route.fulfill(json={**route.fetch().json(), "items": []}))
    at("")(page, url)
    expect(page.locator("#empty")).to_be_visible()


def at_closed_event(page: Page, url: str) -> None:
    event = {"event_id": "e", "title": "Jazz Night", "starts_at": "2020-05-01T18:00:00Z", "status": "published"}
    page.route(DOCUMENTS, lambda route: route.fulfill(json=[event]))
    page.goto(f"{url}/event.html?id=e")
    expect(page.locator("#event .till")).to_contain_text("This event is over.")


def at_page_with_element(page: Page, url: str) -> None:
    """Page of another app with the client's element."""
    body = """<!doctype html><html lang="en"><title>Events</title><meta name="color-scheme" content="light dark">
      <script type="module" src="marquee-list.js"></script><main><h1>Events</h1><h2>Popular</h2>
      <marquee-list name="popular" limit="3"></marquee-list></main></html>"""
    page.route("**/own.html", lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(f"{url}/own.html")
    expect(page.locator("article")).to_have_count(3)


def at_api(page: Page, url: str) -> None:
    page.goto(f"{url}/api/v1/docs")
    number = len(list(contract.contract().operations()))
    expect(page.locator("rapi-doc").locator(".expanded-endpoint-body")).to_have_count(number)


def at_whole_dashboard(page: Page, url: str) -> None:
    """Dashboard with all of its parts open, and a rule that is not saved."""
    at(DASHBOARD)(page, url)
    for summary in page.locator("summary").all():
        summary.click()
    page.locator(".acts button").first.click()
    expect(page.locator(".rules li")).to_have_count(1)
    loaded(page)


def with_experiment(page: Page, url: str) -> None:
    """Dashboard with an experiment that runs."""
    page.route("**/api/v1/experiments", lambda route: route.fulfill(json={"experiments": [EXPERIMENT]}))
    page.route("**/api/v1/experiments/*", lambda route: route.fulfill(json={**EXPERIMENT, "analysis": ANALYSIS}))
    at(DASHBOARD)(page, url)
    expect(page.locator("#experiments article")).to_contain_text("is better")


def ending_experiment(page: Page, url: str) -> None:
    with_experiment(page, url)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def beginning_experiment(page: Page, url: str) -> None:
    at(DASHBOARD)(page, url)
    page.locator("#experiments summary").click()
    page.get_by_label("Id of the experiment").fill("new")
    page.get_by_role("button", name="Begin…").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def without_reports(page: Page, url: str) -> None:
    page.route("**/api/v1/report*", lambda route: route.fulfill(json={"from": "", "to": "", "reports": []}))
    without("**/api/v1/runs*", DASHBOARD, status=409, shows="#runs-body .failed-part")(page, url)


TOURS: Final[dict[str, tuple[str, Mapping[str, Step]]]] = {
    "visitor": (
        "city",
        {
            "front page": at(""),
            "front page where nothing fits": where_nothing_fits,
            "front page without the API": without(API, ""),
            "front page without its modules": without("**/backend.js", ""),
            "interests": asking("", "Choose interests"),
            "sign-in of the demo": asking("", "Sign in"),
            "event that is over": at_closed_event,
            "event that is gone": at("event.html?id=none"),
            "event without its document": without(DOCUMENTS, "event.html?id=event_1"),
            "own events": at("mine.html"),
            "page with the client's element": at_page_with_element,
            "page of the API": at_api,
        },
    ),
    "persona": (
        "city",
        {
            "front page": as_persona,
            "front page after acts": after_acts,
            "event": at("event.html?id=EVENT"),
            "own events": at("mine.html"),
            "own events without the API": without(API, "mine.html"),
            "erasure": asking("mine.html", "Forget me"),
        },
    ),
    "admin": (
        "simulated",
        {
            "dashboard": at_whole_dashboard,
            "dashboard without reports": without_reports,
            "dashboard without the API": without(API, DASHBOARD, shows="#gate"),
            "dashboard of no admin": without(API, DASHBOARD, status=403, shows="#gate"),
            "roll-back": asking(DASHBOARD, "Activate"),
            "experiment": with_experiment,
            "end of an experiment": ending_experiment,
            "begin of an experiment": beginning_experiment,
        },
    ),
    "visitor of the hosted site": (
        "app",
        {
            "sign-in": asking("", "Sign in"),
            "dashboard of nobody": at(DASHBOARD),
            "sign-in to the dashboard": asking(DASHBOARD, "Sign in"),
        },
    ),
}
"""Pages and states: for each visit, the fixture of its server and its steps by name. A step is a line here."""


@pytest.mark.parametrize("tour", TOURS)
def test_axe_finds_no_barrier(tour: str, request: pytest.FixtureRequest, browser: Browser) -> None:
    fixture, steps = TOURS[tour]
    server: App | Demo = request.getfixturevalue(fixture)
    url = server.url if isinstance(server, Demo) else server.suite.hosting
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{url}/icon.svg")
        found = {}
        for name, reach in steps.items():
            reach(page, url)
            found[name] = barriers(page)
            page.unroute_all()
    assert found == {name: [] for name in steps}


@pytest.mark.parametrize(
    ("ground", "text", "contrast"),
    [
        ("linear-gradient(#000, #333)", "#fff", None),
        ("linear-gradient(#000, #999)", "#fff", "2.85"),
        ("linear-gradient(90deg, #fff, #ddd 50%, #fff)", "#000", None),
        ("linear-gradient(rgb(255 255 255 / 60%) 0 0), radial-gradient(#000, #fff)", "#767676", "1.59"),
        ("url(data:image/png;base64,iVBORw0KGgo=)", "#fff", "that nobody can tell"),
    ],
)
def test_text_on_a_gradient_is_judged_by_the_worst_colour_behind_it(
    page: Page, ground: str, text: str, contrast: str | None
) -> None:
    page.set_content(
        f"""<!doctype html><html lang="en"><title>Events</title><body style="color: {text}; background: {ground}">
        <main><h1 style="font-size: 1rem">Events</h1></main>"""
    )
    expected = [] if contrast is None else [f"contrast {contrast if 'that' in contrast else f'of {contrast}'}"]
    found = {barrier.partition(", ")[2].partition(":")[0] for barrier in barriers(page) if "contrast" in barrier}
    assert sorted({each.removeprefix("from right to left, ") for each in found}) == expected
