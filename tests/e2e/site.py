"""Pages of the site in a browser, for tests: when they are loaded, what they list, and what axe finds."""

from playwright.sync_api import Page, expect

from tests.missing import skipped_when_missing
from tools.emulators import programs


def loaded(page: Page) -> None:
    """Wait until all lists of a page are there."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)


def listed(page: Page, within: str = "#own") -> list[str | None]:
    """Ids of the events in a list, in their order."""
    return [card.get_attribute("data-event") for card in page.locator(f"{within} .card").all()]


def barriers(page: Page) -> list[str]:
    """Barriers that axe finds on a page: its rule and the element at fault."""
    with skipped_when_missing():
        axe = programs.axe().read_text(encoding="utf-8")
    found = page.evaluate(f"{axe}; axe.run()")
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]
