"""Requests that other websites make a browser send to the demo: refused, whatever they ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from functions import wiring
from jobs.demo import make_app
from tests import deployment
from tests.deployment import Clock
from tests.stores import documents

HOST = "localhost:8080"
SENT = {"user_id": "u", "interactions": [{"type": "booking", "event_id": "e"}]}
PATHS = (
    "/",
    "/marquee.js",
    "/backend.js",
    "/demo/users",
    "/demo/personas",
    "/demo/events",
    "/api/v1/health",
    "/api/v1/users/u/data",
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    store = documents()
    wired = deployment.wire(store, tmp_path, Clock())
    with wiring.use(wired):
        yield make_app(wired).test_client()
    store.close()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example:8080",
        "127.0.0.1.evil.example",
        "evil.example#localhost",
        "evil.example@localhost.evil.example",
        "localhost@evil.example",
        "evil.example@localhost",
        "[::1",
        "169.254.169.254",
        "0.0.0.0:8080",
        "[::ffff:1.2.3.4]:8080",
        "192.168.0.2:8080",
        "localhos",
        "",
    ],
)
def test_another_host_is_refused(client: FlaskClient, host: str) -> None:
    for path in PATHS:
        assert client.get(path, headers={"Host": host}).status_code in {400, 403}
    assert client.post("/api/v1/interactions", json=SENT, headers={"Host": host}).status_code in {400, 403}


@pytest.mark.parametrize(
    "told",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://evil.example:8080"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:8081"},
        {"Origin": "http://localhost:8080.evil.example"},
        {"Origin": "https://localhost:8080"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "anything"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    ],
    ids=str,
)
def test_another_origin_is_refused(client: FlaskClient, told: dict[str, str]) -> None:
    headers = {"Host": HOST, **told}
    for method, path in (("POST", "interactions"), ("DELETE", "users/u"), ("PUT", "rules"), ("OPTIONS", "rules")):
        answer = client.open(f"/api/v1/{path}", method=method, json=SENT, headers=headers)
        assert answer.status_code == 403
        # As a form or a beacon sends it, without a preflight.
        plain = {**headers, "Content-Type": "text/plain"}
        assert client.open(f"/api/v1/{path}", method=method, data="{}", headers=plain).status_code == 403
    assert client.get("/demo/users", headers=headers).status_code == 403
    visited = {**headers, "Sec-Fetch-Mode": "navigate"}
    assert client.post("/api/v1/interactions", json=SENT, headers=visited).status_code == 403


@pytest.mark.parametrize("host", [HOST, "127.0.0.1:8080", "localhost", "LOCALHOST:8080"])
def test_the_page_itself_and_programs_are_served(client: FlaskClient, host: str) -> None:
    for told in (
        {},
        {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    ):
        headers = {"Host": host, **told}
        with client.get("/", headers=headers) as page:
            assert page.status_code == 200
        assert client.post("/api/v1/interactions", json=SENT, headers=headers).status_code == 200
    followed = {"Host": host, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with client.get("/", headers=followed) as page:
        assert page.status_code == 200
