"""Translation of an app's documents: names both ways, values of every type, and changes that leave the rest alone."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.cloudevent import NamedDocument
from shared.adapters.translation import EVENTS, USERS, Translation, nested
from shared.entities import Event, Location, Status, User
from shared.errors import InvalidField
from shared.schema import Schema
from tests.contract.app import APP
from tests.contract.examples import DAY, FULL_EVENT, FULL_USER, NOW

FLAGS: Final = Schema.parse("""
[events]
collection = "shows"
latitude = "lat"
longitude = "lng"
starts_at = "when.start"
status = { published = "isLive", cancelled = "flags.isOff", sold_out = "flags.isFull" }
[users]
collection = "members"
city = "address.city"
""")
SCHEMAS: Final = {"own": Schema(), "app": APP, "flags": FLAGS}
MOMENT: Final = datetime(2026, 7, 1, 18, 30, tzinfo=UTC)
PARIS: Final = ZoneInfo("Europe/Paris")

names = st.text("abcäöü ", max_size=8).map(str.strip)
times = st.none() | st.integers(0, 10**9).map(lambda seconds: NOW + timedelta(seconds=seconds))
places = st.none() | st.builds(Location, st.floats(-90, 90), st.floats(-180, 180))
events = st.builds(
    Event,
    event_id=st.just("a"),
    title=names,
    category=names,
    city=names,
    tags=st.lists(names.filter(bool), max_size=3, unique=True).map(tuple),
    organizer_id=names.filter(lambda name: "/" not in name),
    location=places,
    starts_at=times,
    timezone=st.sampled_from(["", "Europe/Paris"]),
    price=st.none() | st.floats(0, 100),
    capacity=st.none() | st.integers(0, 100),
    status=st.sampled_from([Status.PUBLISHED, Status.CANCELLED, Status.SOLD_OUT]),
)


def applied(before: Mapping[str, Any], changes: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Document after changes, as Firestore merges them."""
    document = deepcopy(dict(before))
    for (*above, last), value in changes.items():
        part = document
        for step in above:
            part = part.setdefault(step, {})
        part.pop(last, None)
        if value is not None:
            part[last] = value
    return document


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@given(event=events)
def test_what_is_written_by_an_app_s_names_reads_the_same(schema: Schema, event: Event) -> None:
    translation = Translation(schema)
    written = nested(translation.changes(EVENTS, None, event.to_document()))
    assert Event.read("a", translation.read(EVENTS, written)) == event


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@given(before=events, after=events)
def test_changes_bring_a_document_to_an_event_and_leave_other_fields(
    schema: Schema, before: Event, after: Event
) -> None:
    translation = Translation(schema)
    others = {"seo": {"slug": "x"}, "when": {"doors": NOW}, "flags": {"vip": True}, "place": {"zip": "1"}, "n": None}
    stored = applied(others, translation.changes(EVENTS, None, before.to_document()))
    changes = translation.changes(EVENTS, stored, after.to_document())
    brought = applied(stored, changes)
    assert Event.read("a", translation.read(EVENTS, brought)) == after
    assert translation.changes(EVENTS, brought, after.to_document()) == {}
    assert bool(changes) == (before != after)
    for name, value in others.items():
        kept = brought[name]
        assert kept == value if not isinstance(value, dict) else value.items() <= kept.items()


@pytest.mark.parametrize("schema", [Schema(), APP], ids=["own", "app"])
def test_every_field_has_a_name_of_the_app(schema: Schema) -> None:
    translation = Translation(schema)
    for kind, whole in ((EVENTS, FULL_EVENT), (USERS, FULL_USER)):
        written = nested(translation.changed(kind, {**whole.to_document(), "updated_at": NOW}))
        read = translation.read(kind, written)
        entity = Event.read(FULL_EVENT.event_id, read) if kind == EVENTS else User.read(FULL_USER.user_id, read)
        assert entity == replace(whole, updated_at=NOW)
        if schema is APP:
            assert not written.keys() & whole.to_document().keys()
            assert translation.read(kind, {**whole.to_document()}) in ({}, {"status": "hidden"})


SAME: Final[Mapping[str, object]] = {
    "timestamp": MOMENT,
    "seconds": int(MOMENT.timestamp()),
    "seconds with a part": MOMENT.timestamp(),
    "milliseconds": int(MOMENT.timestamp() * 1_000),
    "milliseconds with a part": MOMENT.timestamp() * 1_000,
    "text in UTC": "2026-07-01T18:30:00Z",
    "text with an offset": "2026-07-01T20:30:00+02:00",
    "text without an offset": "2026-07-01T20:30:00",
    "text of minutes": "2026-07-01 20:30",
}


@pytest.mark.parametrize("value", SAME.values(), ids=SAME)
@pytest.mark.parametrize("name", ["starts_at", "ends_at", "created_at", "updated_at"])
@pytest.mark.parametrize(("of_events", "of_deployment"), [("Europe/Paris", "Asia/Tokyo"), ("nowhere", "Europe/Paris")])
def test_a_time_is_read_whatever_its_type(value: object, name: str, of_events: str, of_deployment: str) -> None:
    translation = Translation(timezone=of_deployment)
    event = Event.read("a", translation.read(EVENTS, {name: value, "timezone": of_events}))
    assert getattr(event, name) == MOMENT
    assert event.mended == ()
    if name in ("created_at", "updated_at"):
        assert getattr(User.read("a", Translation(timezone="Europe/Paris").read(USERS, {name: value})), name) == MOMENT


def test_a_date_alone_is_the_first_moment_of_a_start_and_the_last_of_an_end() -> None:
    event = Event.read(
        "a", Translation(timezone="Europe/Paris").read(EVENTS, dict.fromkeys(("starts_at", "ends_at"), "2026-07-01"))
    )
    assert event.starts_at == datetime(2026, 7, 1, tzinfo=PARIS)
    assert event.ends_at == datetime(2026, 7, 2, tzinfo=PARIS)


@pytest.mark.parametrize(
    "value", ["2026-07-01T20:30:00", "9999-12-31", "0001-01-01", "soon", 25, True, -(10**9), 10**20, [MOMENT]]
)
def test_a_value_that_is_no_time_stays_and_hides_the_event_by_the_app_s_name(value: object) -> None:
    zone = "" if value == "2026-07-01T20:30:00" else "Europe/Paris"
    translation = Translation(FLAGS, zone)
    with pytest.raises(InvalidField, match=r"^starts_at \(when\.start\): expected an ISO 8601 time") as caught:
        Event.read("a", translation.read(EVENTS, {"when": {"start": value}, "isLive": True}))
    assert caught.value.field == "starts_at"
    assert "when.start" in caught.value.for_log()


class Point:
    """Point with the attributes of Firestore's GeoPoint."""

    latitude, longitude = 46.9, 7.4


@pytest.mark.parametrize(
    "place",
    [
        Point(),
        {"lat": 46.9, "lng": 7.4},
        {"lat": "46.9", "lon": "7.4"},
        {"latitude": 46.9, "longitude": 7.4},
        {"_latitude": 46.9, "_longitude": 7.4},
        {"geohash": "u0m", "lat": 46.9, "lng": 7.4},
    ],
)
def test_a_place_is_read_whatever_its_type(place: object) -> None:
    event = Event.read("a", Translation().read(EVENTS, {"location": place}))
    assert event.location == Location(46.9, 7.4)


def test_two_numbers_are_a_place() -> None:
    translation = Translation(FLAGS)
    event = Event.read("a", translation.read(EVENTS, {"lat": 46.9, "lng": 7.4}))
    assert event.location == Location(46.9, 7.4)
    half = Event.read("a", translation.read(EVENTS, {"lat": 46.9}))
    assert (half.location, half.dropped) == (None, ("location",))


def test_references_are_ids() -> None:
    ref = NamedDocument("promoters/jazz_club")
    data = {"organizer_id": ref, "venue_id": [ref, "other"], "category": ref, "tags": [ref, "live"], "city": ref}
    event = Event.read("a", Translation().read(EVENTS, data))
    assert (event.organizer_id, event.venue_id, event.category, event.city) == ("jazz_club",) * 4
    assert event.tags == ("jazz_club", "live")
    assert (event.mended, event.dropped) == ((), ())


def test_references_to_friends_are_ids_where_no_erasure_has_to_find_them() -> None:
    data = {"friends": [NamedDocument("members/bob")]}
    assert User.read("a", Translation(FLAGS).read(USERS, data)).friends == ("bob",)
    assert User.read("a", Translation().read(USERS, data)).dropped == ("friends",)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"isLive": True}, Status.PUBLISHED),
        ({"isLive": False}, Status.HIDDEN),
        ({}, Status.HIDDEN),
        ({"isLive": "true"}, Status.HIDDEN),
        ({"isLive": True, "flags": {"isOff": True}}, Status.CANCELLED),
        ({"isLive": True, "flags": {"isFull": True}}, Status.SOLD_OUT),
        ({"isLive": True, "status": "hidden", "flags": "none"}, Status.PUBLISHED),
    ],
)
def test_flags_are_a_status(data: Mapping[str, Any], status: Status) -> None:
    assert Event.read("a", Translation(FLAGS).read(EVENTS, data)).status is status


def test_values_are_a_status_and_one_without_a_term_cannot_be_written() -> None:
    translation = Translation(APP)
    read = [Event.read("a", translation.read(EVENTS, {"state": state})).status for state in ("on_sale", "off", "x", 1)]
    assert read == [Status.PUBLISHED, Status.CANCELLED, Status.HIDDEN, Status.HIDDEN]
    with pytest.raises(InvalidField, match=r"^status: expected one of published, cancelled, which"):
        Translation(Schema.parse('[events]\nstatus = { published = "a", cancelled = "b" }')).changed(
            EVENTS, {"status": "sold_out"}
        )


def test_a_value_that_is_written_in_another_way_is_no_change() -> None:
    moment = FULL_EVENT.starts_at
    assert moment
    whole = replace(FULL_EVENT, starts_at=moment.replace(microsecond=0), location=Location(46.9, 7.4))
    translation = Translation()
    stored = {
        **whole.to_document(),
        "starts_at": int(moment.timestamp()) * 1_000,
        "organizer_id": NamedDocument("organizers/org_1"),
        "location": Point(),
        "updated_at": NOW - DAY,
    }
    assert translation.changes(EVENTS, stored, whole.to_document()) == {}
    changed = replace(whole, price=13.0, capacity=None)
    assert translation.changes(EVENTS, stored, changed.to_document()) == {("price",): 13.0, ("capacity",): None}


@pytest.mark.parametrize(
    ("stored", "lat", "lng"),
    [
        ({"lat": 46.9, "lng": 7.4, "geohash": "u0m"}, "lat", "lng"),
        ({"lat": "46.9", "lng": "7.4", "name": "Hall"}, "lat", "lng"),
        ({"latitude": 46.9, "longitude": 7.4, "geohash": "u0m"}, "latitude", "longitude"),
        ({"_latitude": 46.9, "_longitude": 7.4}, "_latitude", "_longitude"),
    ],
)
def test_what_an_app_keeps_beside_a_place_stays(stored: dict[str, Any], lat: str, lng: str) -> None:
    translation, document = Translation(), {"title": "Jazz", "location": stored}
    same = Event(event_id="a", title="Jazz", location=Location(46.9, 7.4))
    published = {("status",): "published"}
    assert translation.changes(EVENTS, document, same.to_document()) == published
    moved = replace(same, location=Location(1.0, 2.0))
    changes = translation.changes(EVENTS, document, moved.to_document())
    assert changes == {("location", lat): 1.0, ("location", lng): 2.0} | published
    assert Event.read("a", translation.read(EVENTS, applied(document, changes))) == moved
    nowhere = applied(document, translation.changes(EVENTS, document, replace(same, location=None).to_document()))
    assert nowhere.get("location", {}) == {name: value for name, value in stored.items() if name not in (lat, lng)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("location", "Hall 5"),
        ("description", {"en": "hello"}),
        ("capacity", {"seats": 100}),
        ("tags", {"jazz": True}),
        ("price", [5, 10]),
        ("city", 5.5),
        ("image_url", ["a", "b"]),
        ("created_at", "yesterday"),
    ],
)
def test_a_field_with_another_meaning_stays_unless_a_value_takes_its_place(name: str, value: object) -> None:
    translation, document = Translation(), {"title": "Jazz", "status": "published", name: value}
    bare = Event(event_id="a", title="Jazz")
    assert translation.changes(EVENTS, document, bare.to_document()) == {}
    given = getattr(FULL_EVENT, name)
    changes = translation.changes(EVENTS, document, replace(bare, **{name: given}).to_document())
    brought = Event.read("a", translation.read(EVENTS, applied(document, changes)))
    assert getattr(brought, name) == given


@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_a_value_that_hides_an_event_goes(field: str) -> None:
    document = {"title": "Jazz", "status": "published", field: "soon"}
    changes = Translation().changes(EVENTS, document, Event(event_id="a", title="Jazz").to_document())
    assert changes == {(field,): None}


@pytest.mark.parametrize("place", ["Bern", ["Bern"], 5, Point(), NamedDocument("places/bern")])
def test_a_map_takes_the_place_of_nothing_of_the_app_s(place: object) -> None:
    translation = Translation(Schema.parse('[events]\ncity = "place.town"'))
    document = {"title": "Jazz", "status": "published", "place": place}
    bare = Event(event_id="a", title="Jazz")
    assert translation.changes(EVENTS, document, bare.to_document()) == {}
    with pytest.raises(InvalidField, match=r"^city \(place\.town\): expected a map at place, or nothing, got "):
        translation.changes(EVENTS, document, replace(bare, city="Bern").to_document())
    empty: list[dict[str, Any]] = [{"place": None}, {"place": {}}]
    for nothing in empty:
        changes = translation.changes(
            EVENTS, {**document, "place": None, **nothing}, replace(bare, city="A").to_document()
        )
        assert changes == {("place", "town"): "A"}


def test_the_example_of_the_documentation_is_read_as_it_says() -> None:
    page = (Path(__file__).parents[3] / "docs/data.md").read_text(encoding="utf-8")
    lines = re.search(r"```toml\n(\[firestore\].*?)```", page, re.DOTALL)
    times = re.search(r"start: (\d+), end: (\d+)", page)
    assert lines
    assert times
    translation = Translation(Schema.parse(lines[1]))
    show = {
        "name": "Jazz in the park",
        "when": {"start": int(times[1]), "end": int(times[2])},
        "place": {"town": "Bern", "spot": Point()},
        "promoter": NamedDocument("promoters/jazz_club"),
        "isLive": True,
        "slug": "jazz-in-the-park",
    }
    assert Event.read("8f3k", translation.read(translation.kind("shows"), show)) == Event(
        event_id="8f3k",
        title="Jazz in the park",
        starts_at=datetime(2026, 7, 1, 18, 30, tzinfo=UTC),
        ends_at=datetime(2026, 7, 1, 20, 30, tzinfo=UTC),
        city="Bern",
        location=Location(46.9, 7.4),
        organizer_id="jazz_club",
    )


def test_collections_have_the_app_s_names_and_marquee_s_own_the_prefix() -> None:
    translation = Translation(APP)
    pairs = {"events": "shows", "users": "tastes", "interactions": "deeds", "histories": "marquee_histories"}
    for kind, name in pairs.items():
        assert translation.collection(kind) == name
        assert translation.kind(name) == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ('[users]\ncollection = "users"', True),
        ('[events]\ncollection = "shows"', True),
        ('[interests]\ncollection = "tastes"', True),
        ('[functions]\nprefix = "marquee"\n[interests]', True),
        ('[users]\ncollection = "members"', False),
        ('[users]\ncity = "town"', False),
        ('[functions]\nprefix = "marquee"\n[users]\ncollection = "users"', False),
        ('[functions]\nprefix = "marquee"', False),
        ('[firestore]\nprefix = "marquee_"\n[users]', False),
    ],
)
def test_users_beside_an_app_are_the_app_s_whatever_their_collection_is_called(text: str, *, expected: bool) -> None:
    assert Translation(Schema.parse(text)).owns_profiles is expected


def test_a_document_of_marquee_s_own_fields_is_not_copied() -> None:
    document = {**FULL_EVENT.to_document(), "more": 1, "updated_at": NOW + timedelta(hours=1)}
    assert Translation().read(EVENTS, document) is document
