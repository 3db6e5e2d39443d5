"""What is worked out once and kept under a name."""

from collections.abc import Callable
from typing import Any, TypeVar

_Value = TypeVar("_Value")


def cached(parts: dict[str, Any], name: str, make: Callable[[], _Value]) -> _Value:
    """What `make` gives, made on the first call under this name and kept in `parts`."""
    if name not in parts:
        parts[name] = make()
    part: _Value = parts[name]
    return part
