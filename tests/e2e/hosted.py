"""Site through Hosting in a browser, for tests: somebody who visits, signs in and acts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from playwright.sync_api import Page, expect

from tests.e2e.client import PASSWORD, eventually, interactions_of, log_in, user_of
from tests.e2e.site import listed, loaded, watch
from tools.emulators.suite import Suite

_MOST: Final = 40
"""Events of the first list of a page, most of which it shows once others have left."""


@dataclass
class Visit:
    """Browser of somebody at the hosted site, and what its pages complained of while they had a connection."""

    page: Page
    suite: Suite
    email: str
    is_online: bool = True
    problems: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Notes what the console says, and requests to hosts other than the emulators."""
        addresses = (self.suite.hosting, self.suite.auth, self.suite.firestore)
        own = tuple(f"http://{each.removeprefix('http://')}" for each in addresses)
        # A browser writes each request that meets no server to the console.
        watch(self.page, own, lambda problem: self.problems.append(problem) if self.is_online else None)

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

    def whole_list(self) -> list[str | None]:
        """Ids of the first list; where the page says that the API has answered without events, of the next that has.

        Concurrent calls have a process of the emulators each, of which the next may have to start.
        """
        loaded(self.page)
        if not listed(self.page):
            expect(self.page.locator("#empty")).to_contain_text("did not come in time")
            eventually(self.reload, bool)
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
        self.enter("Sign up")
        expect(self.page.locator("#own h2")).to_contain_text("For ", timeout=60_000)
        loaded(self.page)
        return user_of(self.suite, self.email)

    def enter(self, way: str) -> None:
        """Fills the open dialog in and presses the button of a way, `Sign in` or `Sign up`."""
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("E-mail address").fill(self.email)
        dialog.get_by_label("Password").fill(PASSWORD)
        dialog.get_by_role("button", name=way).click()

    def forgive_refused(self, *event_ids: str) -> None:
        """Leaves out what a browser itself writes of events that the rules refuse, hidden ones and none."""
        ends = tuple(f"/documents/events/{event_id}" for event_id in event_ids)
        self.problems[:] = [each for each in self.problems if not ("status of 403" in each and each.endswith(ends))]

    def headers(self) -> dict[str, str]:
        """Headers of a request to the API by the account, with an ID token of its own."""
        return {"Authorization": f"Bearer {log_in(self.suite, self.email).token}"}

    def recommended(self) -> list[str]:
        """Events that the API recommends to the account, past the page and what that keeps in the browser."""
        url = f"{self.suite.hosting}/api/v1/recommendations?limit={_MOST}"
        answer: dict[str, Any] = requests.get(url, headers=self.headers(), timeout=60).json()
        assert answer["degraded"] == []
        return [item["event_id"] for item in answer["items"]]

    def queue(self) -> dict[str, dict[str, Any]]:
        """Records that the client keeps in the browser until they are stored, by name."""
        found: dict[str, str] = self.page.evaluate(
            "Object.fromEntries(Object.entries(localStorage).filter(([name]) => name.includes(':queue:')))"
        )
        return {name: json.loads(text) for name, text in found.items()}

    def enqueue(self, queue: Mapping[str, dict[str, Any]]) -> None:
        """Has the client keep records of `queue`, as before they were sent."""
        for name, record in queue.items():
            self.page.evaluate("([name, text]) => localStorage.setItem(name, text)", [name, json.dumps(record)])

    def acts(self, user_id: str) -> list[dict[str, Any]]:
        """Interactions that Firestore holds of the user, impressions left out, see `interactions_of`."""
        return [row for row in interactions_of(self.suite, user_id) if row["type"] != "impression"]

    def states(self, user_id: str) -> list[tuple[str, str]]:
        """Types and events of what Firestore holds of the user, impressions left out."""
        return sorted((row["type"], row["event_id"]) for row in self.acts(user_id))


def hung_up(suite: Suite) -> int:
    """Number of connections to functions that the emulator has lost, each of which it answers with 500 itself."""
    log = (suite.folder / "firebase-debug.log").read_text(encoding="utf-8", errors="replace")
    return log.count("[error] i  Request to function failed: Error: socket hang up")
