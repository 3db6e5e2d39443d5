"""Hidden events: no route tells one from an event that does not exist, except to admins and to its organizer.

Every operation of the OpenAPI document is asked with the id of an event that may not be seen and with one that nobody
has; the answers must be equal but for the id.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from functions import wiring
from functions.contract import contract
from functions.interaction import interaction
from shared.adapters.sqlite.events import SqliteEvents
from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.entities import EventCounts, InteractionType, Location, Status
from shared.ports import Documents
from shared.ranking import cursor
from tests import deployment, laws
from tests.deployment import Clock, created
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.stores import documents

API = "/api/v1"
ORGANIZER = "secret_club"
HIDDEN = ("hidden_before_training", "hidden_after_training", "hidden_and_new", "cannot_be_read_draft")
PUBLIC = ("jazz_1", "jazz_2", "yoga_1", "yoga_2")
CALLERS = ("", "user:jazz_fan_0", "user:olga:jazz_club_1")
ADMIN = "admin:root"


@dataclass(frozen=True)
class Sent:
    """Request that names an event, the n-th of those that an operation gets."""

    path: str
    query: dict[str, str] | None = None
    body: Any = None
    method: str = "GET"


def lists(path: str) -> Callable[[str], list[Sent]]:
    """Requests for a list that name the event in each parameter that may hold an id."""

    def sent(event_id: str) -> list[Sent]:
        shown = cursor.encode(cursor.fingerprints(Vocabulary.of([event_id]).keys))
        path_of_event = path.format(event_id)
        given: list[dict[str, str]] = [{"exclude": event_id}, {"cursor": shown}, {"cursor": shown, "diversity": "0.5"}]
        if path == "/recommendations":
            given += [{"recent": event_id}, {"recent": f"jazz_3,{event_id}"}]
        return [Sent(path_of_event, {"limit": "100", **query}) for query in ({}, *given)]

    return sent


def interactions(event_id: str) -> list[Sent]:
    entries: list[dict[str, Any]] = [{"type": kind, "event_id": event_id} for kind in InteractionType]
    page = {"type": "impression", "event_ids": ["jazz_1", event_id], "recommendation_id": "list"}
    return [Sent("/interactions", None, {"interactions": [*entries, page]}, "POST")]


def ranks(event_id: str) -> list[Sent]:
    bodies: list[dict[str, Any]] = [
        {"event_ids": [event_id]},
        {"event_ids": [*PUBLIC, event_id]},
        {"event_ids": [*PUBLIC], "recent": [event_id]},
        {"event_ids": [event_id, *PUBLIC], "recent": [event_id, "jazz_3"]},
    ]
    return [Sent("/rank", None, body, "POST") for body in bodies]


def of_admins(method: str, path: str, body: Any = None) -> Callable[[str], list[Sent]]:
    return lambda event_id: [Sent(path, None, json.loads(json.dumps(body).replace("ID", event_id)), method)]


REQUESTS: dict[str, Callable[[str], list[Sent]]] = {
    "getRecommendations": lists("/recommendations"),
    "getSimilarEvents": lists("/events/{}/similar"),
    "getPopularEvents": lists("/events/popular"),
    "getTrendingEvents": lists("/events/trending"),
    "getEventAudience": lambda event_id: [Sent(f"/events/{event_id}/audience")],
    "postRank": ranks,
    "postInteractions": interactions,
    "getRules": of_admins("GET", "/rules"),
    "putRules": of_admins("PUT", "/rules", {"pinned": [{"event_id": "ID"}], "blocked_events": ["ID"]}),
    "getExperiments": of_admins("GET", "/experiments"),
    "getExperiment": of_admins("GET", "/experiments/ID"),
    "putExperiment": of_admins("PUT", "/experiments/ID", {}),
    "previewRules": of_admins("POST", "/rules:preview", {"rules": {"pinned": [{"event_id": "ID"}]}}),
    # Paths that name a user or a model are asked with the event's id in its place.
    "deleteUser": of_admins("DELETE", "/users/ID"),
    "getUserData": lambda event_id: [Sent(f"/users/{event_id}/data")],
    "putUserProfiling": of_admins("PUT", "/users/ID/profiling", {"allowed": True}),
    "getModels": of_admins("GET", "/models"),
    "activateModel": lambda event_id: [Sent(f"/models/{event_id}:activate", None, {}, "POST")],
    "getReport": of_admins("GET", "/report"),
    "getRuns": of_admins("GET", "/runs"),
    "getDeadLetters": of_admins("GET", "/dead-letters"),
    "getHealth": of_admins("GET", "/health"),
    "getDocument": of_admins("GET", "/openapi.json"),
    "getDocsScript": of_admins("GET", "/docs/rapidoc-min.js"),
    "getDocs": of_admins("GET", "/docs"),
}
"""Requests of each operation by event id."""
PERSONAL = ("getRecommendations", "postRank", "getUserData")
"""Operations whose answers follow from what a user did."""


def absent(event_id: str) -> str:
    """Unknown id of the same length, which sorts like the known one."""
    return event_id[:-1] + chr(ord(event_id[-1]) + 1)


@pytest.fixture(scope="module", params=["svd", "blend"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Client of a trained instance with an event of each way of being hidden."""
    store, clock, folder = documents(), Clock(), tmp_path_factory.mktemp("bucket")
    _fill(store)
    wired = deployment.wire(store, folder, clock, require_auth=True, model=request.param)
    with wiring.use(wired):
        client = deployment.client()
        assert client.post("/retrain").status_code == 200
        clock.forward()
        client.get(f"{API}/health")
        _hide(store, clock)
        clock.forward()
        client.get(f"{API}/health")
        yield client
    store.close()


def _fill(store: Documents) -> None:
    data = laws.city()
    secrets = [
        an_event(
            name,
            title=f"Undisclosed {name}",
            description="Saxophone and piano, all night",
            tags=("music", "live"),
            category="music",
            organizer_id=ORGANIZER,
            location=Location(41.97, -87.66),
            starts_at=NOW + 5 * DAY,
            status=Status.HIDDEN if name == HIDDEN[0] else Status.PUBLISHED,
        )
        for name in HIDDEN[:2]
    ]
    store.events.put([*data.events, *secrets], now=NOW - DAY)
    store.users.put([*data.users.values()], now=NOW - DAY)
    booked = [an_interaction(f"jazz_fan_{n}", event.event_id) for n in range(9) for event in secrets]
    store.interactions.append([*data.interactions, *booked], now=NOW - DAY)
    store.counters.load([(entry, EventCounts()) for entry in data.interactions], now=NOW - DAY)
    store.users.remember(data.interactions)


def _hide(store: Documents, clock: Clock) -> None:
    known = store.events.get(HIDDEN[1])
    assert known
    late = [replace(known, event_id=name, status=Status.HIDDEN) for name in HIDDEN[1:]]
    store.events.put(late, now=clock.now)
    assert isinstance(store.events, SqliteEvents)
    with store.events._database.transaction() as connection:
        connection.execute(
            "UPDATE events SET document = json_set(document, '$.status', 'draft') WHERE event_id = ?", (HIDDEN[3],)
        )


def ask(client: FlaskClient, sent: Sent, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.open(API + sent.path, method=sent.method, query_string=sent.query, json=sent.body, headers=headers)


def answers(client: FlaskClient, operation: str, event_id: str, token: str) -> list[tuple[int, Any]]:
    """Status and body of each request of an operation, with a placeholder for the event's id."""
    found = []
    for sent in REQUESTS[operation](event_id):
        answer = ask(client, sent, token)
        text = answer.text.replace(event_id, "EVENT")
        body = json.loads(text) if "json" in answer.content_type else text
        if isinstance(body, dict):
            body.pop("recommendation_id", None)
        found.append((answer.status_code, body))
    return found


def test_every_operation_is_asked() -> None:
    assert {operation.name for operation in contract().operations()} == set(REQUESTS)


@pytest.mark.parametrize("token", CALLERS)
@pytest.mark.parametrize("event_id", HIDDEN)
def test_an_event_that_may_not_be_seen_gets_the_answers_of_an_unknown_one(
    world: FlaskClient, event_id: str, token: str
) -> None:
    for operation in REQUESTS:
        hidden = answers(world, operation, event_id, token)
        assert hidden == answers(world, operation, absent(event_id), token), operation
        assert "Undisclosed" not in json.dumps(hidden)


@pytest.mark.parametrize("kind", InteractionType)
@pytest.mark.parametrize("event_id", HIDDEN[1:2])
def test_what_a_user_did_to_a_hidden_event_changes_no_list_and_gives_no_reason(
    world: FlaskClient, event_id: str, kind: InteractionType
) -> None:
    lists_of = {}
    for known_as in (event_id, absent(event_id)):
        user_id = f"curious_{kind}_{known_as}"
        entry = an_interaction(user_id, known_as, kind, value=4.0 if kind is InteractionType.RATING else None)
        fields = replace(entry, organizer_id="jazz_club_1", recorded_at=NOW).to_document()
        interaction(created(entry.interaction_id, fields))
        found = [answers(world, operation, known_as, f"user:{user_id}") for operation in PERSONAL]
        lists_of[known_as] = json.dumps(found).replace(user_id, "USER")
    assert lists_of[event_id] == lists_of[absent(event_id)]
    assert "Undisclosed" not in lists_of[event_id]


@pytest.mark.parametrize("event_id", HIDDEN[:3])
def test_admins_may_see_a_hidden_event_and_organizers_their_own(world: FlaskClient, event_id: str) -> None:
    for token in (ADMIN, f"user:mona:{ORGANIZER}"):
        for operation in ("getSimilarEvents", "getEventAudience"):
            assert {status for status, _ in answers(world, operation, event_id, token)} == {200}, operation


def test_an_artifact_without_the_column_takes_what_is_not_on_sale_for_hidden() -> None:
    statuses = {"a": Status.PUBLISHED, "b": Status.CANCELLED, "c": Status.HIDDEN, "d": Status.SOLD_OUT}
    catalog = Catalog.of([an_event(name, status=status) for name, status in statuses.items()], mentioned=["e"])
    assert catalog.visible.tolist() == [True, True, False, True, False]
    arrays = catalog.to_arrays()
    assert Catalog.from_arrays(arrays).visible.tolist() == catalog.visible.tolist()
    del arrays["catalog.visible"]
    older = Catalog.from_arrays(arrays)
    assert older.visible_rows(np.array([-1, 0, 1, 2, 3, 4])).tolist() == [-1, 0, -1, -1, -1, -1]
