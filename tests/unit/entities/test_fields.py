"""Field parsers of untrusted documents."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from shared.entities import Location, fields
from shared.errors import InvalidField

ABSENT = [{}, {"f": None}, {"f": ""}]


@pytest.mark.parametrize("data", ABSENT)
def test_absent_none_and_empty_all_mean_unknown(data: dict[str, Any]) -> None:
    assert fields.identifier(data, "f", required=False) == ""
    assert fields.text(data, "f", max_bytes=5) == ""
    assert fields.texts(data, "f", max_items=5) == ()
    assert fields.number(data, "f", low=0, high=1) is None
    assert fields.integer(data, "f", low=0, high=1) is None
    assert fields.time(data, "f") is None
    assert fields.location(data, "f") is None


@pytest.mark.parametrize("data", ABSENT)
def test_required_fields_must_be_present(data: dict[str, Any]) -> None:
    for read in (fields.identifier, fields.required_time):
        with pytest.raises(InvalidField, match=r"^f: ") as refused:
            read(data, "f")
        assert refused.value.field == "f"


@pytest.mark.parametrize("value", ["a", "user_1", "a b", "ünï", "...", "__a", "a__", "___", "x" * 128, "é" * 64])
def test_ids_that_firestore_accepts_are_taken_unchanged(value: str) -> None:
    assert fields.identifier({"f": value}, "f") == value


@pytest.mark.parametrize(
    "value",
    [".", "..", "a/b", "__a__", "____", "a\n", "\x00", "\x7f", "x" * 129, "é" * 65, "\ud800", 1, True, ["a"], b"a"],
)
def test_ids_that_firestore_refuses_are_refused(value: object) -> None:
    with pytest.raises(InvalidField, match=r"^f: ") as refused:
        fields.identifier({"f": value}, "f")
    assert refused.value.field == "f"


def test_text_is_measured_in_bytes() -> None:
    assert fields.text({"f": "éé"}, "f", max_bytes=4) == "éé"
    with pytest.raises(InvalidField, match="f: expected at most 3 bytes"):
        fields.text({"f": "éé"}, "f", max_bytes=3)


@pytest.mark.parametrize("value", [0, False, [], {}, b"a", "\udfff"])
def test_text_is_valid_unicode_and_nothing_else(value: object) -> None:
    with pytest.raises(InvalidField, match=r"^f: "):
        fields.text({"f": value}, "f", max_bytes=10)


def test_texts_are_distinct_non_empty_and_in_order() -> None:
    assert fields.texts({"f": ["b", "", "a", None, "b"]}, "f", max_items=5) == ("b", "a")
    assert fields.texts({"f": ("a",)}, "f", max_items=1) == ("a",)


@pytest.mark.parametrize("value", ["a", {"a": 1}, 3, ["a", "b", "c"], ["a", 1], ["xxxx"], [["a"]]])
def test_invalid_lists_of_strings_are_refused(value: object) -> None:
    with pytest.raises(InvalidField, match=r"^f: "):
        fields.texts({"f": value}, "f", max_items=2, max_bytes=3)


@pytest.mark.parametrize(("value", "expected"), [(0, 0.0), (1, 1.0), (0.25, 0.25), (10, 10.0)])
def test_numbers_in_range_become_floats(value: float, expected: float) -> None:
    read = fields.number({"f": value}, "f", low=0, high=10)
    assert read == expected
    assert type(read) is float


@pytest.mark.parametrize(
    "value", [-1e-9, 10.01, float("nan"), float("inf"), -float("inf"), 10**400, -(10**400), "5", True, [5], 5j]
)
def test_invalid_numbers_are_refused(value: object) -> None:
    with pytest.raises(InvalidField, match=r"^f: expected a number in 0..10, got ") as refused:
        fields.number({"f": value}, "f", low=0, high=10)
    assert refused.value.field == "f"


def test_integers_are_whole() -> None:
    assert fields.integer({"f": 3.0}, "f", low=0, high=9) == 3
    with pytest.raises(InvalidField, match=r"^f: expected a whole number in 0\.\.9, got 3\.5$"):
        fields.integer({"f": 3.5}, "f", low=0, high=9)


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-01T19:30:00Z",
        "2026-05-01T21:30:00+02:00",
        "20260501T193000Z",
        datetime(2026, 5, 1, 21, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_times_come_out_in_utc(value: object) -> None:
    read = fields.time({"f": value}, "f")
    assert read == datetime(2026, 5, 1, 19, 30, tzinfo=UTC)
    assert read.tzinfo is UTC


def test_subclasses_of_datetime_become_plain() -> None:
    class Precise(datetime):
        nanosecond = 7

    read = fields.time({"f": Precise(2026, 5, 1, 19, 30, 0, 5, tzinfo=UTC)}, "f")
    assert type(read) is datetime
    assert read == datetime(2026, 5, 1, 19, 30, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "tomorrow",
        "2026-05-01",
        "2026-05-01T19:30:00",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-13-01T00:00:00Z",
        "\ud800",
        datetime(2026, 5, 1),  # noqa: DTZ001  # a naive time is the point
        1_777_000_000,
        True,
        {},
    ],
)
def test_invalid_times_are_refused(value: object) -> None:
    with pytest.raises(InvalidField, match=r"^f: expected an ISO 8601 time") as refused:
        fields.time({"f": value}, "f")
    assert refused.value.field == "f"


@pytest.mark.parametrize("value", [{"lat": 41.9, "lng": -87.6}, SimpleNamespace(latitude=41.9, longitude=-87.6)])
def test_locations_are_maps_or_geopoints(value: object) -> None:
    assert fields.location({"f": value}, "f") == Location(41.9, -87.6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("41.9,-87.6", "lat and lng"),
        ([41.9, -87.6], "lat and lng"),
        ({}, "lat and lng"),
        ({"lat": 1}, "lat and lng"),
        ({"lng": 1}, "lat and lng"),
        ({"lat": 90.1, "lng": 0}, "in -90..90 as lat"),
        ({"lat": 0, "lng": -180.1}, "in -180..180 as lng"),
        ({"lat": 0, "lng": "0"}, "in -180..180 as lng"),
    ],
)
def test_invalid_locations_are_refused(value: object, expected: str) -> None:
    with pytest.raises(InvalidField, match=f"^f: expected .*{expected}"):
        fields.location({"f": value}, "f")


def test_an_error_message_shortens_the_offending_value() -> None:
    with pytest.raises(InvalidField) as refused:
        fields.identifier({"f": "/" * 1_000_000}, "f")
    assert len(str(refused.value)) < 250
    assert "(1000002 characters)" in str(refused.value)
    assert str(refused.value) == f"f: {refused.value.reason}"


def test_ids_that_no_document_can_have_are_left_out_of_a_list() -> None:
    ids: list[object] = ["a", "a/b", "..", "a", "", None, 5, "é" * 65, "\ud800", "__x__", "b"]
    assert fields.identifiers({"f": ids}, "f", max_items=20) == ("a", "b")
    empties: list[object] = [None, "", [], [""]]
    for empty in empties:
        assert fields.identifiers({"f": empty}, "f", max_items=1) == ()


@pytest.mark.parametrize("value", [["a/b"], [".."], [5], ["é" * 65, ""], "a", {"a": 1}, ["a", "b", "c"]])
def test_a_list_without_a_usable_id_is_refused(value: object) -> None:
    with pytest.raises(InvalidField, match=r"^f: "):
        fields.identifiers({"f": value}, "f", max_items=2)
