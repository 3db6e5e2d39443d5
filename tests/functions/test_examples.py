"""Examples of the OpenAPI document: each fits its schema, each request is accepted, and each command of curl works."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from functions import contract
from shared.entities import InteractionType
from shared.services.ingest.record import receive
from tests.deployment import Clock, Wire
from tests.examples import NOW
from tests.stores import documents

DOCUMENT = contract.document()
OPERATIONS = {
    operation["operationId"]: (path, method, contract.resolved(operation, DOCUMENT))
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
INTERACTION = DOCUMENT["components"]["schemas"]["Interaction"]
HOST = "https://YOUR-APP.web.app"
STANDING_FOR = {"event_33": "jazz_1", "user_5": "jazz_fan_1"}
"""Ids of the examples, and those of the test's city."""

IDS = st.sampled_from(["jazz_1", "a" * 128, "", "a/b", "..", "é" * 65, "__x__"])
NUMBERS = st.sampled_from([0, 1, 5, 6, -1, 0.5, 10_000, 10_001, 1_000_000, 1_000_001])
ENTRIES = st.fixed_dictionaries(
    {"type": st.sampled_from([*InteractionType, "purchase"])},
    optional={
        "event_id": IDS,
        "organizer_id": IDS,
        "event_ids": st.lists(st.sampled_from(["jazz_1", "yoga_1"]), max_size=2),
        "recommendation_id": IDS,
        "session_id": IDS,
        "value": NUMBERS,
        "position": NUMBERS,
        "query": st.sampled_from(["", "jazz", "x" * 125, "x" * 501]),
        "text": st.sampled_from(["", "es war\nschön", "語" * 2_000, "x" * 2_001, "a\x00b", "a\x9bb", "a\rb\tc"]),
        "category": st.sampled_from(["", "Music", "x" * 50, "x" * 201]),
    },
)


def _schemas(kind: str) -> list[dict[str, Any]]:
    """Object schemas of a type of interaction, of which an entry fits one."""
    schema = contract.resolved({"$ref": INTERACTION["discriminator"]["mapping"][kind]}, DOCUMENT)
    return list(schema.get("oneOf", [schema]))


def _parts(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Media types of an operation, with schema and examples: of its request and of all its answers."""
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from part.get("content", {}).values()


def _examples(media: dict[str, Any]) -> list[Any]:
    return (
        [media["example"]] if "example" in media else [found["value"] for found in media.get("examples", {}).values()]
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_request_and_every_answer_has_an_example_that_fits(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    [tag] = operation["tags"]
    assert tag in {known["name"] for known in DOCUMENT["tags"]}
    for media in _parts(operation):
        assert _examples(media)
        for example in _examples(media):
            jsonschema_rs.validate(media["schema"], example)


def test_the_document_names_its_licence_and_a_contact() -> None:
    assert DOCUMENT["info"]["license"]["identifier"] == "Apache-2.0"
    assert DOCUMENT["info"]["contact"]["name"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_command_of_curl_is_answered(
    published: str, wire: Wire, client: FlaskClient, clock: Clock, name: str
) -> None:
    wire(require_auth=True)
    clock.forward()
    if name == "getExperiment":
        experiment = DOCUMENT["components"]["examples"]["Experiment"]["value"]
        admin = {"Authorization": "Bearer admin:root"}
        client.put("/api/v1/experiments/diverse-lists", json=experiment, headers=admin)
    _, method, operation = OPERATIONS[name]
    [sample] = operation["x-codeSamples"]
    source = sample["source"].replace("20261124T044914Z-232b9e80", published)
    for example, known in STANDING_FOR.items():
        source = source.replace(example, known)
    program, *words = shlex.split(source)
    assert program == "curl"
    options = {words[place]: words[place + 1] for place in range(len(words)) if words[place] in ("-X", "-H", "-d")}
    [address] = [word for word in words if word.startswith(HOST)]
    used = options.get("-X", "POST" if "-d" in options else "GET")
    assert used == method.upper()
    assert contract.contract().find(address.removeprefix(HOST).partition("?")[0])
    headers = {"Authorization": "Bearer admin:root"} if "-H" in options else {}
    answer = client.open(address.removeprefix(HOST), method=used, data=options.get("-d"), headers=headers)
    assert answer.status_code == 200, answer.text
    if name == "postInteractions":
        assert answer.get_json()["rejected"] == []
        assert len(answer.get_json()["accepted"]) == len(json.loads(options["-d"])["interactions"])


def test_every_type_of_interaction_has_one_schema() -> None:
    mapping = INTERACTION["discriminator"]["mapping"]
    assert mapping.keys() == set(InteractionType)
    assert [{"$ref": target} for target in dict.fromkeys(mapping.values())] == INTERACTION["oneOf"]
    for kind in InteractionType:
        schemas = _schemas(kind)
        assert all(kind in schema["properties"]["type"]["enum"] for schema in schemas)
        assert kind.meaning.target in schemas[0]["properties"]


@given(ENTRIES)
def test_what_the_schema_of_an_interaction_takes_is_accepted(entry: dict[str, Any]) -> None:
    schema = contract.resolved(INTERACTION, DOCUMENT)
    if not jsonschema_rs.is_valid(schema, entry):
        return
    # What a type has no use for is not described. Ids have a limit in bytes, which JSON Schema cannot say.
    described = {name for of_kind in _schemas(entry["type"]) for name in of_kind["properties"]}
    given = {name: value for name, value in entry.items() if name in described}
    if any(len(text.encode()) > len(text) for text in given.values() if isinstance(text, str)):
        return
    assert _rejected([given]) == {}


@pytest.mark.parametrize("kind", InteractionType)
def test_what_the_schema_of_an_interaction_demands_is_demanded(kind: InteractionType) -> None:
    schema, *_ = _schemas(kind)
    whole = {"type": kind.value, "event_id": "e", "organizer_id": "o", "value": 3, "query": "q", "category": "c"}
    entries = [whole, *({key: whole[key] for key in whole if key != missing} for missing in schema["required"])]
    assert _rejected(entries) == dict(enumerate(schema["required"], 1))
    assert [jsonschema_rs.is_valid(schema, entry) for entry in entries] == [True, *[False] * len(schema["required"])]


def test_a_page_of_impressions_has_events_and_a_list_and_no_single_event() -> None:
    page = {"type": "impression", "event_ids": ["a", "b"], "recommendation_id": "list"}
    single, bare = {**page, "event_id": "a"}, {"type": "impression", "event_ids": ["a"]}
    others: list[dict[str, Any]] = [single, bare, {"type": "impression"}]
    assert _rejected([page, *others]) == {1: "event_id", 2: "recommendation_id", 3: "event_id"}
    schema = contract.resolved(INTERACTION, DOCUMENT)
    assert [jsonschema_rs.is_valid(schema, entry) for entry in (page, *others)] == [True, False, False, False]


def _rejected(entries: list[dict[str, Any]]) -> dict[int, str]:
    """Fields for which the service rejects entries, by index."""
    store = documents()
    received = receive(store.interactions, entries, user_id="alice", now=NOW)
    store.close()
    return {rejection.index: rejection.field for rejection in received.rejected}
