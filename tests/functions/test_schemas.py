import pytest

from functions.schemas import check, expected, parse
from shared.errors import InvalidField
from tests.examples import NOW

WHOLE = {"type": "integer", "minimum": 0, "maximum": 500}
NUMBER = {"type": "number", "minimum": -90, "maximum": 90}
COLOUR = {"type": "string", "enum": ["red", "blue"]}
TIME = {"type": "string", "format": "date-time", "x-expected": "a time"}
WORDS = {"type": "array", "maxItems": 2, "items": {"type": "string", "minLength": 1, "maxLength": 3}}
PLACE = {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [NUMBER, WHOLE]}
THING = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string", "maxLength": 5}, "flag": {"type": "boolean"}, "words": WORDS},
}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (WHOLE, "0", 0),
        (WHOLE, "500", 500),
        (NUMBER, "-90", -90),
        (NUMBER, "1.25", 1.25),
        (NUMBER, "1e1", 10.0),
        (COLOUR, "blue", "blue"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        (TIME, "2026-05-01T14:00:00+02:00", NOW),
        (TIME, "2026-05-01T12:00:00.000Z", NOW),
        (WORDS, "a,bc", ["a", "bc"]),
        (WORDS, "", []),
        (WORDS, r"a\,b,c", ["a,b", "c"]),
        (WORDS, r"\,,\a", [",", r"\a"]),
        (PLACE, "1.5,7", [1.5, 7]),
    ],
)
def test_a_valid_text_is_parsed(schema: dict[str, object], text: str, value: object) -> None:
    assert parse(schema, text, "x") == value


@pytest.mark.parametrize(
    ("schema", "text", "wanted"),
    [
        (WHOLE, "501", "a whole number in 0..500"),
        (WHOLE, "1.0", "a whole number in 0..500"),
        (WHOLE, "9" * 400, "a whole number in 0..500"),
        (NUMBER, "NaN", "a number in -90..90"),
        (NUMBER, "1e400", "a number in -90..90"),
        (NUMBER, "90.1", "a number in -90..90"),
        (NUMBER, "", "a number in -90..90"),
        (COLOUR, "green", "one of red, blue"),
        ({"type": "boolean"}, "yes", "true or false"),
        (TIME, "2026-05-01", "a time"),
        (TIME, "20260501T120000Z", "a time"),
        (TIME, "2026-02-30T12:00:00Z", "an ISO 8601 time"),
        (TIME, "1969-12-31T23:59:59Z", "an ISO 8601 time"),
        (WORDS, "a,b,c", "a list of 0 to 2 entries"),
        (WORDS, "a,", "text of 1 to 3 characters"),
        (PLACE, "1", "a list of 2 to 2 entries"),
        (PLACE, "1,2.5", "a whole number in 0..500"),
    ],
)
def test_an_invalid_text_is_refused_with_the_expected_value(schema: dict[str, object], text: str, wanted: str) -> None:
    with pytest.raises(InvalidField, match=r"^x: expected") as caught:
        parse(schema, text, "x")
    assert caught.value.expected.startswith(wanted)


def test_a_valid_body_is_returned_unchanged() -> None:
    body = {"name": "abcde", "flag": False, "words": ["a"]}
    assert check(THING, body, "body") == body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ("text", "body"),
        ({}, "name"),
        ({"name": "abcdef"}, "name"),
        ({"name": None}, "name"),
        ({"name": "a", "flag": 1}, "flag"),
        ({"name": "a", "words": "a"}, "words"),
        ({"name": "a", "words": ["a", 5]}, "words[1]"),
        ({"name": "a", "words": ["a", ""]}, "words[1]"),
        ({"name": "a", "other": 1}, "other"),
    ],
)
def test_an_invalid_body_is_refused_by_field(body: object, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check(THING, body, "body")
    assert caught.value.field == field


def test_an_integer_may_be_written_as_a_float() -> None:
    assert repr(check(WHOLE, 65.0, "x")) == "65"
    for value in (65.5, float("inf"), float("nan"), 1e300):
        with pytest.raises(InvalidField):
            check(WHOLE, value, "x")


def test_booleans_and_numbers_are_distinct() -> None:
    for schema, value in ((WHOLE, True), ({"type": "boolean"}, 1)):
        with pytest.raises(InvalidField):
            check(schema, value, "x")


def test_an_error_in_a_nested_field_names_its_path() -> None:
    outer = {"type": "object", "properties": {"thing": THING}}
    with pytest.raises(InvalidField, match=r"^thing\.flag: expected true or false, got 'no'"):
        check(outer, {"thing": {"name": "a", "flag": "no"}}, "body")


def test_x_expected_is_the_text_of_the_error() -> None:
    assert expected({"type": "string", "x-expected": "an id"}) == "an id"
