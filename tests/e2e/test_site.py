"""Site of the demo in a browser, at a desk and on a phone, as personas and as a visitor who signs in."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Route, expect

from tests.demo import demo
from tests.e2e.site import DESK, PHONE, SMALL_TARGETS, TARGET_PX, Site, barriers, listed, loaded

pytestmark = pytest.mark.e2e

CITY: Final = ("--port", "0", "--users", "200", "--events", "220", "--interactions", "2500")
"""Options of a demo whose lists have more events than they show."""
PAGES: Final = ("", "event.html?id=EVENT", "mine.html")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo(tmp_path_factory.mktemp("demo"), CITY) as (_, url):
        yield url


def look_as(page: Page, number: int) -> str:
    """Choose a persona by its number, 0 the visitor; returns the name."""
    chosen = page.locator(".persona").nth(number)
    name = chosen.locator("b").inner_text()
    chosen.locator("input").check(force=True)
    expect(page.locator("#own h2")).to_have_text(f"For {name}")
    loaded(page)
    return name


def stored(page: Page, user_id: str) -> list[dict[str, Any]]:
    """Interactions that are stored about a user."""
    answer = page.request.get(f"{page.url.split('/', 3)[0]}//{page.url.split('/')[2]}/api/v1/users/{user_id}/data")
    return [found["fields"] for found in answer.json()["documents"] if found["collection"] == "interactions"]


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
    for place, row in enumerate(columns.first.locator("li").all(), 1):
        was = places.get(row.get_attribute("data-event"))
        mark = row.locator(".mark").inner_text()
        assert mark == (
            "same place" if was == place else f"{'▲' if not was or was > place else '▼'} from {was or 'beyond 100'}"
        )


def test_what_somebody_does_changes_the_list_at_once_and_can_be_undone(site: Site) -> None:
    page = site.visit()
    look_as(page, 1)
    before = listed(page)
    second = page.locator("#own .card").nth(1)
    second.get_by_role("button", name="Book").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("Booked")
    expect(page.locator("#spoken")).to_contain_text("Your list:")
    assert before[1] not in listed(page)
    expect(page.locator("#own .card").nth(1).get_by_role("button", name="Book")).to_be_focused()
    user = signed_in_as(page)
    assert ("booking", before[1]) in {(entry["type"], entry.get("event_id")) for entry in stored(page, user)}
    booked = next(entry for entry in stored(page, user) if entry.get("event_id") == before[1])
    assert booked["position"] == 1
    assert booked["recommendation_id"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#notice")).to_contain_text("No longer booked")
    assert before[1] in listed(page)
    page.locator("#own .card").first.get_by_role("button", name="Not interested").click()
    expect(page.locator("#notice")).to_contain_text("Not interested in")
    assert before[0] not in listed(page)
    page.reload()
    loaded(page)
    assert before[0] not in listed(page)


def test_a_visitor_chooses_interests_signs_in_and_keeps_what_they_did(site: Site) -> None:
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
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
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
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such event")
    page.route("**/demo/events*", lambda route: route.fulfill(json={"detail": "the store rests"}, status=503))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("This event could not be loaded")
    site.problems[:] = [problem for problem in site.problems if "503" not in problem]


def test_what_the_api_refuses_is_not_said_to_be_done(site: Site) -> None:
    page = site.visit()
    look_as(page, 1)
    event = str(listed(page)[0])
    page.goto(f"{site.url}/event.html?id={event}&position=-1")
    loaded(page)
    page.locator("#event").get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("That did not work.")
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


def test_a_call_of_the_strip_is_repeated_by_its_curl(site: Site) -> None:
    page = site.visit()
    look_as(page, 1)
    page.locator(".calls summary").click()
    call = page.locator(".calls li").filter(has_text=re.compile(r"/recommendations\?.*diversity"))
    expect(call.locator(".ms")).to_contain_text("ms")
    call.get_by_role("button").click()
    expect(page.locator("#notice")).to_contain_text("Copied")
    command = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    answer = subprocess.run([*command, "--silent"], capture_output=True, check=True, timeout=30)
    assert [item["event_id"] for item in json.loads(answer.stdout)["items"]][: len(listed(page))] == listed(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(site: Site, scheme: str) -> None:
    page = site.visit(color_scheme=scheme, reduced_motion="reduce")
    look_as(page, 1)
    event = str(listed(page)[0])
    for path in PAGES:
        page.goto(f"{site.url}/{path.replace('EVENT', event)}")
        loaded(page)
        assert barriers(page) == []
    page.goto(site.url)
    loaded(page)
    page.locator("#own .card").first.get_by_role("button", name="Save").click()
    page.get_by_label("Compare with most popular").check()
    page.locator(".calls summary").click()
    expect(page.locator(".columns section")).to_have_count(2)
    assert barriers(page) == []
    page.locator("#interests").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert barriers(page) == []


@pytest.mark.parametrize(("size", "direction"), [(DESK, "rtl"), (PHONE, "ltr")], ids=["desk", "phone"])
def test_pages_fit_and_targets_are_large(site: Site, size: tuple[int, int], direction: str) -> None:
    page = site.visit(size=size)
    look_as(page, 1)
    for path in PAGES:
        page.goto(f"{site.url}/{path.replace('EVENT', 'event_1')}")
        loaded(page)
        page.evaluate(f"document.documentElement.dir = '{direction}'")
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
