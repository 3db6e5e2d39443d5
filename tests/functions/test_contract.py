"""OpenAPI document: its completeness, its use for validation, and the API reference page."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions import contract, schemas
from functions.routes import HANDLERS, handler
from tests.deployment import Wire

OPERATIONS = {operation.name: operation for operation in contract.contract().operations()}
PUBLIC = {"getHealth", "getDocument", "getDocs", "getDocsScript"}
OPEN_TO_STRANGERS = {
    "postInteractions",
    "getRecommendations",
    "getSimilarEvents",
    "getPopularEvents",
    "getTrendingEvents",
    "postRank",
}
RAPIDOC = "affbd173a65e870e18f392cca963113bcdafb6e50e88cd2f6a834a65b22db94d"
"""SHA-256 of `dist/rapidoc-min.js` in the npm package rapidoc 9.3.8."""
FOR_ADMINS = {
    *("getRules", "putRules", "previewRules", "getModels", "activateModel"),
    *("getReport", "getRuns", "getDeadLetters"),
    *("getExperiments", "getExperiment", "putExperiment"),
}


def _checked_schemas() -> Iterator[schemas.Schema]:
    for operation in OPERATIONS.values():
        yield from _within([*operation.query.values(), *operation.path.values(), operation.body or {}])


def _within(found: list[Any]) -> Iterator[schemas.Schema]:
    for schema in found:
        yield schema
        if schema.get("x-each-apart"):
            # Its items are described for callers, and checked by the service that takes them.
            continue
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


class Links(HTMLParser):
    """HTML parser that collects what a page links to and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"href", "src", "spec-url"}]


def test_the_page_loads_its_renderer_and_the_document_and_nothing_else(client: FlaskClient) -> None:
    answer = client.get("/api/v1/docs")
    assert answer.content_type == "text/html; charset=utf-8"
    links = set(Links(answer.text).found) - {"data:,"}
    assert links == {"openapi.json", "docs/rapidoc-min.js"}
    for link in links:
        assert client.get(f"/api/v1/{link}").status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    # No inline script runs but that of the page itself.
    [inline] = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = b64encode(sha256(inline.encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"


def test_the_renderer_is_the_one_that_was_published(client: FlaskClient) -> None:
    answer = client.get("/api/v1/docs/rapidoc-min.js")
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert sha256(answer.data).hexdigest() == RAPIDOC
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"


def test_a_head_request_is_answered_as_a_get_without_its_body(client: FlaskClient) -> None:
    answer = client.head("/api/v1/health")
    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize("header", [None, "Bearer forged"])
def test_public_operations_ignore_tokens(wire: Wire, client: FlaskClient, header: str | None) -> None:
    wire(require_auth=True)
    headers = {"Authorization": header} if header else {}
    assert client.get("/api/v1/health", headers=headers).status_code == 200
