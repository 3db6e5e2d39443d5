"""App Check with the shipped client in a browser."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route
from werkzeug.serving import make_server

from functions import wiring
from jobs.demo import make_app
from shared.ports import Documents
from tests import deployment
from tests.deployment import Clock
from tests.e2e.site import loaded
from tests.stores import documents

pytestmark = pytest.mark.e2e

SCRIPT = """async ([idToken, appToken]) => {
  const { Marquee } = await import("/marquee.js");
  const marquee = new Marquee({
    userId: () => idToken && "alice",
    idToken: async () => idToken,
    appCheck: appToken === null ? undefined : async () => appToken,
    flushAfterMs: 60_000,
  });
  const tried = async (call) => { try { return (await call()) && "ok"; } catch (error) { return error.message; } };
  const list = await tried(() => marquee.recommendations());
  const record = await tried(() => marquee.record([{ type: "click", event_id: "recorded" }]));
  marquee.track("click", "beaconed");
  dispatchEvent(new Event("pagehide"));
  return { list, record };
}"""


@pytest.fixture
def store() -> Iterator[Documents]:
    store = documents()
    yield store
    store.close()


@pytest.fixture
def url(store: Documents, tmp_path: Path) -> Iterator[str]:
    """Server of the demo's page and of an API that wants ID tokens and App Check."""
    wired = deployment.wire(store, tmp_path, Clock(datetime.now(UTC)), require_auth=True, require_app_check=True)
    with wiring.use(wired), make_server("127.0.0.1", 0, make_app(wired), threaded=True) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("id_token", "app_token", "stored"),
    [
        ("user:alice", "own app", {"recorded", "beaconed"}),
        # Visitors have no ID token.
        (None, "own app", {"recorded", "beaconed"}),
        ("user:alice", "forged", set()),
        ("user:alice", None, set()),
        (None, None, set()),
    ],
)
def test_the_client_proves_the_app_in_requests_and_beacons(
    url: str, store: Documents, page: Page, id_token: str | None, app_token: str | None, stored: set[str]
) -> None:
    # No page of the site: that has a client of its own, which would send what waits in the same queue.
    page.goto(f"{url}/style.css")
    with page.expect_response(lambda answer: "beaconed" in (answer.request.post_data or "")) as beacon:
        found = page.evaluate(SCRIPT, [id_token, app_token])
    assert beacon.value.status == (200 if stored else 401)
    for name in ("list", "record"):
        assert (found[name] == "ok") == bool(stored), found
        assert stored or "App Check token" in found[name]
    assert {entry.event_id for entry in store.interactions.since(None)} == stored


@pytest.mark.parametrize("path", ["", "dashboard.html"])
def test_pages_of_the_site_prove_the_app_as_their_backend_says(url: str, page: Page, path: str) -> None:
    def with_token(route: Route) -> None:
        answer = route.fetch()
        text = answer.text()
        assert text.count("export const appCheck = null;") == 1
        body = text.replace("appCheck = null", 'appCheck = async () => "own app"')
        route.fulfill(response=answer, body=body)

    page.route("**/backend.js", with_token)
    proofs: list[str | None] = []
    page.on(
        "request",
        lambda sent: proofs.append(sent.headers.get("x-firebase-appcheck")) if "/api/v1/" in sent.url else None,
    )
    page.goto(f"{url}/{path}")
    loaded(page)
    assert set(proofs) == {"own app"}
