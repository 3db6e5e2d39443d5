"""Error messages of `InvalidField`."""

import pytest

from shared.errors import InvalidField, MarqueeError


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_refused_field_is_named_with_what_was_got_and_expected() -> None:
    error = InvalidField("price", -1, "a number in 0..10")
    assert str(error) == "price: expected a number in 0..10, got -1"
    assert (error.field, error.expected) == ("price", "a number in 0..10")
    assert error.reason == "expected a number in 0..10, got -1"
    assert isinstance(error, MarqueeError)


def test_a_long_value_is_shortened_with_its_length() -> None:
    assert str(InvalidField("f", "x" * 1_000, "less")) == f"f: expected less, got '{'x' * 79}… (1002 characters)"
    assert str(InvalidField("f", "x" * 78, "less")) == f"f: expected less, got '{'x' * 78}'"


@pytest.mark.parametrize("value", [_nested(100_000), 10**5_000], ids=["too deep", "too many digits"])
def test_a_value_without_a_repr_is_described_by_its_type(value: object) -> None:
    assert str(InvalidField("f", value, "less")) == f"f: expected less, got a value of type {type(value).__name__}"
