"""What is worked out once and kept under a name."""

from collections.abc import Callable
from typing import Any, TypeVar

_Part = TypeVar("_Part")


def once(parts: dict[str, Any], name: str, make: Callable[[], _Part]) -> _Part:
    """What `make` gives, made on the first call under this name and kept in `parts`."""
    if name not in parts:
        parts[name] = make()
    part: _Part = parts[name]
    return part
