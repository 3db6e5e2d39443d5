"""Request parsing by the OpenAPI document: the query string, the path and the body, all untrusted."""

import json
from typing import Any

from flask import Request

from functions import bodies
from functions.contract import Operation
from functions.schemas import Schema, check, expected, parse, parse_list
from shared.errors import InvalidField, TooLarge, UnknownField


def read(request: Request, operation: Operation, path: dict[str, str]) -> dict[str, Any]:
    """Parameter values of the query and the path by name, with the document's defaults; raises `InvalidField`."""
    given = {name: parse(schema, path[name], name) for name, schema in operation.path.items()}
    for name in request.args:
        if name not in operation.query:
            allowed = ", ".join(operation.query) or "(none)"
            raise UnknownField(name, request.args[name], f"only the parameters {allowed}")
    for name, schema in operation.query.items():
        if name in request.args:
            given[name] = _value(schema, request.args.getlist(name), name)
        elif name in operation.required:
            raise InvalidField(name, None, expected(schema))
        elif "default" in schema:
            given[name] = schema["default"]
    return given


def _value(schema: Schema, texts: list[str], name: str) -> Any:
    """Value of a query parameter from its texts, one for each time that it is given; only lists may be repeated."""
    if len(texts) == 1:
        return parse(schema, texts[0], name)
    if schema.get("type") != "array":
        raise InvalidField(name, texts, "one value")
    return parse_list(schema, texts, name)


def body(request: Request, operation: Operation) -> Any:
    """Validated JSON body, None for an operation without one; raises `InvalidField`, `TooLarge` or `TooSlow`.

    Any Content-Type is accepted, since the bodies of `sendBeacon` are text/plain.
    """
    if operation.body is None:
        return None
    size = request.content_length or 0
    # A chunked body has no declared size, so a byte beyond the limit is enough to see that it is too large.
    data = bodies.read(request, operation.max_bytes + 1) if size <= operation.max_bytes else b""
    size = max(size, len(data))
    if size > operation.max_bytes:
        raise TooLarge("body", f"{size} bytes", f"at most {operation.max_bytes:,} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidField("body", f"{size} bytes", f"JSON ({error})") from error
    return check(operation.body, value, "body")
