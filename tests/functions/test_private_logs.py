"""Logs, answers to others and run records hold no id and no value of a user, whatever is asked and whatever fails."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from functions import wiring
from functions.contract import document, resolved
from functions.event import event
from functions.interaction import interaction
from functions.redaction import trace
from functions.wiring import Services
from jobs import load, retrain
from shared.adapters.cloudevent import encode_change
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.process import run_smoke_test
from shared.adapters.sqlite.events import SqliteEvents
from shared.adapters.unavailable import unavailable
from shared.catalog.calendar import Calendar
from shared.entities import HistoryEntry, InteractionType, Profile, User
from shared.errors import ArtifactError, InvalidField, MarqueeError, StoreUnavailable
from shared.ports import Documents
from shared.ranking.query import Recommendation
from shared.ranking.recommender import Recommender
from shared.ranking.soundness import unsound
from tests.deployment import Clock, created, delivered
from tests.examples import DAY, NOW, an_interaction

Wire = Callable[..., Services]
WHO = "Rosalind-8c41"
VALUE = "lindyhop55"
"""Value of a profile, a search and any other field of the user."""
PATH = "/var/data/secret-folder/documents.db"
TOKEN = {"Authorization": f"Bearer user:{WHO}"}
ADMIN = {"Authorization": "Bearer admin:root"}


def is_silent(text: str) -> None:
    found = re.findall(rf".{{0,60}}(?:{WHO}|{VALUE}).{{0,60}}", text)
    assert found == []


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for phase in ("setup", "call"):
        is_silent("\n".join(f"{vars(record)}" for record in caplog.get_records(phase)))
    is_silent(caplog.text)


def asked() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Requests to every operation, with the user's id and values in every place where a text can stand."""
    for path, item in document()["paths"].items():
        for method, described in item.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            filled = "/api/v1" + re.sub(r"\{\w+\}", WHO, path)
            yield method, filled, {}
            parameters = resolved(described.get("parameters", []), document())
            names = [given["name"] for given in parameters if given["in"] == "query"]
            for name in [*names, VALUE, "user_id"]:
                for value in (WHO, VALUE * 20, f"{VALUE}\x00", f"2,{VALUE}"):
                    yield method, filled, {"query_string": {name: value}}
            for body in (
                VALUE,
                {VALUE: WHO},
                {"interactions": [{"type": VALUE, "event_id": WHO}, {"type": "search", "query": VALUE}, VALUE]},
                {"interactions": [{"type": "view", "event_id": "jazz_1", "occurred_at": VALUE, "value": VALUE}]},
                {
                    "interactions": [
                        {"type": "review", "event_id": "jazz_1", "text": text}
                        for text in (VALUE, f"{VALUE}\x00", VALUE * 250, [VALUE])
                    ]
                },
                {"user_id": WHO, "event_ids": [VALUE], "recent": [WHO], "anonymous_id": VALUE},
                {"allowed": VALUE},
                {"hold": VALUE, "event_id": WHO},
            ):
                yield method, filled, {"json": body}
            yield method, filled, {"data": f"{{{VALUE}"}
    yield "get", f"/api/v1/{WHO}/{VALUE}", {}


def failing(documents: Documents, failure: Callable[..., Exception]) -> Documents:
    """Document stores all of whose calls fail, with an error that may tell what they were given."""

    def fail(*given: object, **options: object) -> object:
        raise failure(given, options)

    class Port:
        def __getattr__(self, _: str) -> object:
            return fail

    ports: dict[str, Any] = {
        field.name: Port() for field in fields_of(Documents) if field.name not in ("close", "listed")
    }
    return replace(documents, **ports)


def refused(*_: object) -> Exception:
    try:
        with unavailable("cannot read documents of users"):
            raise OSError(f"not there: projects/p/databases/(default)/documents/users/{WHO}: {PATH}")
    except StoreUnavailable as error:
        return error


FAILURES: dict[str, Callable[..., Exception] | None] = {
    "nothing": None,
    "a store": refused,
    "the program": lambda *given: RuntimeError(f"unexpected {given}"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("header", [TOKEN, ADMIN, {}], ids=["user", "admin", "visitor"])
def test_no_request_is_logged_with_what_it_says(
    failure: Callable[..., Exception] | None, header: dict[str, str], store: Documents, wire: Wire, client: FlaskClient
) -> None:
    wired = wire(require_auth=True)
    if failure:
        broken = failing(store, failure)
        wire(broken, require_auth=True)
    statuses = set()
    for method, path, given in asked():
        response = client.open(path, method=method.upper(), headers=header, **given)
        statuses.add(response.status_code)
        if response.status_code >= 500:
            is_silent(response.text)
            assert PATH not in response.text
    assert (503 if failure is refused else 400) in statuses
    assert wired.documents is store


def test_no_trigger_logs_what_it_delivers(store: Documents, wire: Wire, clock: Clock) -> None:
    wire()
    done = [
        an_interaction(WHO, "jazz_1", kind, query=VALUE, category=VALUE, organizer_id="o", value=4.0, recorded_at=NOW)
        for kind in InteractionType
    ]
    for entry in done:
        interaction(created(entry.interaction_id, entry.to_document()))
        interaction(delivered(encode_change("interactions", entry.interaction_id, None, entry.to_document())))
        for name in entry.to_document():
            for wrong in (VALUE, VALUE * 200, {"a": VALUE}, [VALUE] * 500, True, None):
                interaction(created(entry.interaction_id, entry.to_document() | {name: wrong}))
    for data in (f"{WHO} {VALUE}".encode(), b"", encode_change("interactions", "", {"user_id": WHO})):
        interaction(delivered(data))
        event(delivered(data))
    for failure in (FAILURES["a store"], FAILURES["the program"]):
        assert failure is not None
        with (
            wiring.use(replace(wire(), documents=failing(store, failure))),
            pytest.raises((StoreUnavailable, RuntimeError)),
        ):
            interaction(created(done[0].interaction_id, done[0].to_document()))


def _lying(answer: bytes) -> Callable[[bytes], bytes]:
    return lambda _: answer


def test_no_scheduled_function_logs_or_stores_a_user(
    store: Documents, wire: Wire, client: FlaskClient, clock: Clock, tmp_path: Path
) -> None:
    wired = wire(model="blend", challengers_s=0.0, keep_days=3650)
    store.users.put([User(user_id=name, city=VALUE) for name in (WHO, f"{WHO}2")], now=NOW - DAY)
    own = [an_interaction(WHO, f"jazz_{n}", occurred_at=NOW - DAY) for n in range(3)]
    store.interactions.append([*own, an_interaction(WHO, "", InteractionType.SEARCH, query=VALUE)], now=NOW - DAY)
    store.users.remember(own)
    assert isinstance(store.events, SqliteEvents)
    with store.events._database.transaction() as connection:
        for table, key, change in (
            ("users", f"{WHO}2", {"birth_year": VALUE}),
            ("interactions", own[0].interaction_id, {"occurred_at": VALUE}),
        ):
            name = "user_id" if table == "users" else "interaction_id"
            sql = f"UPDATE {table} SET document = json_patch(document, ?) WHERE {name} = ?"  # noqa: S608  # constants
            connection.execute(sql, (json.dumps(change), key))
        connection.execute("UPDATE history SET entry = json_set(entry, '$.type', ?) WHERE user_id = ?", (VALUE, WHO))
    for name in (WHO, f"{WHO}2"):
        assert client.get(f"/api/v1/recommendations?user_id={name}").status_code == 200
    assert client.post("/retrain").get_json()["decision"] == "published"
    for lie in (b"[]", b"nonsense", json.dumps([[[VALUE, 1.0]]] * 10).encode()):
        clock.forward(timedelta(hours=1))
        with wiring.use(replace(wired, run_smoke_test=_lying(lie))):
            assert client.post("/retrain").get_json()["decision"] == "refused"
        assert client.post("/monitor").status_code == 200
    failures = (refused, lambda *_: InvalidField("city", VALUE, "a city"))
    for failure in failures:
        clock.forward(timedelta(hours=1))
        with wiring.use(replace(wired, documents=replace(store, users=failing(store, failure).users))):
            assert client.post("/retrain").status_code in (400, 503)
    objects = FolderObjects(tmp_path)
    records = [blob.data.decode() for name in objects.names("runs/") if (blob := objects.read(name))]
    assert len(records) >= 6
    is_silent("".join(records))


def test_a_smoke_test_that_fails_tells_of_no_profile() -> None:
    request = {"manifest": "{}", "asked": [{"user_id": WHO, "user": {"city": VALUE}, "history": []}]}
    with pytest.raises(ArtifactError) as raised:
        run_smoke_test(json.dumps(request).encode() + b"\n" + VALUE.encode())
    is_silent(str(raised.value))
    profile = Profile(User(user_id=WHO, city=VALUE), (HistoryEntry(InteractionType.BOOKING, NOW, VALUE),))
    recommender = Recommender.empty(Calendar())
    item = Recommendation(VALUE, VALUE, NOW, float("nan"), None, ())
    for items in ([item], [item, item], []):
        problem = unsound(recommender, profile, items, np.arange(10), NOW)
        assert problem
        is_silent(problem)


def test_no_command_tells_of_a_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "events.csv").write_text("event_id,title\njazz_1,Jazz\n")
    (folder / "users.csv").write_text(f"user_id,city,birth_year\n{WHO},{VALUE},1990\n{WHO}2,x,{VALUE}\n")
    (folder / "interactions.csv").write_text(
        f"user_id,event_id,type,occurred_at\n{WHO},jazz_1,booking,2026-01-01T00:00:00Z\n{WHO},jazz_1,{VALUE},x\n"
    )
    places = ["--store", f"sqlite:{tmp_path / 'd.db'}", "--objects", f"folder:{tmp_path / 'bucket'}"]
    assert load.main([str(folder), *places, "--rejected", str(tmp_path / "rejected.csv")]) == 0
    assert retrain.main([*places, "--model", "popularity"]) == 0
    told = capsys.readouterr()
    is_silent(told.out + told.err)


class Named(MarqueeError):
    """Error with a message of its own."""


@pytest.mark.parametrize("value", [WHO, VALUE, "ab", f"{VALUE}'\n", "12"])
def test_a_traceback_shows_nothing_of_what_was_given(value: str) -> None:
    try:
        try:
            raise KeyError(value)
        except KeyError as error:
            raise RuntimeError(f"no {value} here") from error
    except RuntimeError as error:
        text = trace(error, [{"a": [value, None, 5]}, WHO])
    assert "RuntimeError: no " in text
    assert (repr(value) in text) == (f"no {value} here" in text) == (value == "12")


def test_errors_tell_logs_no_values() -> None:
    error = InvalidField("city", VALUE, "a city")
    assert (error.for_log(), str(error)) == ("city: expected a city", f"city: expected a city, got {VALUE!r}")
    assert Named("a message").for_log() == "a message"
