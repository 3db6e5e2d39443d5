"""Fixtures of end-to-end tests: data, the Firebase emulator suite and a browser."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from jobs.sample import write_sample
from tests.e2e.client import App
from tests.e2e.recent import read, write_recent
from tests.e2e.site import Site
from tests.missing import skipped_when_missing
from tools.emulators import programs
from tools.emulators.suite import emulator_suite

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
REAL_DATA = programs.ROOT.parent / "shared" / "data" / "meetup_montana"


# Two cores that the emulators share with the browser answer in seconds at times, where Playwright waits for five.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with real data if available, otherwise with a synthetic city."""
    folder = tmp_path_factory.mktemp("data")
    source, now = Path(os.environ.get("MARQUEE_E2E_DATA", REAL_DATA)), datetime.now(UTC)
    if source.is_dir():
        # The Firestore emulator runs about 60 triggers a second; triggers of the tests queue behind those of the load.
        write_recent(source, folder, now=now, weeks=26)
    else:
        write_sample(folder, users=99, events=50, interactions=467, seed=1, now=now)
    return folder


@pytest.fixture(scope="session")
def app(data: Path) -> Iterator[App]:
    with skipped_when_missing(), emulator_suite() as suite:
        suite.load(data)
        counts = Counter(row["user_id"] for row in read(data / "interactions.csv"))
        yield App(suite, suite.retrain()["version"], [user_id for user_id, _ in counts.most_common(20)])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with skipped_when_missing():
        path = programs.chromium()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=FLAGS) as browser:
        yield browser


@pytest.fixture
def site(url: str, browser: Browser) -> Iterator[Site]:
    """Demo at the module's `url`, of whose pages none has complained."""
    site = Site(url, browser)
    yield site
    for context in browser.contexts:
        context.close()
    assert site.problems == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Empty browser page; an uncaught script error fails the test."""
    page_errors: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("pageerror", lambda error: page_errors.append(str(error)))
        yield page
    assert page_errors == []
