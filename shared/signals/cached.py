"""Memoization by name: values that are computed once and kept in a dictionary."""

from collections.abc import Callable
from typing import Any, TypeVar

_Value = TypeVar("_Value")


def cached(cache: dict[str, Any], name: str, make: Callable[[], _Value]) -> _Value:
    """Value under `name` in `cache`; the first call computes it with `make` and stores it."""
    if name not in cache:
        cache[name] = make()
    value: _Value = cache[name]
    return value
