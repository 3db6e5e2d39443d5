"""OpenAPI document: its completeness, its use for validation, and the API reference page."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions import contract, schemas
from functions.routes import HANDLERS, handler
from tests.deployment import Wire

OPERATIONS = {operation.name: operation for operation in contract.contract().operations()}
PUBLIC = {"getHealth", "getDocument", "getDocs"}
OPEN_TO_STRANGERS = {
    "postInteractions",
    "getRecommendations",
    "getSimilarEvents",
    "getPopularEvents",
    "getTrendingEvents",
    "postRank",
}
FOR_ADMINS = {"getRules", "putRules", "getModels", "activateModel"}


def _checked_schemas() -> Iterator[schemas.Schema]:
    for operation in OPERATIONS.values():
        yield from _within([*operation.query.values(), *operation.path.values(), operation.body or {}])


def _within(found: list[Any]) -> Iterator[schemas.Schema]:
    for schema in found:
        yield schema
        nested = [schema.get("items", {}), *schema.get("prefixItems", ()), *schema.get("properties", {}).values()]
        yield from _within([schema for schema in nested if schema])


def test_every_operation_has_a_handler_and_every_handler_is_documented() -> None:
    assert OPERATIONS.keys() == HANDLERS.keys()
    for name in HANDLERS:
        module, _, function = HANDLERS[name].partition(".")
        assert handler(name).__module__ == f"functions.routes.{module}"
        assert handler(name).__name__ == function


def test_the_api_answers_below_the_path_that_a_host_gives_it() -> None:
    known = contract.contract()
    for path in known.paths:
        at_root = known.find(path.replace("{", "").replace("}", ""))
        assert known.find(f"/marquee{path}".replace("{", "").replace("}", "")) == at_root
        assert at_root is not None
    assert known.find("/other/api/v1/health") is None


def test_only_these_operations_answer_without_a_token() -> None:
    assert {name for name, operation in OPERATIONS.items() if operation.is_public} == PUBLIC
    assert {name for name, operation in OPERATIONS.items() if operation.is_open} == PUBLIC | OPEN_TO_STRANGERS
    assert {name for name, operation in OPERATIONS.items() if "admin" in operation.roles} == FOR_ADMINS | {
        "getEventAudience"
    }


def test_the_document_has_no_unsupported_keyword() -> None:
    assert {keyword for schema in _checked_schemas() for keyword in schema} <= schemas.KEYWORDS


def test_every_part_of_a_request_has_a_limit() -> None:
    for schema in _checked_schemas():
        match schema.get("type"):
            case "string":
                assert "maxLength" in schema or "enum" in schema or schema.get("format") == "date-time"
            case "array":
                assert "maxItems" in schema
            case "integer" | "number":
                assert {"minimum", "maximum"} <= schema.keys()


def test_the_document_is_served_unchanged(client: FlaskClient) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.get_json() == json.loads(contract.text())


class Tags(HTMLParser):
    """HTML parser that counts the tags of a page and collects its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def test_the_page_describes_every_operation_and_loads_nothing(client: FlaskClient) -> None:
    answer = client.get("/api/v1/docs")
    assert answer.content_type == "text/html; charset=utf-8"
    page = Tags(answer.text)
    assert page.names.count("h2") == len(OPERATIONS)
    assert page.links == ["openapi.json"]
    for operation in OPERATIONS.values():
        assert f"<h2 id={operation.name}>" in answer.text
        for name in operation.query:
            assert re.search(f"<tr><td><code>{name}</code>.*<td>.+<td>.+", answer.text)


def test_a_head_request_is_answered_as_a_get_without_its_body(client: FlaskClient) -> None:
    answer = client.head("/api/v1/health")
    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize("header", [None, "Bearer forged"])
def test_public_operations_ignore_tokens(wire: Wire, client: FlaskClient, header: str | None) -> None:
    wire(require_auth=True)
    headers = {"Authorization": header} if header else {}
    assert client.get("/api/v1/health", headers=headers).status_code == 200
