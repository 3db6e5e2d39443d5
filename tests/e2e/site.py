"""Pages of the site in a browser, for tests: when they are loaded, what they list, and what axe finds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.missing import skipped_when_missing
from tools.emulators import programs

DESK, PHONE = (1280, 900), (390, 844)
TARGET_PX: Final = 44
LOOKS: Final[tuple[tuple[str, Literal["light", "dark"], tuple[int, int], str], ...]] = (
    ("light", "light", DESK, "ltr"),
    ("dark", "dark", DESK, "ltr"),
    ("phone, from right to left", "light", PHONE, "rtl"),
)
"""Looks of a page in which it must have no barrier: name, colours, size of the window and direction of the text."""
_RUN: Final = """async () => {
  const part = document.querySelector("dialog[open]") ?? document;
  const { violations, incomplete } = await axe.run(part, { resultTypes: ["violations", "incomplete"] });
  const undecided = incomplete.filter(({ id }) => id === "color-contrast").flatMap(({ nodes }) => nodes);
  return [
    ...violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => [id, html])),
    ...undecided.map((node) => [contrastFault(found(node.target)), node.html]).filter(([fault]) => fault),
  ];
}"""
_CONTRAST: Final = Path(__file__).with_name("contrast.js")
"""Judge of the contrasts that axe leaves undecided, such as those of text on a gradient."""
SMALL_TARGETS = """() => {
  const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
  const isInSentence = (node) => [...node.parentElement.childNodes].some(isText);
  const isOverlay = (node) => getComputedStyle(node, "::after").position === "absolute";
  return [...document.querySelectorAll("button, select, summary, a[href], label:has(input)")]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }))
    .filter((node) => node.localName !== "a" || !(isInSentence(node) || isOverlay(node)))
    .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
    .filter(([, { width, height }]) => height < LEAST || width < LEAST).map(([html]) => html);
}"""
"""Controls and links of a page under `LEAST` px, but for links in sentences and those that cover their card."""


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
        watch(page, (self.url,), self.problems.append)
        page.goto(f"{self.url}/{path}")
        loaded(page)
        return page

    def forgive(self, page: Page, *words: str) -> None:
        """Closes a page and leaves out what a browser itself writes of requests that a test let fail."""
        page.context.close()
        self.problems[:] = [problem for problem in self.problems if not any(word in problem for word in words)]


def watch(page: Page, own: tuple[str, ...], note: Callable[[str], None]) -> None:
    """Give `note` each warning and error of the console, uncaught errors, and requests to hosts that are not `own`."""

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            note(f"{message.text} at {message.location['url']}")

    page.on("console", said)
    page.on("pageerror", lambda error: note(f"{error} at {error.stack}"))
    page.on("request", lambda sent: None if sent.url.startswith((*own, "data:", "blob:")) else note(sent.url))


def loaded(page: Page) -> None:
    """Wait until all lists of a page are there."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)


def listed(page: Page, within: str = "#own") -> list[str | None]:
    """Ids of the events in a list, in their order."""
    return [card.get_attribute("data-event") for card in page.locator(f"{within} .card").all()]


def forget_lists(page: Page) -> None:
    """Delete the lists that a browser keeps for times without a connection."""
    page.evaluate(
        "Object.keys(localStorage).filter((name) => /last/.test(name)).forEach((name) => localStorage.removeItem(name))"
    )


def barriers(page: Page) -> list[str]:
    """Barriers that axe finds on a page as it is, in each of `LOOKS`: the look, its rule and the element at fault.

    A contrast that axe leaves undecided must be enough on the worst colour behind the text, see `contrast.js`.
    Of a page with a dialog it is the dialog, since nothing else can be reached then.
    """
    with skipped_when_missing():
        axe = programs.axe().read_text(encoding="utf-8")
    page.evaluate(axe)
    page.evaluate(_CONTRAST.read_text(encoding="utf-8"))
    found = []
    for look, scheme, (width, height), direction in LOOKS:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("(direction) => { document.documentElement.dir = direction; }", direction)
        found += [f"{look}, {rule}: {html}" for rule, html in page.evaluate(_RUN)]
    return found
