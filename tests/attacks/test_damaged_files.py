"""Damaged SQLite files: lists are degraded at worst, what needs the store answers 503, and no answer names a file."""

import logging
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions import wiring
from shared.adapters.sqlite import SqliteEvents
from shared.adapters.stores import open_documents, open_objects
from shared.ports import Documents
from tests import deployment, laws
from tests.deployment import Clock
from tests.examples import DAY, NOW
from tests.stores import keys
from tests.training import train

LISTS = (
    "health",
    "recommendations?user_id=jazz_fan_0",
    "events/popular?user_id=jazz_fan_0",
    "events/trending",
    "events/jazz_1/similar?user_id=jazz_fan_0",
)
"""Requests that an instance with a model answers whatever its documents are."""
NEEDY: tuple[tuple[str, str, object], ...] = (
    ("GET", "events/unknown/similar", None),
    ("GET", "events/jazz_1/audience", None),
    ("POST", "interactions", {"user_id": "jazz_fan_0", "interactions": [{"type": "save", "event_id": "jazz_1"}]}),
    ("POST", "interactions", {"user_id": "u", "interactions": [{"type": "view", "event_id": "jazz_1"}]}),
    ("GET", "users/jazz_fan_0/data", None),
    ("PUT", "users/jazz_fan_0/profiling", {"allowed": True}),
    ("GET", "rules", None),
    ("PUT", "rules", {}),
    ("DELETE", "users/jazz_fan_0", None),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the city of the laws in SQLite, checkpointed into one file, and a model."""
    folder = tmp_path_factory.mktemp("whole")
    data = laws.city()
    documents = open_documents(f"sqlite:{folder / 'documents.db'}", keys)
    documents.events.put(data.events, now=NOW - DAY)
    documents.users.put([*data.users.values()], now=NOW - DAY)
    documents.interactions.append(data.interactions, now=NOW - DAY)
    documents.users.remember(data.interactions)
    train(documents, open_objects(f"folder:{folder / 'bucket'}"), model="popularity", now=NOW)
    documents.close()
    return folder


def _judge(client: FlaskClient, clock: Clock, folder: Path) -> None:
    """Answers of an instance in any state: none fails, and none says where the store is."""
    for method, path, body in (
        *(("GET", path, None) for path in LISTS),
        *NEEDY,
        *(("GET", path, None) for path in LISTS),
    ):
        answer = client.open(f"/api/v1/{path}", method=method, json=body)
        allowed = {200} if path in LISTS else {200, 404, 503}
        assert answer.status_code in allowed, (method, path, answer.text)
        assert str(folder) not in answer.text
        assert "documents.db" not in answer.text
        clock.forward()


def _serve(documents: Documents, folder: Path, whole: Path, judge: Callable[[FlaskClient, Clock], None]) -> None:
    clock = Clock()
    wired = deployment.wire(documents, folder, clock, objects=open_objects(f"folder:{whole / 'bucket'}"))
    with wiring.use(wired):
        judge(deployment.client(), clock)
    documents.close()


def _truncated(data: bytes) -> bytes:
    return data[: len(data) // 3]


def _flipped(data: bytes) -> bytes:
    rng, damaged = random.Random(1), bytearray(data)
    for _ in range(200):
        damaged[rng.randrange(100, len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _without_json(data: bytes) -> bytes:
    """File whose documents are damaged, and nothing of its structure."""
    return data.replace(b'{"', b"[[")


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "not a database": lambda _: b"this is no database, but a text of some length" * 100,
    "noise": lambda data: random.Random(0).randbytes(len(data)),
    "truncated": _truncated,
    "truncated within a page": lambda data: data[:5_000],
    "truncated to the header": lambda data: data[:100],
    "header of zeros": lambda data: bytes(100) + data[100:],
    "first page of zeros": lambda data: bytes(4_096) + data[4_096:],
    "second page of zeros": lambda data: data[:4_096] + bytes(4_096) + data[8_192:],
    "later pages of zeros": lambda data: data[:16_384] + bytes(len(data) - 16_384),
    "pages of noise": lambda data: data[:4_096] + random.Random(0).randbytes(len(data) - 4_096),
    "flipped bits": _flipped,
    "names in the schema": lambda data: data.replace(b"CREATE TABLE ", b"CREATE TABLE\x80"),
    "names of tables": lambda data: data.replace(b"interactions", b"interact\xff\xfe\x80s"),
    "a later schema": lambda data: data[:60] + (99).to_bytes(4, "big") + data[64:],
    "a negative schema": lambda data: data[:60] + b"\xff" * 4 + data[64:],
    "another page size": lambda data: data[:16] + b"\x02\x00" + data[18:],
    "damaged documents": _without_json,
    "damaged texts": lambda data: data.replace(b"jazz", b"j\xff\xfez"),
    "damaged times": lambda data: data.replace(b"2026-", b"20-6-"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_fails_no_list(
    folder: Path, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = DAMAGE[name]((folder / "documents.db").read_bytes())
    caplog.set_level(logging.ERROR)
    path = tmp_path / "documents.db"
    path.write_bytes(damaged)
    # An instance that starts with the damage, and one that meets it.
    _serve(
        open_documents(f"sqlite:{path}", keys), tmp_path, folder, lambda client, clock: _judge(client, clock, tmp_path)
    )
    path.write_bytes((folder / "documents.db").read_bytes())
    for extra in ("-wal", "-shm"):
        path.with_name(f"documents.db{extra}").unlink(missing_ok=True)

    def meet(client: FlaskClient, clock: Clock) -> None:
        assert client.get(f"/api/v1/{LISTS[1]}").get_json()["degraded"] == []
        with path.open("r+b") as file:
            file.truncate(len(damaged))
            file.write(damaged)
        _judge(client, clock, tmp_path)

    _serve(open_documents(f"sqlite:{path}", keys), tmp_path, folder, meet)
    assert [record.getMessage() for record in caplog.records] == []


def test_a_file_that_is_mended_is_used_again(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    path.write_bytes(b"no database" * 1_000)

    def judge(client: FlaskClient, clock: Clock) -> None:
        assert "history" in client.get(f"/api/v1/{LISTS[1]}").get_json()["degraded"]
        path.write_bytes((folder / "documents.db").read_bytes())
        clock.forward()
        assert client.get(f"/api/v1/{LISTS[1]}").get_json()["degraded"] == []
        assert client.put("/api/v1/rules", json={}).status_code == 200

    _serve(open_documents(f"sqlite:{path}", keys), tmp_path, folder, judge)


@pytest.mark.attacks
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_fails_a_list(folder: Path, tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray((folder / "documents.db").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(damaged) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=40))
        damaged[start : start + len(noise)] = noise
    path = tmp_path / f"{random.random()}.db"
    path.write_bytes(damaged[: data.draw(st.integers(len(damaged) // 2, len(damaged) + 20_000))])
    _serve(
        open_documents(f"sqlite:{path}", keys), tmp_path, folder, lambda client, clock: _judge(client, clock, tmp_path)
    )


@pytest.mark.parametrize("state", ["read-only", "disk full", "a folder in its place", "no folder", "locked"])
def test_a_file_that_takes_no_writes_fails_no_list(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    path = tmp_path / "below" / "documents.db"
    documents = open_documents(f"sqlite:{path}", keys)
    path.write_bytes((folder / "documents.db").read_bytes())
    connect = sqlite3.connect
    if state == "read-only":
        monkeypatch.setattr(sqlite3, "connect", lambda name, **how: connect(f"file:{name}?mode=ro", uri=True, **how))
    if state == "a folder in its place":
        path.unlink()
        path.mkdir()
    if state == "no folder":
        path.unlink()
        path.parent.rmdir()

    def judge(client: FlaskClient, clock: Clock) -> None:
        served = client.get(f"/api/v1/{LISTS[1]}").get_json()
        assert ("history" in served["degraded"]) == (state in ("a folder in its place", "no folder"))
        blocked = None
        if state == "disk full":
            assert isinstance(documents.events, SqliteEvents)
            with documents.events._database._locked(time.monotonic() + 9) as connection:
                connection.execute("PRAGMA max_page_count = 1")
        if state == "locked":
            blocked = connect(path, isolation_level=None)
            blocked.execute("BEGIN IMMEDIATE")
        _judge(client, clock, tmp_path)
        sent = {
            "user_id": "u",
            "interactions": [{"type": "view", "event_id": f"{'e' * 80}{number}"} for number in range(99)],
        }
        assert client.post("/api/v1/interactions", json=sent).status_code == 503
        if blocked:
            blocked.close()

    _serve(documents, tmp_path, folder, judge)
