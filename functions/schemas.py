"""JSON Schema validation, for the keywords that the OpenAPI document uses.

`KEYWORDS` lists all keywords that the document may contain; a test refuses others, so nothing is documented and then
ignored. Schemas contain no references; `contract.py` replaces them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.entities import fields
from shared.errors import InvalidField, TooLarge, UnknownField

KEYWORDS: Final = frozenset(
    {
        *("type", "enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "items"),
        *("minItems", "maxItems", "prefixItems", "properties", "required", "additionalProperties"),
        *("title", "description", "default", "examples", "x-expected", "x-each-apart"),
    }
)
"""JSON Schema keywords that the document may contain.

`x-expected` is the text of error messages. Of an array with `x-each-apart` only the length is checked: the service that
takes it checks each item, and lists those that it rejects.
"""
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,3})?")
_COMMA: Final = re.compile(r"(?<!\\),")
"""Comma between values, not one within a value."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[-+]\d\d:\d\d)", re.ASCII)

Schema = Mapping[str, Any]
"""JSON Schema, or another part of the OpenAPI document."""


def parse(schema: Schema, text: str, name: str) -> Any:
    r"""Validated value of a parameter's text; lists are separated by commas. Raises `InvalidField`.

    In a list, `\,` is a comma within a value.
    """
    kind = schema.get("type")
    if kind == "array":
        return parse_list(schema, [item.replace("\\,", ",") for item in _COMMA.split(text)] if text else [], name)
    value: Any = text
    if kind in ("integer", "number"):
        if not (_INTEGER if kind == "integer" else _NUMBER).fullmatch(text):
            raise InvalidField(name, text, expected(schema))
        value = json.loads(text)
    elif kind == "boolean":
        value = {"true": True, "false": False}.get(text, text)
    try:
        return check(schema, value, name)
    except InvalidField as error:
        raise InvalidField(name, text, error.expected) from error


def parse_list(schema: Schema, items: Sequence[str], name: str) -> list[Any]:
    """Validated values of a list parameter's texts, each taken as it is. Raises `InvalidField`."""
    _size(schema, items, name, too_large=InvalidField)
    return [parse(item_schema(schema, index), item, name) for index, item in enumerate(items)]


def check(schema: Schema, value: Any, name: str) -> Any:
    """Validated value, unchanged except that times are parsed; raises `InvalidField` for the first invalid part."""
    if "type" in schema and not _is_of(schema["type"], value):
        raise InvalidField(name, value, expected(schema))
    if schema.get("type") == "integer":
        value = int(value)
    if "enum" in schema and value not in schema["enum"]:
        raise InvalidField(name, value, expected(schema))
    if isinstance(value, str):
        return _text(schema, value, name)
    if isinstance(value, list):
        _size(schema, value, name, too_large=TooLarge)
        if schema.get("x-each-apart"):
            return value
        return [check(item_schema(schema, index), item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return _object(schema, value, name)
    if not schema.get("minimum", float("-inf")) <= (value or 0) <= schema.get("maximum", float("inf")):
        raise InvalidField(name, value, expected(schema))
    return value


def expected(schema: Schema) -> str:
    """Expected value of a schema in words, for error messages and the API reference."""
    if "x-expected" in schema:
        return str(schema["x-expected"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    kind = schema.get("type")
    if kind in ("integer", "number"):
        what = "a whole number" if kind == "integer" else "a number"
        return f"{what} in {schema['minimum']}..{schema['maximum']}" if "maximum" in schema else what
    if kind == "boolean":
        return "true or false"
    if kind == "array":
        return f"a list of {schema.get('minItems', 0)} to {schema['maxItems']} entries"
    if kind == "object":
        return "a JSON object"
    return f"text of {schema.get('minLength', 0)} to {schema['maxLength']} characters"


def item_schema(schema: Schema, index: int) -> Schema:
    """Schema of an array's item at `index`."""
    prefix = schema.get("prefixItems", ())
    found: Schema = prefix[index] if index < len(prefix) else schema.get("items", {})
    return found


def _is_of(kind: str, value: Any) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()  # in JSON, 65.0 is an integer
    # JSON distinguishes true from 1; in Python a bool is an int.
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _text(schema: Schema, value: str, name: str) -> Any:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        raise InvalidField(name, value, expected(schema))
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidField(name, value, "valid Unicode text") from error
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise InvalidField(name, value, expected(schema))
    if schema.get("format") == "date-time":
        if not _TIME.fullmatch(value):
            raise InvalidField(name, value, expected(schema))
        return fields.required_time({name: value}, name)
    return value


def _size(schema: Schema, items: Sequence[Any], name: str, *, too_large: type[InvalidField]) -> None:
    size = f"{len(items)} entries"
    if len(items) < schema.get("minItems", 0):
        raise InvalidField(name, size, expected(schema))
    if len(items) > schema.get("maxItems", len(items)):
        raise too_large(name, size, expected(schema))


def _object(schema: Schema, value: dict[str, Any], name: str) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            raise InvalidField(key, None, expected(properties[key]))
    if schema.get("additionalProperties") is False:
        for key in value:
            if key not in properties:
                raise UnknownField(key, value[key], f"only the fields {', '.join(properties)}")
    # Fields of the body are named as the caller wrote them; nested fields get a path.
    prefix = "" if name == "body" else f"{name}."
    return {
        key: check(properties[key], field, prefix + key) if key in properties else field for key, field in value.items()
    }
