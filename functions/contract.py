"""The API's document, `openapi.json`: which operations there are, who may call them and what each accepts.

It is the single source: requests are checked against it, the page at /api/v1/docs is made from it, and tests hold the
answers to it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

from functions.schemas import Schema

BASE: Final = "/api/v1"
_DOCUMENT: Final = Path(__file__).with_name("openapi.json")
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_NAME: Final = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes
    ----------
    name : the `operationId`, by which `routes.HANDLERS` knows it.
    is_public : nobody asks who calls, not even when there is a token.
    is_open : a caller without a token is served, as a stranger.
    roles : claims of which a caller needs one; none are needed when it is empty.
    query, path : the parameters' schemas by name.
    required : the query parameters that must be given.
    body : the body's schema, None for none; `max_bytes` limits it.
    """

    name: str
    is_public: bool
    is_open: bool
    roles: tuple[str, ...]
    query: Mapping[str, Schema]
    path: Mapping[str, Schema]
    required: tuple[str, ...]
    body: Schema | None
    max_bytes: int

    @classmethod
    def of(cls, document: Schema, described: Schema) -> Self:
        """The operation that the document describes."""
        security = described.get("security", document["security"])
        parameters = described.get("parameters", ())
        body = described.get("requestBody")
        return cls(
            name=described["operationId"],
            is_public=security == [],
            is_open=security == [] or {} in security,
            roles=tuple(role for one in security for role in one.get("idToken", ())),
            query={one["name"]: one["schema"] for one in parameters if one["in"] == "query"},
            path={one["name"]: one["schema"] for one in parameters if one["in"] == "path"},
            required=tuple(one["name"] for one in parameters if one["in"] == "query" and one.get("required")),
            body=body["content"]["application/json"]["schema"] if body else None,
            max_bytes=body["x-max-bytes"] if body else 0,
        )


@dataclass(frozen=True, slots=True)
class Contract:
    """All operations; paths without a parameter are found by name, the others by pattern."""

    paths: tuple[str, ...]
    fixed: Mapping[str, Mapping[str, Operation]]
    patterns: tuple[tuple[re.Pattern[str], Mapping[str, Operation]], ...]

    def find(self, path: str) -> tuple[Mapping[str, Operation], dict[str, str]] | None:
        """The operations of a path by method, and the values of its parameters; None for an unknown path."""
        if path in self.fixed:
            return self.fixed[path], {}
        for pattern, operations in self.patterns:
            if found := pattern.fullmatch(path):
                return operations, found.groupdict()
        return None

    def operations(self) -> Iterator[Operation]:
        """Every operation of every path."""
        for by_method in (*self.fixed.values(), *(operations for _, operations in self.patterns)):
            yield from by_method.values()


def text() -> str:
    """The document as it is served."""
    return _DOCUMENT.read_text(encoding="utf-8")


@cache
def document() -> Schema:
    """The document, every reference replaced by what it refers to."""
    raw = json.loads(text())
    inlined: Schema = _inlined(raw, raw)
    return inlined


@cache
def contract() -> Contract:
    """The operations that the document describes."""
    fixed: dict[str, Mapping[str, Operation]] = {}
    patterns: list[tuple[re.Pattern[str], Mapping[str, Operation]]] = []
    paths: Mapping[str, Schema] = document()["paths"]
    for path, item in paths.items():
        by_method = {name.upper(): Operation.of(document(), item[name]) for name in _METHODS if name in item}
        if "{" in path:
            patterns.append((re.compile(_NAME.sub("(?P<\\1>[^/]+)", re.escape(BASE + path))), by_method))
        else:
            fixed[BASE + path] = by_method
    return Contract(tuple(BASE + path for path in paths), fixed, tuple(patterns))


def _inlined(node: Any, root: Schema) -> Any:
    if isinstance(node, list):
        return [_inlined(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        found: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    return {key: _inlined(value, root) for key, value in node.items()}
