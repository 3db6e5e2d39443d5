"""Pages of the site in a browser, for tests: when they are loaded, what they list, and what axe finds."""

from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect

from tests.missing import skipped_when_missing
from tools.emulators import programs

DESK, PHONE = (1280, 900), (390, 844)
TARGET_PX: Final = 44
SMALL_TARGETS = """() => [...document.querySelectorAll("button, select, summary, nav a, label:has(input)")]
  .filter((node) => node.checkVisibility({ visibilityProperty: true }))
  .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
  .filter(([, { width, height }]) => height < LEAST || width < LEAST).map(([html]) => html)"""


@dataclass(frozen=True, slots=True)
class Site:
    """Demo at `url`; `problems` are what its pages complained of, and requests to anywhere else."""

    url: str
    browser: Browser
    problems: list[str] = field(default_factory=list)

    def visit(self, path: str = "", *, size: tuple[int, int] = DESK, **options: Any) -> Page:
        """Page of a new visitor, with all lists loaded."""
        context = self.browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.url)
        page = context.new_page()
        page.on("console", lambda said: self.problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda sent: None if _is_local(sent.url, self.url) else self.problems.append(sent.url))
        page.goto(f"{self.url}/{path}")
        loaded(page)
        return page


def _is_local(url: str, own: str) -> bool:
    return url.startswith((own, "data:", "blob:"))


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
