"""Lenient reading of documents: one odd value hides neither an event nor a profile."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.cloudevent import NamedDocument
from shared.entities import Event, Location, User, event, user
from shared.entities.odd import Treatment
from shared.errors import InvalidField
from tests.examples import DAY, NOW

EVENT: Mapping[str, Any] = {
    "title": "Live Jazz",
    "description": "All night.",
    "category": "music",
    "subcategory": "jazz",
    "tags": ["live", "late"],
    "organizer_id": "organizer_1",
    "venue_id": "venue_1",
    "city": "Chicago",
    "location": {"lat": 41.9, "lng": -87.6},
    "starts_at": NOW,
    "ends_at": NOW + DAY,
    "timezone": "Europe/Paris",
    "price": 12.5,
    "currency": "USD",
    "capacity": 100,
    "booked": 99,
    "status": "published",
    "image_url": "https://example.org/jazz.jpg",
    "created_at": NOW - DAY,
    "updated_at": NOW,
}
PROFILE: Mapping[str, Any] = {
    "preferred_categories": ["music", "art"],
    "preferred_tags": ["live"],
    "max_price": 30.0,
    "city": "Chicago",
    "location": {"lat": 41.9, "lng": -87.6},
    "birth_year": 1990,
    "gender": "x",
    "friends": ["user_2"],
    "created_at": NOW,
    "profiling": True,
    "updated_at": NOW,
}


@dataclass(frozen=True)
class Kind:
    """Kind of documents: its class, its fields and a whole document."""

    of: type[Event] | type[User]
    treatments: Mapping[str, Treatment]
    whole: Mapping[str, Any]


KINDS = {
    "event": Kind(Event, event.TREATMENTS, EVENT),
    "profile": Kind(User, user.TREATMENTS, PROFILE),
}
FIELDS = [(name, field) for name, kind in KINDS.items() for field in kind.whole]
HIDING = {"starts_at", "ends_at", "status"}

odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(10**300, 10**400)
    | st.floats()
    | st.text(st.characters())
    | st.text("x<&; ", min_size=1, max_size=5).map(lambda text: text * 30_000)
    | st.binary(max_size=5)
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.builds(SimpleNamespace, latitude=st.floats(), longitude=st.floats())
    | st.sampled_from(["organizers/o", "users/u/friends/ä"]).map(NamedDocument)
    | st.sampled_from(
        ["25", " 25 ", "-1", "1e3", "25,50", "1_0", "٢٥", "1990", "published", "Published", 1764331200000]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["lat", "lng", "x"]), inner, max_size=3)
        | inner.map(lambda item: [item, *map(str, range(1_500))])
    ),
    max_leaves=5,
)


def without(kind: Kind, field: str) -> Event | User:
    return kind.of.from_document("a", {name: value for name, value in kind.whole.items() if name != field})


def assert_read(kind: Kind, field: str, value: object) -> None:
    """Assert that a document with this value in a field is read as it should be."""
    document = {**kind.whole, field: value}
    try:
        expected: Event | User | None = kind.of.from_document("a", document)
    except InvalidField:
        expected = None
    if expected:
        found = kind.of.read("a", document)
        assert (found, found.mended, found.dropped) == (expected, (), ())
        return
    if kind.of is Event and field in HIDING:
        with pytest.raises(InvalidField):
            kind.of.read("a", document)
        return
    found = kind.of.read("a", document)
    assert sorted([*found.mended, *found.dropped]) == [field]
    rest: Any = without(kind, field)
    got = getattr(found, field)
    assert (got == getattr(rest, field)) == (field in found.dropped)
    assert replace(found, **{field: getattr(rest, field)}) == rest
    # What was mended is what a strict reader accepts.
    assert kind.of.from_document("a", found.to_document()) == found


@pytest.mark.parametrize("name", KINDS)
def test_every_field_has_a_treatment_in_the_order_of_the_entity(name: str) -> None:
    kind = KINDS[name]
    fields = [field for field in kind.of.__dataclass_fields__ if field not in ("mended", "dropped")]
    assert list(kind.treatments) == fields
    assert set(fields) == {fields[0], *kind.whole}
    expected = {"event": {"event_id", *HIDING}, "profile": {"user_id"}}[name]
    assert {field for field, treatment in kind.treatments.items() if treatment.hides} == expected


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[f"{name}-{field}" for name, field in FIELDS])
@settings(max_examples=30)
@given(value=odd)
def test_an_odd_value_costs_at_most_its_field(name: str, field: str, value: object) -> None:
    assert_read(KINDS[name], field, value)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=50)
@given(data=st.data())
def test_many_odd_values_cost_at_most_their_fields(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    values = data.draw(st.dictionaries(st.sampled_from(sorted({*kind.whole} - HIDING)), odd, max_size=6))
    found = kind.of.read("a", {**kind.whole, **values})
    alone = {field: kind.of.read("a", {**kind.whole, field: value}) for field, value in values.items()}
    assert {*found.mended} == {field for each in alone.values() for field in each.mended}
    assert {*found.dropped} == {field for each in alone.values() for field in each.dropped}
    for field in kind.whole:
        assert getattr(found, field) == getattr(alone.get(field, kind.of.from_document("a", kind.whole)), field)


PLACE = Location(41.9, -87.6)
EARLY = datetime(1, 1, 1, tzinfo=UTC)
LATE = datetime(2025, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "field", "value", "expected"),
    [
        ("event", "price", "25", 25.0),
        ("event", "price", " 25.50 ", 25.5),
        ("event", "capacity", "100", 100),
        ("event", "booked", "100.0", 100),
        ("event", "title", 1984, "1984"),
        ("event", "title", "<b>" + "ä" * 1_500 + "</b>", "ä" * 998 + "…"),
        ("event", "title", "half an emoji \ud83d", "half an emoji "),
        ("event", "description", "<p>" + "x" * 100_001, "x" * 99_997 + "…"),
        ("event", "category", 5, "5"),
        ("event", "tags", [1990, "<i>live</i>", None, {"a": 1}, "x" * 300, "live", b"raw"], ("1990", "live")),
        ("event", "tags", [f"tag {n}" for n in range(101)], tuple(f"tag {n}" for n in range(100))),
        ("event", "organizer_id", NamedDocument("organizers/jazz_club"), "jazz_club"),
        ("event", "organizer_id", 12, "12"),
        ("event", "venue_id", NamedDocument("cities/bern/venues/v"), "v"),
        ("event", "location", {"lat": "41.9", "lng": -87.6}, PLACE),
        ("event", "location", {"lat": "41.9", "lng": "-87.6", "name": "here"}, PLACE),
        ("event", "updated_at", 1764331200000, LATE),
        ("event", "updated_at", 1764331200000.0, LATE),
        ("event", "created_at", 1764331200, LATE),
        ("profile", "birth_year", "1990", 1990),
        ("profile", "max_price", "30", 30.0),
        ("profile", "friends", [f"u{n}" for n in range(1_500)], tuple(f"u{n}" for n in range(1_000))),
        ("profile", "friends", ["a", 5, NamedDocument("users/b"), "x" * 129, "c", "a"], ("a", "c")),
        ("profile", "preferred_tags", ["live", 80], ("live", "80")),
        ("profile", "city", 3011, "3011"),
        ("profile", "created_at", 1764331200000, LATE),
        ("profile", "profiling", "no", False),
        ("profile", "profiling", 1, False),
    ],
)
def test_a_value_that_means_one_thing_is_mended(name: str, field: str, value: object, expected: object) -> None:
    kind = KINDS[name]
    found = kind.of.read("a", {**kind.whole, field: value})
    assert getattr(found, field) == expected
    assert (found.mended, found.dropped) == ((field,), ())
    assert_read(kind, field, value)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *(("event", "price", value) for value in (-1, "-1", "25 €", "25,50", "1e3", "free", "٢٥", "9" * 20, True)),
        *(("event", "capacity", value) for value in (-1, 2.5, "many", 10**12, float("inf"), float("nan"))),
        *(("event", "tags", value) for value in ("jazz, live", {"jazz": True}, [None, True])),
        *(("event", "organizer_id", value) for value in ("a/b", NamedDocument("a/" + "x" * 129), ["a"], 1.5, True)),
        *(("event", "location", value) for value in ("41.9,-87.6", [41.9, -87.6], {"lat": 91, "lng": 0}, {"lat": "1"})),
        *(("event", "image_url", value) for value in ("https://x.org/" + "x" * 2_000, 5, {"url": "x"})),
        *(("event", "timezone", value) for value in ("CEST+1", "europe/paris", 2)),
        *(("event", "updated_at", value) for value in (5, -1, 10**18, float("nan"), "yesterday", EARLY)),
        ("event", "currency", "euros"),
        ("event", "category", "x" * 201),
        *(("profile", "birth_year", value) for value in ("ninety", 1879, 1990.5, {"year": 1990})),
        *(("profile", "friends", value) for value in ("bob", {"bob": True}, [NamedDocument("users/b")], [5])),
        *(("profile", "gender", value) for value in ("x" * 51, 1, ["f"])),
    ],
)  # fmt: skip
def test_a_value_that_means_nothing_is_dropped(name: str, field: str, value: object) -> None:
    kind = KINDS[name]
    found = kind.of.read("a", {**kind.whole, field: value})
    assert (found.mended, found.dropped) == ((), (field,))
    assert_read(kind, field, value)


@pytest.mark.parametrize("status", ["Published", "canceled", 1, True, ["published"], {"published": True}, b"published"])
@pytest.mark.parametrize("more", [{}, {"price": "25", "image_url": 5}])
def test_an_odd_status_hides_the_event(status: object, more: Mapping[str, object]) -> None:
    with pytest.raises(InvalidField, match=r"^status: "):
        Event.read("a", {**EVENT, **more, "status": status})


@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
@pytest.mark.parametrize(
    "moment", [1764331200000, "2026-05-01", "soon", {"seconds": 1}, NOW.replace(tzinfo=None), True]
)
def test_an_odd_time_hides_the_event(field: str, moment: object) -> None:
    with pytest.raises(InvalidField, match=f"^{field}: "):
        Event.read("a", {**EVENT, field: moment})


def test_an_end_before_the_start_hides_the_event() -> None:
    with pytest.raises(InvalidField, match=r"^ends_at: "):
        Event.read("a", {**EVENT, "price": "25", "ends_at": NOW - timedelta(seconds=1)})


@pytest.mark.parametrize("name", KINDS)
def test_an_id_that_no_document_may_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidField, match=r"^(event|user)_id: "):
        KINDS[name].of.read("x" * 129, KINDS[name].whole)


def test_an_event_that_cannot_be_read_is_told_from_one_that_lost_a_field() -> None:
    assert Event(event_id="a", dropped=("price", "starts_at")).unreadable_by() == "starts_at"
    assert Event(event_id="a", dropped=("document",)).unreadable_by() == "document"
    assert Event(event_id="a", dropped=("price",), mended=("title",)).unreadable_by() == ""
