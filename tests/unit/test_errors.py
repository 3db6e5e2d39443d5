"""Error messages of `InvalidField`."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidField, MarqueeError, shortened


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


@given(st.text(st.sampled_from("a🎷👩🏽‍🚀🇩🇪é") | st.characters()), st.integers(0, 20))
def test_texts_are_shortened_between_graphemes(text: str, length: int) -> None:
    graphemes, found = regex.findall(r"\X", text), shortened(text, length)
    if len(text) <= length:
        assert found == text
    else:
        kept = regex.findall(r"\X", found.removesuffix("…"))
        assert found.endswith("…")
        assert kept == graphemes[: len(kept)]
        assert len(found) - 1 <= length < len(found) - 1 + len(graphemes[len(kept)])


@pytest.mark.parametrize("value", [_nested(100_000), 10**5_000], ids=["too deep", "too many digits"])
def test_a_value_without_a_repr_is_described_by_its_type(value: object) -> None:
    assert str(InvalidField("f", value, "less")) == f"f: expected less, got a value of type {type(value).__name__}"
