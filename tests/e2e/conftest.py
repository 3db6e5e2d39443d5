"""Fixtures of end-to-end tests: data, the Firebase emulator suite and a browser."""

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from jobs.sample import write_sample
from shared.feedback.counts import SETTLED_AFTER, SLOT
from tests.demo import demo
from tests.e2e.client import App, eventually, recommendations, record, sign_in
from tests.e2e.hosted import Visit, hung_up
from tests.e2e.recent import read, write_recent
from tests.e2e.site import Site
from tests.e2e.stored import Demo
from tests.missing import skipped_when_missing
from tests.rest import Rest
from tools.emulators import programs
from tools.emulators.suite import PROJECT, emulator_suite

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
CITY: Final = ("--port", "0", "--users", "200", "--events", "220", "--interactions", "2500")
"""Options of a demo whose lists have more events than they show."""
SIMULATED: Final = (
    ("--port", "0")
    if "MARQUEE_PICTURES" in os.environ
    else (
        *("--port", "0", "--days", "4", "--users", "40", "--events", "120", "--interactions", "700"),
        *("--train-every", "3"),
    )
)
"""Options of a simulated demo that is soon ready, with two models; for pictures those of `make demo SIMULATE=1`."""
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


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Demo of a generated city."""
    folder = tmp_path_factory.mktemp("city")
    with demo(folder, CITY) as (_, url):
        yield Demo(url, folder)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Demo after some days of a simulated audience."""
    folder = tmp_path_factory.mktemp("simulated")
    with demo(folder, SIMULATED, module="benchmarks.simulator.demo") as (process, url):
        yield Demo(url, folder)
        process.terminate()
        process.wait(30)
    assert process.returncode == 0
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="session")
def monitored(app: App) -> dict[str, Any]:
    """Answer of a run of `monitor` that settles what a user has seen, clicked, booked and rated."""
    account = sign_in(app.suite, f"critic_{secrets.token_hex(4)}")
    answer = recommendations(app.suite, account=account).json()
    shown = [item["event_id"] for item in answer["items"]]
    # What was recorded in the last minutes is not settled yet.
    earlier = datetime.now(UTC) - SLOT - SETTLED_AFTER - timedelta(minutes=1)
    listed = {"recommendation_id": answer["recommendation_id"], "occurred_at": earlier.isoformat()}
    keys = record(
        app.suite,
        account,
        *({"type": "impression", "event_id": event, "position": place, **listed} for place, event in enumerate(shown)),
        *({"type": kind, "event_id": shown[0], "position": 0, **listed} for kind in ("click", "booking")),
    )
    # Stars are credited to the list of the booking, which a trigger adds to the user's history.
    following = eventually(lambda: recommendations(app.suite, account=account).text, lambda text: shown[0] not in text)
    assert shown[0] not in following
    rating = {"type": "rating", "event_id": shown[0], "value": 4, "occurred_at": earlier.isoformat()}
    keys += record(app.suite, account, rating)
    owner = Rest(app.suite.firestore, PROJECT, "owner")
    for key in keys:
        owner.update("interactions", key, {"recorded_at": earlier}).raise_for_status()
    return app.suite.monitor()


@pytest.fixture
def visit(app: App, browser: Browser) -> Iterator[Visit]:
    """Visitor of the hosted site, of whose pages none has complained."""
    lost = hung_up(app.suite)
    with browser.new_context() as context:
        visit = Visit(context.new_page(), app.suite, f"{secrets.token_hex(6)}@example.com")
        visit.see_lists()
        visit.watch()
        visit.open()
        yield visit
    # Under load, the emulator of functions loses a connection to its worker now and then, and answers with 500 itself.
    failed = [problem for problem in visit.problems if "status of 500" in problem]
    assert len(failed) <= hung_up(app.suite) - lost
    assert [problem for problem in visit.problems if problem not in failed] == []


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
