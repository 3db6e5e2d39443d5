"""OpenAPI document of the API, `openapi.json`: its operations, who may call them and what each accepts.

The document is the single source: requests are validated against it, the page at /api/v1/docs renders it, the types of
`web/api.d.ts` are made from it, and tests compare the responses to it.
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
_MOUNTED: Final = "/marquee"
"""Beginning of the paths where the Hosting of an app has a function of its own at `/api`."""
_DOCUMENT: Final = Path(__file__).with_name("openapi.json")
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_NAME: Final = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """API operation: a method of a path.

    Attributes
    ----------
    name : the `operationId`, the key of `routes.HANDLERS`.
    path_template : its path with the names of parameters.
    is_public : True if tokens are ignored and every caller is served.
    is_open : True if a caller without a token is served, as a cold-start user.
    roles : claims of which a caller needs at least one; empty if no claim is needed.
    query, path : schemas of the parameters by name.
    required : names of the mandatory query parameters.
    body : schema of the request body, None for an operation without a body.
    max_bytes : the largest request body in bytes.
    deadline_s : seconds within which an operation that needs a store answers; None for one that can do without, which
        waits for stores for `Settings.deadline_s`.
    """

    name: str
    path_template: str
    is_public: bool
    is_open: bool
    roles: tuple[str, ...]
    query: Mapping[str, Schema]
    path: Mapping[str, Schema]
    required: tuple[str, ...]
    body: Schema | None
    max_bytes: int
    deadline_s: float | None

    @property
    def takes_app_token(self) -> bool:
        """True if a body may have the App Check token, for callers that cannot send headers."""
        return "app_check_token" in (self.body or {}).get("properties", {})

    @classmethod
    def of(cls, document: Schema, described: Schema, path_template: str = "") -> Self:
        """Operation of an OpenAPI operation object, `described`, of `document`."""
        security = described.get("security", document["security"])
        # Only what requests are checked against: answers and examples are several times as much.
        parameters = resolved(described.get("parameters", []), document)
        body = described.get("requestBody")
        return cls(
            name=described["operationId"],
            path_template=path_template,
            is_public=security == [],
            is_open=security == [] or {} in security,
            roles=tuple(role for requirement in security for role in requirement.get("idToken", ())),
            query={parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"},
            path={parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "path"},
            required=tuple(
                parameter["name"]
                for parameter in parameters
                if parameter["in"] == "query" and parameter.get("required")
            ),
            body=resolved(body["content"]["application/json"]["schema"], document) if body else None,
            max_bytes=body["x-max-bytes"] if body else 0,
            deadline_s=described.get("x-deadline-s"),
        )


@dataclass(frozen=True, slots=True)
class Contract:
    """Routing table of the API: paths without parameters are found by name, all others by pattern.

    Attributes
    ----------
    paths : all path templates, in the document's order.
    fixed : operations by method, by path.
    patterns : patterns of paths with parameters, each with its operations by method.
    """

    paths: tuple[str, ...]
    fixed: Mapping[str, Mapping[str, Operation]]
    patterns: tuple[tuple[re.Pattern[str], Mapping[str, Operation]], ...]

    def find(self, path: str) -> tuple[Mapping[str, Operation], dict[str, str]] | None:
        """Operations of a path by method, and the texts of its parameters; None for an unknown path."""
        path = path.removeprefix(_MOUNTED)
        if path in self.fixed:
            return self.fixed[path], {}
        for pattern, operations in self.patterns:
            if found := pattern.fullmatch(path):
                return operations, found.groupdict()
        return None

    def operations(self) -> Iterator[Operation]:
        """Operations of all paths."""
        for by_method in (*self.fixed.values(), *(operations for _, operations in self.patterns)):
            yield from by_method.values()


def text() -> str:
    """OpenAPI document as text, as it is served."""
    return _DOCUMENT.read_text(encoding="utf-8")


@cache
def document() -> Schema:
    """OpenAPI document, as it is."""
    raw: Schema = json.loads(text())
    return raw


@cache
def contract() -> Contract:
    """Routing table of the operations that the document describes."""
    fixed: dict[str, Mapping[str, Operation]] = {}
    patterns: list[tuple[re.Pattern[str], Mapping[str, Operation]]] = []
    paths: Mapping[str, Schema] = document()["paths"]
    for path, item in paths.items():
        by_method = {
            name.upper(): Operation.of(document(), item[name], BASE + path) for name in _METHODS if name in item
        }
        if "{" in path:
            patterns.append((re.compile(_NAME.sub("(?P<\\1>[^/]+)", re.escape(BASE + path))), by_method))
        else:
            fixed[BASE + path] = by_method
    return Contract(tuple(BASE + path for path in paths), fixed, tuple(patterns))


def resolved(node: Any, root: Schema) -> Any:
    """Part of a document with every `$ref` replaced by its target."""
    if isinstance(node, list):
        return [resolved(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        found: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    return {key: resolved(value, root) for key, value in node.items()}
