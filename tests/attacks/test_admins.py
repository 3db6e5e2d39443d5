"""Documents that admins write by hand, as the rules let them: no content stops lists, starts or refreshes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from functions import wiring
from shared.adapters.sqlite.events import SqliteEvents
from shared.entities import Event, Rules
from shared.errors import InvalidField
from shared.ports import Documents
from tests import deployment
from tests.deployment import Clock
from tests.examples import DAY, NOW, an_event
from tests.stores import documents

ADMIN: Final = {"Authorization": "Bearer admin:root"}
DEEP: Final = 40
WRONG: Final[tuple[Any, ...]] = (
    *(None, 5, -1, 0.5, 1e308, 10**400, True, "", "x", "a" * 600, "é" * 300, "\0", "\ud800", "../x", "__x__", "never"),
    *([], [[]], [5], [None], ["a"] * 100_000, ["x" * 100_000], {}, {"a": "b"}, {"lat": 91, "lng": 0}, {"lat": "x"}),
    *({"lat": 1e308, "lng": -1e308}, [{}], [{"event_id": None}], [{"event_id": ["x"]}], [{"organizer_id": 5}]),
    *([{"event_id": "a"}] * 2, [{"event_id": "a", "strength": value} for value in (-1, "x", 1e308, None, True)]),
    *(
        [{"event_id": "a", "starts_at": value}]
        for value in ("never", 5, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
    ),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-05-01", "<script>alert(1)</script>", "\u202e" * 50),
)
"""Values of fields: wrong types, sizes, times, places, entries of rules, nested ones."""


def _nested() -> Any:
    value: Any = "x"
    for number in range(DEEP):
        value = {"a": value} if number % 2 else [value]
    return value


@contextmanager
def _instance(folder: Path) -> Iterator[tuple[Documents, Clock]]:
    store, clock = documents(), Clock()
    store.events.put([an_event(key, starts_at=NOW + DAY) for key in ("good", "also_good", "bad")], now=NOW)
    store.rules.write(Rules(blocked_events=("also_good",)))
    with wiring.use(deployment.wire(store, folder, clock)):
        yield store, clock
    store.close()


def _edit(store: Documents, table: str, field: str, value: Any) -> None:
    """Field of a document, set as another program does that checks nothing."""
    assert isinstance(store.events, SqliteEvents)
    with store.events._database.transaction() as connection:
        column, key = ("event_id", "bad") if table == "events" else ("rules_id", "current")
        [(text,)] = connection.execute(f"SELECT document FROM {table} WHERE {column} = ?", (key,))  # noqa: S608
        changed = json.dumps({**json.loads(text), field: value})
        connection.execute(f"UPDATE {table} SET document = ? WHERE {column} = ?", (changed, key))  # noqa: S608


def _listed() -> list[str]:
    client = deployment.client()
    assert client.get("/api/v1/health").status_code == 200
    answer = client.get("/api/v1/recommendations?user_id=u")
    assert answer.status_code == 200
    return [item["event_id"] for item in answer.get_json()["items"]]


@pytest.mark.parametrize("field", [name for name in Event.__dataclass_fields__ if name != "event_id"] + ["unknown"])
def test_no_field_of_an_event_stops_the_lists_of_others(tmp_path: Path, field: str) -> None:
    with _instance(tmp_path) as (store, clock):
        for value in (*WRONG, _nested()):
            _edit(store, "events", field, value)
            # At a start, and at a refresh.
            wiring.services().serving.current(clock.forward())
            assert "good" in _listed()
            with wiring.use(deployment.wire(store, tmp_path, clock)):
                assert "good" in _listed()


@pytest.mark.parametrize("field", [*Rules.__dataclass_fields__, "unknown"])
def test_no_field_of_the_rules_stops_lists_or_the_admin_who_mends_them(tmp_path: Path, field: str) -> None:
    with _instance(tmp_path) as (store, clock):
        good = Rules(blocked_events=("also_good",))
        for value in (*WRONG, _nested()):
            _edit(store, "rules", field, value)
            with suppress(InvalidField):
                store.rules.read()
            wiring.services().serving.current(clock.forward())
            assert "good" in _listed()
            with wiring.use(deployment.wire(store, tmp_path, clock)):
                assert "good" in _listed()
            client = deployment.client()
            assert client.get("/api/v1/rules", headers=ADMIN).status_code in {200, 400}
            assert client.put("/api/v1/rules", json=good.to_document(), headers=ADMIN).status_code == 200
            assert store.rules.read() == good
