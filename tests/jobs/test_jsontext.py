"""Edits of JSON texts: what they add, and that they take back exactly what they added."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.adoption import jsontext
from jobs.adoption.errors import AdoptionError

NAME = "firebase.json"
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab/*"\\,]}{[:é \n', max_size=5)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('abc/"', max_size=3), inner, max_size=3)
)
COMMENTS = st.sampled_from(["", " ", "\n", "\r\n\t", "\n  ", " // one, ]}\n", "/* two, \n ]} */", "\n  // three\n  "])


@st.composite
def texts(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> tuple[str, Any]:
    """JSON text with comments and spaces anywhere, and its value."""
    value = draw(values)
    return draw(COMMENTS) + _text(draw, value) + draw(COMMENTS), value


def _text(draw: st.DrawFn, value: Any) -> str:
    if isinstance(value, list):
        return f"[{_joined(draw, [_text(draw, item) for item in value])}]"
    if isinstance(value, dict):
        members = [
            f"{json.dumps(key)}{draw(COMMENTS)}:{draw(COMMENTS)}{_text(draw, item)}" for key, item in value.items()
        ]
        return f"{{{_joined(draw, members)}}}"
    return json.dumps(value)


def _joined(draw: st.DrawFn, parts: list[str]) -> str:
    return ",".join(f"{draw(COMMENTS)}{part}{draw(COMMENTS)}" for part in parts) or draw(COMMENTS)


@settings(deadline=None)
@given(texts(VALUES))
def test_comments_and_spaces_change_no_value(given: tuple[str, Any]) -> None:
    text, value = given
    assert jsontext.parse(text, NAME).value == value


@settings(deadline=None)
@given(texts(st.lists(VALUES, max_size=3)), VALUES, st.booleans())
def test_an_item_is_added_and_taken_back(given: tuple[str, list[Any]], item: Any, first: bool) -> None:  # noqa: FBT001
    text, value = given
    added = jsontext.with_item(text, NAME, (), item, first=first)
    assert jsontext.parse(added, NAME).value == ([item, *value] if first else [*value, item])
    back = jsontext.without(added, NAME, (0 if first else len(value),))
    assert jsontext.parse(back, NAME).value == value
    if value:
        assert back == text
    else:
        assert _comments(back) == _comments(text)


@settings(deadline=None)
@given(texts(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)), VALUES)
def test_a_member_is_added_and_taken_back(given: tuple[str, dict[str, Any]], item: Any) -> None:
    text, value = given
    added = jsontext.with_member(text, NAME, (), "new", item)
    assert jsontext.parse(added, NAME).value == value | {"new": item}
    back = jsontext.without(added, NAME, ("new",))
    assert jsontext.parse(back, NAME).value == value
    if value:
        assert back == text


@settings(deadline=None)
@given(texts(VALUES))
def test_a_value_becomes_an_array_and_is_one_again(given: tuple[str, Any]) -> None:
    text, value = given
    array = jsontext.as_array(text, NAME, ())
    assert jsontext.parse(array, NAME).value == [value]
    assert jsontext.as_only_item(array, NAME, ()) == text


@settings(deadline=None)
@given(texts(st.lists(VALUES, min_size=1, max_size=4)), st.data())
def test_removal_takes_one_item_and_no_other(given: tuple[str, list[Any]], data: st.DataObject) -> None:
    text, value = given
    index = data.draw(st.integers(0, len(value) - 1))
    left = jsontext.parse(jsontext.without(text, NAME, (index,)), NAME).value
    assert left == value[:index] + value[index + 1 :]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ('{"a": 1,}', 1),
        ('{\n"a" 1}', 2),
        ("[1 2]", 1),
        ("{} {}", 1),
        ('{"a": 1, "a": 2}', 1),
        ("[" * 60 + "]" * 60, 1),
        ("{\n\n'a': 1}", 3),
        ('{"a": /* 1}', 1),
    ],
)
def test_what_the_firebase_cli_cannot_read_is_refused(text: str, line: int) -> None:
    with pytest.raises(AdoptionError, match=rf"^firebase\.json: expected .* in line {line}, got "):
        jsontext.parse(text, NAME)


def _comments(text: str) -> str:
    return "".join(text.split())
