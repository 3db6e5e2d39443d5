"""Narrowing of optional values to their type, for what a test knows to be there."""

from typing import TypeVar

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """Value that is not None; fails the test otherwise."""
    assert value is not None
    return value
