"""Stored JSON objects: the documents that this program keeps in the bucket, read as untrusted ones.

Whoever may write to the bucket, or a disk that fails, may leave anything there. A reader gets what it expects or an
`ArtifactError` with the object's name, and never another error.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from shared.errors import ArtifactError, InvalidField

_MAX_DEPTH: Final = 32
"""Greatest depth of nested objects and lists: those of this program have less than ten. Copying them recurses."""

_LARGEST: Final = 1e300
"""Bound of stored numbers: sums of them stay finite."""

_SHOWN: Final = 80
"""Bytes of an object that is no JSON object in the message of the error."""

_UNREADABLE: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, InvalidField)
"""Errors of parsers for values that they do not expect; a missing key is a `KeyError`."""

_Parsed = TypeVar("_Parsed")


def read_object(data: bytes, name: str, parse: Callable[[dict[str, Any]], _Parsed], *, remedy: str = "") -> _Parsed:
    """Value that `parse` makes of a JSON object, stored under `name`; raises `ArtifactError` with that name otherwise.

    Parameters
    ----------
    parse : gets the object; for a value that it cannot accept it raises `InvalidField`, `ValueError`, `TypeError`,
        `KeyError` or `AttributeError`.
    remedy : what to do about an object that cannot be read, for the message.
    """
    try:
        # As text, since `json` would also take UTF-16 and UTF-32.
        document = json.loads(data.decode())
        if not isinstance(document, dict):
            raise TypeError(f"expected a JSON object, got {data[:_SHOWN]!r}")
        _check_depth(document)
        return parse(document)
    except _UNREADABLE as error:
        said = f"expected the field {error}" if isinstance(error, KeyError) else f"{error}"
        raise ArtifactError(f"{name}: {said}{remedy and f'; {remedy}'}") from error


def required(document: Mapping[str, Any], name: str, kind: type[_Parsed]) -> _Parsed:
    """Field of a stored object; raises `InvalidField` where it is missing or of another type."""
    value = document.get(name)
    # A truth value is an int to Python.
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise InvalidField(name, value, f"a {kind.__name__}")
    return value


def require_format(document: Mapping[str, Any], known: int) -> None:
    """Check of an object's number of format; raises `ValueError` for any but the one that is `known`."""
    found = document.get("format")
    if found != known:
        raise ValueError(f"expected format {known}, got {found!r}; update this program")


def required_numbers(document: Mapping[str, Any], name: str) -> dict[str, float]:
    """Field that is an object of numbers by name; raises `InvalidField` where it is missing or holds anything else.

    NaN is accepted: a metric of a model that could not be judged.
    """
    given = required(document, name, dict)
    for key, value in given.items():
        # The comparison with NaN is false. No conversion to float, which overflows for integers that no float can hold.
        if isinstance(value, bool) or not isinstance(value, int | float) or value > _LARGEST or value < -_LARGEST:
            raise InvalidField(f"{name}.{key}", value, "a number")
    return given


def _check_depth(document: dict[str, Any]) -> None:
    """Raise `ValueError` for an object nested more deeply than `_MAX_DEPTH`; does not recurse itself."""
    level: list[Any] = [document]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"expected objects and lists nested up to {_MAX_DEPTH} deep, got deeper ones")
