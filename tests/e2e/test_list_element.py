"""Element `<marquee-list>` in a browser: its states, attributes, properties, cards, tracking, and its end.

The pages are files of `web/` around a body of the test's own; the API answers as the test says.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tools.emulators.programs import ROOT

pytestmark = pytest.mark.e2e

HOME: Final = "http://list.test"
ITEM: Final[dict[str, Any]] = {
    "title": "Jazz Night",
    "starts_at": "2199-05-01T18:00:00Z",
    "timezone": "Europe/Paris",
    "reasons": ["popular now", "starts soon"],
    "score": 1.0,
    "source": "popular",
    "reason_codes": [],
}
SLOTS: Final = (
    """<b slot="heading">Now</b><i slot="loading">Wait</i><i slot="empty">Nothing</i><i slot="error">Failed</i>"""
)
PLAIN: Final = """<template><article data-text="event_id"></article></template>"""
SCRIPTED: Final = """
  window.calls = [];
  window.scripted = (name) => ({
    observed: [], stopped: [], tracked: [],
    async popular(conditions) {
      const call = { name, conditions };
      calls.push(call);
      return new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
    },
    observe(card, id, details) { this.observed.push([id, details]); return () => this.stopped.push(id); },
    track(...given) { this.tracked.push(given); },
  });
  window.items = (...ids) => ({ recommendation_id: "list", items: ids.map((event_id) => ({ event_id })) });
  window.told = [];
  for (const name of ["marquee-loaded", "marquee-error", "marquee-track"]) {
    const short = ({ items, code, message, type }) => items?.length ?? code ?? message ?? type;
    addEventListener(name, ({ detail }) => told.push([name, short(detail)]));
  }
  window.turn = () => new Promise((done) => setTimeout(done));
"""
"""Script of a page: clients whose lists a test gives, `calls` of them, and `told`, the events that reached the page."""


def listed(*event_ids: str) -> dict[str, Any]:
    """List of the API."""
    items = [{"event_id": event_id, **ITEM} for event_id in event_ids]
    return {"recommendation_id": "list", "model_version": None, "items": items, "next_cursor": None, "degraded": []}


@dataclass
class Host:
    """Pages with a body of their own beside the files of `web/`, and an API that answers by `answer`."""

    page: Page
    answer: Callable[[Route], None] = lambda route: route.fulfill(json=listed("e1", "e2"))
    body: str = ""
    policy: str = ""
    asked: list[str] = field(default_factory=list)
    stored: list[dict[str, Any]] = field(default_factory=list)

    def show(self, body: str, *, script: str = "import './marquee-list.js'") -> Page:
        """Page with a body, once its module scripts have run."""
        scripts = f"<script nonce=n>{SCRIPTED}</script><script nonce=n type=module>{script}</script>"
        self.body = f"<!doctype html><body>{body}{scripts}</body>"
        self.page.goto(f"{HOME}/page.html")
        return self.page

    def serve(self, route: Route) -> None:
        """Answer of the host to one request."""
        path = urlsplit(route.request.url).path
        if path == "/page.html":
            route.fulfill(body=self.body, headers={"Content-Type": "text/html", "Content-Security-Policy": self.policy})
        elif path == "/api/v1/interactions":
            entries = json.loads(route.request.post_data or "")["interactions"]
            self.stored += entries
            accepted = [str(number) for number in range(len(entries))]
            route.fulfill(json={"accepted": accepted, "rejected": [], "superseded": [], "joined": 0, "left_out": 0})
        elif path.startswith("/api/v1/"):
            self.asked.append(route.request.url.partition("/api/v1")[2])
            self.answer(route)
        else:
            route.fulfill(path=ROOT / "web" / path[1:])

    def queries(self) -> list[dict[str, list[str]]]:
        """Parameters of the lists that were asked for."""
        return [parse_qs(urlsplit(url).query) for url in self.asked]


@pytest.fixture
def host(page: Page) -> Host:
    host = Host(page)
    page.route(f"{HOME}/**", host.serve)
    return host


def shown(page: Page) -> list[str]:
    """Names of the element's slots that a visitor sees, with the texts of the cards."""
    found: list[str] = page.locator("marquee-list > [slot]").evaluate_all(
        """(nodes) => nodes.filter((node) => node.checkVisibility()).map(({ slot, innerText }) =>
             slot.startsWith("card-") ? innerText.trim() : slot)"""
    )
    return found


def test_a_list_is_loading_until_it_is_shown_empty_or_failed(host: Host) -> None:
    waiting: list[Route] = []
    host.answer = waiting.append
    page = host.show(f"<marquee-list name=popular>{SLOTS}{PLAIN}</marquee-list>")
    element = page.locator("marquee-list")
    steps: list[tuple[dict[str, Any], list[str], list[Any]]] = [
        ({"json": listed("e1", "e2")}, ["heading", "e1", "e2"], ["marquee-loaded", 2]),
        (
            {"status": 500, "json": {"detail": "KeyError"}},
            ["heading", "error", "e1", "e2"],
            ["marquee-error", "failed"],
        ),
        ({"json": listed("e2")}, ["heading", "e2"], ["marquee-loaded", 1]),
        ({"json": listed()}, ["heading", "empty"], ["marquee-loaded", 0]),
        ({"body": "<h1>Proxy</h1>", "status": 404}, ["heading", "error"], ["marquee-error", "not_found"]),
        ({"json": listed("e3")}, ["heading", "e3"], ["marquee-loaded", 1]),
    ]
    before: list[str] = []
    for number, (answer, expected, told) in enumerate(steps):
        expect(element).to_have_attribute("aria-busy", "true")
        assert shown(page) == ["heading", "loading", *before]
        waiting.pop().fulfill(**answer)
        expect(element).to_have_attribute("aria-busy", "false")
        assert shown(page) == expected
        assert page.evaluate("told.at(-1)") == told
        before = [name for name in expected if name.startswith("e") and name[1:].isdigit()]
        if number < len(steps) - 1:
            element.evaluate("(list) => void list.refresh()")
    assert page.evaluate("document.querySelector('marquee-list').list.items.map(({ event_id }) => event_id)") == ["e3"]
    error = element.evaluate("(list) => list.shadowRoot.querySelector('slot[name=error]').getAttribute('role')")
    assert error == "alert"


def test_attributes_are_the_parameters_of_the_api_and_a_change_asks_once_again(host: Host) -> None:
    document = json.loads((ROOT / "functions/openapi.json").read_text(encoding="utf-8"))
    known = document["components"]["parameters"]
    lists = ("/recommendations", "/events/{event_id}/similar", "/events/popular", "/events/trending")
    given = [
        known[entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry
        for path in lists
        for entry in document["paths"][path]["get"]["parameters"]
    ]
    parameters = {entry["name"] for entry in given if entry["in"] == "query"}
    page = host.show(f"<marquee-list name=popular class=a data-x=1 _ngcontent-c1 aria-label=b>{PLAIN}</marquee-list>")
    element = page.locator("marquee-list")
    expect(page.locator("article")).to_have_count(2)
    assert host.queries() == [{}]
    observed = page.evaluate("customElements.get('marquee-list').observedAttributes")
    assert {name.replace("-", "_") for name in observed} == {*parameters, "name", "event_id"}
    for name in observed:
        if name in ("name", "event-id"):
            continue
        element.evaluate(
            """async (list, name) => {
              list.setAttribute(name, "5");
              list.setAttribute("title", name);
              list.className = name;
              list.toggleAttribute("inert");
              await new Promise((done) => list.addEventListener("marquee-loaded", done, { once: true }));
              list.setAttribute(name, "5");
              await turn();
            }""",
            name,
        )
        assert host.queries()[1:] == [{name.replace("-", "_"): ["5"]}], name
        element.evaluate(
            """async (list, name) => {
              list.removeAttribute(name);
              await new Promise((done) => list.addEventListener("marquee-loaded", done, { once: true }));
            }""",
            name,
        )
        assert host.queries()[2:] == [{}]
        del host.asked[1:]
    element.evaluate(
        """async (list) => {
          list.setAttribute("limit", "3");
          list.setAttribute("category", "Food, drink");
          list.setAttribute("tags", "a,b");
          list.conditions = { limit: 7, tags: ["x,y"], near: [1, 2] };
          await new Promise((done) => list.addEventListener("marquee-loaded", done, { once: true }));
        }"""
    )
    expected = {"limit": ["7"], "category": ["Food\\, drink"], "tags": ["x\\,y"], "near": ["1", "2"]}
    assert host.queries()[1:] == [expected]


def test_a_name_chooses_the_list(host: Host) -> None:
    page = host.show(f"<marquee-list event-id='a b'>{PLAIN}</marquee-list>")
    names = ["popular", "trending", "similar", "none such", "constructor"]
    expect(page.locator("article")).to_have_count(2)
    for name in names:
        page.locator("marquee-list").evaluate(
            """async (list, name) => {
              list.name = name;
              await new Promise((done) => list.addEventListener("marquee-loaded", done, { once: true }));
            }""",
            name,
        )
    own = "/recommendations"
    assert host.asked == [own, "/events/popular", "/events/trending", "/events/a%20b/similar", own, own]
    assert page.locator("marquee-list").evaluate("(list) => [list.name, list.getAttribute('name')]") == [
        "recommendations",
        "constructor",
    ]


def test_a_template_is_filled_and_what_is_unknown_or_unsafe_is_left_out(host: Host) -> None:
    odd = {
        "event_id": "a/b",
        **ITEM,
        "title": "<b>&amp;</b>",
        "image_url": "javascript:alert(1)",
        "ends_at": "soon",
        "timezone": "Mars/X",
        "tags": [],
        "city": "",
        "price": 0,
        "organizer_id": "\ud800",
    }
    sound = {"event_id": "e", **ITEM, "image_url": "https://list.test/icon.svg", "tags": ["x", "y"], "city": "Ulm"}
    body = json.dumps({**listed(), "items": [odd, sound]})
    host.answer = lambda route: route.fulfill(content_type="application/json", body=body)
    page = host.show(
        """<marquee-list name="popular"><template><article>
          <h3 data-text="title"></h3><a data-href="/events/{event_id}?n={city}" class="page">x</a>
          <a data-href="/organizers/{organizer_id}" class="organizer">y</a>
          <img data-src="{image_url}" data-alt="Picture of {title}"><time data-text="ends_at"></time>
          <i data-text="starts_at"></i><s data-text="tags"></s><u data-text="city"></u><b data-text="price"></b>
          <button data-label="Save {title}" data-track="save">Save</button>
        </article></template></marquee-list>"""
    )
    first, second = page.locator("article").first, page.locator("article").last
    expect(page.locator("article")).to_have_count(2)
    assert first.locator("h3").inner_text() == "<b>&amp;</b>"
    assert first.locator("a.page").get_attribute("href") == "/events/a%2Fb?n="
    assert first.locator("a.organizer").get_attribute("href") == "/organizers/%EF%BF%BD"
    assert second.locator("a.organizer").count() == 0
    assert [first.locator(name).count() for name in ("img", "time", "s", "u")] == [0, 0, 0, 0]
    assert first.locator("b").inner_text() == "0"
    assert first.locator("i").inner_text()
    assert second.locator("a").get_attribute("href") == "/events/e?n=Ulm"
    assert second.locator("img").get_attribute("src") == "https://list.test/icon.svg"
    assert second.locator("img").get_attribute("alt") == "Picture of Jazz Night"
    assert "8:00" in second.locator("i").inner_text()
    assert second.locator("s").inner_text() == "x, y"
    assert second.locator("button").get_attribute("aria-label") == "Save Jazz Night"


def test_without_a_template_a_card_has_title_time_and_reasons(host: Host) -> None:
    page = host.show("<marquee-list name=popular></marquee-list>")
    expect(page.locator("article")).to_have_count(2)
    assert page.locator("article").first.locator("h3").inner_text() == "Jazz Night"
    assert "2199" in page.locator("article p").first.inner_text()
    assert page.locator("article p").nth(1).inner_text() == "popular now, starts soon"


def test_a_strict_policy_of_the_page_forbids_nothing_that_a_list_needs(host: Host) -> None:
    host.policy = "default-src 'self'; script-src 'self' 'nonce-n'; require-trusted-types-for 'script'; trusted-types;"
    complaints: list[str] = []
    host.page.on("console", lambda said: complaints.append(said.text))
    page = host.show("<marquee-list name=popular></marquee-list>")
    expect(page.locator("article h3")).to_have_text(["Jazz Night", "Jazz Night"])
    style = "getComputedStyle(document.querySelector('marquee-list').shadowRoot.querySelector('ol')).listStyleType"
    assert page.evaluate(style) == "none"
    assert complaints == []


def test_clicks_and_impressions_are_tracked_with_the_list_and_the_place(host: Host) -> None:
    page = host.show(
        """<div data-track="share"><marquee-list name="popular"><template>
             <article><h3 data-text="title"></h3><button data-track="save"><i>Save</i></button></article>
           </template></marquee-list></div>""",
        script="""import { Marquee } from "./marquee.js"; import { MarqueeListElement } from "./marquee-list.js";
          MarqueeListElement.client = new Marquee({ flushAfterMs: 300 })""",
    )
    expect(page.locator("article")).to_have_count(2)
    page.locator("article i").nth(1).click()
    page.locator("h3").nth(1).click()
    with page.expect_request(lambda sent: "impression" in (sent.post_data or "")):
        pass
    page.locator("marquee-list").evaluate("(list) => list.refresh()")
    page.wait_for_timeout(1_300)
    told = [{name: value for name, value in entry.items() if name != "occurred_at"} for entry in host.stored]
    about = {"recommendation_id": "list"}
    assert told == [
        {**about, "type": "save", "event_id": "e2", "position": 1},
        {**about, "type": "impression", "event_ids": ["e1", "e2"], "position": 0},
    ]
    assert page.evaluate("told.filter(([name]) => name === 'marquee-track')") == [["marquee-track", "save"]]


def test_positions_go_on_over_pages(host: Host) -> None:
    pages = {"": {**listed("e1", "e2"), "next_cursor": "cursor_of_more"}, "cursor_of_more": listed("e3", "e4")}

    def answer(route: Route) -> None:
        [cursor] = parse_qs(urlsplit(route.request.url).query).get("cursor", [""])
        route.fulfill(json=pages[cursor])

    host.answer = answer
    page = host.show(
        """<marquee-list name="popular"><template><button data-track="save" data-text="event_id"></button></template>
           </marquee-list>""",
        script="""import { Marquee } from "./marquee.js"; import { MarqueeListElement } from "./marquee-list.js";
          MarqueeListElement.client = new Marquee({ flushAfterMs: 300 })""",
    )
    expect(page.get_by_text("e2")).to_be_visible()
    page.locator("marquee-list").evaluate("(list) => list.setAttribute('cursor', 'cursor_of_more')")
    page.get_by_text("e4").click()
    with page.expect_request(lambda sent: "impression" in (sent.post_data or "")):
        pass
    page.wait_for_timeout(200)
    assert [(entry["type"], entry["position"]) for entry in host.stored] == [("save", 3), ("impression", 2)]


def test_of_two_questions_the_later_is_shown_and_the_earlier_is_aborted(host: Host) -> None:
    page = host.show(f"<marquee-list name=popular>{PLAIN}</marquee-list>")
    found = page.locator("marquee-list").evaluate(
        """async (list) => {
          list.client = scripted("own");
          await turn();
          list.setAttribute("limit", "5");
          list.setAttribute("when", "weekend");
          await turn();
          const [first, second] = calls;
          second.resolve(items("b"));
          await turn();
          first.resolve(items("a"));
          await turn();
          return [calls.length, first.conditions.signal.aborted, second.conditions.signal.aborted,
            second.conditions.limit, second.conditions.when, list.innerText.trim()];
        }"""
    )
    assert found == [2, True, False, "5", "weekend", "b"]


def test_an_element_that_leaves_the_page_ends_what_it_has_begun_and_begins_again_when_it_is_back(host: Host) -> None:
    page = host.show(f"<marquee-list name=popular>{SLOTS}{PLAIN}</marquee-list>")
    found = page.locator("marquee-list").evaluate(
        """async (list) => {
          const client = scripted("own");
          list.client = client;
          await turn();
          calls[0].resolve(items("a", "b"));
          await turn();
          const [observed, before] = [client.observed.map(([id]) => id), [...client.stopped]];
          list.refresh();
          await turn();
          told.length = 0;
          list.remove();
          const [stopped, { aborted }] = [[...client.stopped], calls[1].conditions.signal];
          calls[1].resolve(items("c"));
          await turn();
          list.setAttribute("limit", "5");
          list.conditions = { limit: 6 };
          list.card = () => document.createElement("hr");
          await turn();
          const away = [calls.length, client.observed.length, told.length];
          document.body.append(list);
          await turn();
          calls[2].reject(Object.assign(new Error("late"), { code: "late" }));
          await turn();
          document.body.prepend(list);
          await turn();
          calls[3].resolve(items("d"));
          await turn();
          return { observed, before, stopped, away, aborted, told,
            count: calls.length, last: client.observed.at(-1)[0], hr: list.querySelectorAll("hr").length };
        }"""
    )
    assert found == {
        "observed": ["a", "b"],
        "before": [],
        "stopped": ["a", "b"],
        "away": [2, 2, 0],
        "aborted": True,
        "told": [["marquee-error", "late"], ["marquee-loaded", 1]],
        "count": 4,
        "last": "d",
        "hr": 1,
    }


def test_a_refresh_keeps_cards_and_focus_and_stops_what_left(host: Host) -> None:
    page = host.show(
        "<marquee-list name=popular><template><button data-track=save>x</button></template></marquee-list>"
    )
    found = page.locator("marquee-list").evaluate(
        """async (list) => {
          const client = scripted("own");
          list.client = client;
          await turn();
          calls[0].resolve(items("a", "b"));
          await turn();
          const [, kept] = list.querySelectorAll("[slot^=card-]");
          kept.querySelector("button").focus();
          list.refresh();
          await turn();
          calls[1].resolve(items("c", "b"));
          await turn();
          const order = [...list.shadowRoot.querySelectorAll("li slot")].map(({ name }) => name);
          return [list.querySelector("[slot=card-b]") === kept, kept.contains(document.activeElement), order,
            list.querySelectorAll("[slot^=card-]").length, client.stopped, client.observed.slice(2)];
        }"""
    )
    about = {"recommendation_id": "list"}
    assert found == [
        True,
        True,
        ["card-c", "card-b"],
        2,
        ["a", "b"],
        [["c", {**about, "position": 0}], ["b", {**about, "position": 1}]],
    ]


def test_properties_that_were_set_before_the_module_came_are_taken(host: Host) -> None:
    page = host.show(
        """<marquee-list></marquee-list><script>
          Object.assign(document.querySelector("marquee-list"), {
            name: "popular", conditions: { limit: 4 },
            card({ event_id }, position) {
              const card = document.createElement("article");
              card.textContent = `${position} ${event_id}`;
              return card;
            },
          });
        </script>"""
    )
    expect(page.locator("article")).to_have_text(["0 e1", "1 e2"])
    assert host.asked == ["/events/popular?limit=4"]
    page.locator("marquee-list").evaluate("(list) => { list.card = () => document.createElement('hr'); }")
    expect(page.locator("hr")).to_have_count(2)
    assert len(host.asked) == 1


def test_a_client_for_all_lists_is_taken_by_those_that_are_there_already(host: Host) -> None:
    page = host.show(
        f"<marquee-list name=popular>{PLAIN}</marquee-list><marquee-list name=popular id=own>{PLAIN}</marquee-list>"
    )
    expect(page.locator("article")).to_have_count(4)
    found = page.evaluate(
        """async () => {
          const { MarqueeListElement } = await import("./marquee-list.js");
          const other = MarqueeListElement.client;
          document.getElementById("own").client = scripted("own");
          await turn();
          MarqueeListElement.client = scripted("shared");
          await turn();
          for (const { name, resolve } of calls) resolve(items(name));
          await turn();
          await import("./marquee-list.js?again");
          return [...document.querySelectorAll("article")].map(({ textContent }) => textContent);
        }"""
    )
    assert found == ["shared", "own"]


def test_cards_that_fail_are_told_as_an_error(host: Host) -> None:
    page = host.show(f"<marquee-list name=popular>{SLOTS}</marquee-list>")
    expect(page.locator("article")).to_have_count(2)
    page.locator("marquee-list").evaluate(
        """async (list) => {
          list.remove();
          list.card = () => { throw new Error("no card"); };
          document.body.append(list);
          await new Promise((done) => list.addEventListener("marquee-error", done, { once: true }));
        }"""
    )
    assert page.evaluate("told.at(-1)") == ["marquee-error", "no card"]
    assert "error" in shown(page)
