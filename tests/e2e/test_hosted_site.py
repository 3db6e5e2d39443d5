"""Site through Hosting: a visitor signs up with Authentication, and Firestore's rules take what the page writes."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.client import App, eventually

pytestmark = pytest.mark.e2e


def test_a_visitor_signs_up_chooses_interests_and_books(app: App, page: Page) -> None:
    elsewhere: list[str] = []
    own = tuple(
        f"http://{address.removeprefix('http://')}"
        for address in (app.suite.hosting, app.suite.auth, app.suite.firestore)
    )
    page.on(
        "request", lambda sent: None if sent.url.startswith((*own, "data:", "blob:")) else elsewhere.append(sent.url)
    )
    page.on("console", lambda said: elsewhere.append(said.text) if said.type == "error" else None)
    page.goto(app.suite.hosting)
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)
    page.locator("#own .card").first.get_by_role("button", name="Book").click()
    page.get_by_label("E-mail address").fill(f"{secrets.token_hex(6)}@example.com")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign up").click()
    expect(page.locator("#own h2")).to_contain_text("For ", timeout=60_000)
    expect(page.locator("#notice")).to_contain_text("Booked")
    page.locator("#interests").click()
    page.context.grant_permissions(["geolocation"], origin=app.suite.hosting)
    page.context.set_geolocation({"latitude": 45.781, "longitude": -108.501})
    page.get_by_label("Near").select_option("Where I am now")
    page.get_by_role("button", name="Show me").click()
    expect(page.locator("#notice")).to_contain_text("Chosen.", timeout=30_000)
    expect(page.locator("#interests")).to_contain_text("Near me")
    page.reload()
    expect(page.locator("#interests")).to_contain_text("Near me", timeout=60_000)
    page.get_by_role("link", name="My events").click()

    def booked() -> int:
        page.reload()
        expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)
        return page.locator("#booked .entry").count()

    assert eventually(booked, bool) == 1
    expect(page.locator("#booked h3")).not_to_be_empty()
    assert elsewhere == []
