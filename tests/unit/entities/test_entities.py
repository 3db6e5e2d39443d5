"""Entities: parsing untrusted documents and writing them back."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.entities import Event, Interaction, InteractionType, Location, Origin, Status, User
from shared.entities.interaction import MAX_INTERACTION_ID_BYTES, owner_of
from shared.errors import InvalidField
from shared.services.ingest.upgrade import former_id
from tests.examples import DAY, NOW, an_event, an_interaction

EVENT = Event(
    event_id="event_1",
    title="Live Jazz",
    description="All night.",
    category="music",
    subcategory="jazz",
    tags=("live", "late"),
    organizer_id="organizer_1",
    venue_id="venue_1",
    city="Chicago",
    location=Location(41.9, -87.6),
    starts_at=NOW,
    ends_at=NOW + DAY,
    timezone="Europe/Paris",
    price=12.5,
    currency="USD",
    capacity=100,
    booked=99,
    status=Status.SOLD_OUT,
    image_url="https://example.org/jazz.jpg",
    created_at=NOW - DAY,
    updated_at=NOW,
)
USER = User(
    user_id="user_1",
    preferred_categories=("music", "art"),
    preferred_tags=("live",),
    max_price=30.0,
    city="Chicago",
    location=Location(41.9, -87.6),
    birth_year=1990,
    gender="x",
    friends=("user_2",),
    created_at=NOW,
    profiling=False,
    updated_at=NOW,
)
INTERACTION = Interaction(
    interaction_id="interaction_1",
    user_id="user_1",
    type=InteractionType.REVIEW,
    occurred_at=NOW,
    event_id="event_1",
    organizer_id="organizer_1",
    value=4.5,
    query="jazz",
    category="music",
    text="una noche\nmaravillosa",
    recorded_at=NOW,
    session_id="session_1",
    recommendation_id="recommendation_1",
    position=3,
    anonymous=True,
    origin=Origin.JOIN,
)
PAGE = Interaction(
    interaction_id="interaction_2",
    user_id="user_1",
    type=InteractionType.IMPRESSION,
    occurred_at=NOW,
    event_ids=("event_1", "event_2"),
    recommendation_id="recommendation_1",
)
Parse = Callable[[str, dict[str, Any]], Any]
PARSERS: dict[str, tuple[Parse, dict[str, Any]]] = {
    "event": (Event.from_document, EVENT.to_document()),
    "user": (User.from_document, USER.to_document()),
    "interaction": (Interaction.from_document, INTERACTION.to_document()),
}

json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**3), 10**3)
    | st.integers(10**300, 10**400)
    | st.floats()
    | st.text(st.characters())
    | st.datetimes(timezones=st.none() | st.timezones() | st.just(timezone(timedelta(hours=23, minutes=59))))
    | st.sampled_from(["2026-05-01T19:30:00Z", "rating", "search", "published", "user_1", "0001-01-01T00:00:00+20:00"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["lat", "lng", "x"]), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=5,
)


def _outcome(parse: Parse, document_id: str, document: dict[str, Any]) -> Any:
    """Parsed entity or `InvalidField` error; other exceptions are raised."""
    try:
        return parse(document_id, document)
    except InvalidField as refused:
        return refused


@pytest.mark.parametrize("entities", [(EVENT,), (USER,), (INTERACTION, PAGE)], ids=["event", "user", "interaction"])
def test_every_field_survives_a_round_trip(entities: tuple[Any, ...]) -> None:
    kind = type(entities[0])
    key, *_ = kind.__dataclass_fields__
    documents = [entity.to_document() for entity in entities]
    fields = set(kind.__dataclass_fields__) - {"mended", "dropped"}
    assert {key}.union(*documents) == fields, "the examples set every field"
    for entity, document in zip(entities, documents, strict=True):
        assert kind.from_document(getattr(entity, key), document) == entity


def test_documents_hold_json_values_and_datetimes_only() -> None:
    for entity in (EVENT, USER, INTERACTION):
        json.dumps(entity.to_document(), default=lambda time: {datetime: time.isoformat}[type(time)]())
    assert EVENT.to_document()["status"] == "sold_out"
    assert type(EVENT.to_document()["status"]) is str
    assert EVENT.to_document()["location"] == {"lat": 41.9, "lng": -87.6}


def test_unknown_values_are_left_out_and_read_back_as_unknown() -> None:
    assert Event(event_id="e").to_document() == {"status": "published"}
    assert User(user_id="u").to_document() == {}
    assert Event.from_document("e", {}) == Event(event_id="e")
    assert User.from_document("u", {}) == User(user_id="u")


def test_a_price_of_zero_is_known() -> None:
    assert Event.from_document("e", {"price": 0, "booked": 0}).to_document() == {
        "price": 0.0,
        "booked": 0,
        "status": "published",
    }


@pytest.mark.parametrize("kind", PARSERS)
@given(data=st.data())
def test_any_value_in_any_field_gives_an_entity_or_names_the_field(kind: str, data: st.DataObject) -> None:
    parse, document = PARSERS[kind]
    field = data.draw(st.sampled_from(sorted(document)))
    value = data.draw(json_like)
    outcome = _outcome(parse, "some_id", {**document, field: value})
    if isinstance(outcome, InvalidField):
        named = {field, "lat", "lng"} if field == "location" else {field}
        named |= {"ends_at"} if field == "starts_at" else set()
        # Another type makes another field the required one.
        named |= {"value", "query", "category"} if field == "type" else set()
        assert outcome.field in named
    else:
        assert type(outcome).from_document("some_id", outcome.to_document()) == outcome


@pytest.mark.parametrize("kind", PARSERS)
@given(document=st.dictionaries(st.sampled_from([*EVENT.to_document(), *INTERACTION.to_document(), "?"]), json_like))
def test_any_document_gives_an_entity_or_a_refusal(kind: str, document: dict[str, Any]) -> None:
    parse, _ = PARSERS[kind]
    outcome = _outcome(parse, "some_id", document)
    if isinstance(outcome, InvalidField):
        assert outcome.field in {*PARSERS[kind][1], "lat", "lng"}


@pytest.mark.parametrize("kind", PARSERS)
def test_an_invalid_document_id_is_refused_by_its_field_name(kind: str) -> None:
    parse, document = PARSERS[kind]
    with pytest.raises(InvalidField) as refused:
        parse("a/b", document)
    assert refused.value.field == f"{kind}_id"


def test_an_event_may_not_end_before_it_starts() -> None:
    with pytest.raises(InvalidField, match="ends_at: expected a time not before starts_at"):
        Event.from_document("e", {"starts_at": NOW, "ends_at": NOW - DAY})
    assert Event.from_document("e", {"starts_at": NOW, "ends_at": NOW}).ends_at == NOW


@pytest.mark.parametrize("status", ["Published", "deleted", 0, 1, False, [], {}])
def test_an_unknown_status_is_refused_so_that_nothing_is_published_by_mistake(status: object) -> None:
    with pytest.raises(InvalidField, match="status: expected one of published, cancelled, hidden, sold_out"):
        Event.from_document("e", {"status": status})


@pytest.mark.parametrize(
    ("fields", "is_on_sale"),
    [
        ({}, True),
        ({"capacity": 10}, True),
        ({"booked": 10}, True),
        ({"capacity": 10, "booked": 9}, True),
        ({"capacity": 10, "booked": 10}, False),
        ({"capacity": 0, "booked": 0}, False),
        ({"status": Status.CANCELLED}, False),
        ({"status": Status.HIDDEN}, False),
        ({"status": Status.SOLD_OUT}, False),
    ],
)
def test_an_event_is_on_sale_when_published_and_not_full(fields: dict[str, Any], is_on_sale: bool) -> None:  # noqa: FBT001  # a table's column
    assert an_event(**fields).is_on_sale() is is_on_sale


def test_an_event_is_over_by_its_end_else_by_the_latest_that_may_be_assumed() -> None:
    assert an_event(starts_at=NOW, ends_at=NOW + DAY).over_by() == NOW + DAY
    assert an_event(starts_at=NOW).over_by() == NOW + timedelta(hours=25)
    assert an_event(starts_at=None).over_by() is None


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("booking", "event_id"),
        ("impression", "event_id"),
        ("rating", "value"),
        ("follow", "organizer_id"),
        ("search", "query"),
        ("category_click", "category"),
    ],
)
def test_each_interaction_type_requires_its_own_field(kind: str, missing: str) -> None:
    document: dict[str, Any] = {"event_id": "e", "value": 3, "organizer_id": "o", "query": "q", "category": "c"}
    document |= {"user_id": "u", "type": kind, "occurred_at": NOW}
    Interaction.from_document("i", document)
    with pytest.raises(InvalidField) as refused:
        Interaction.from_document("i", document | {missing: ""})
    assert refused.value.field == missing


@pytest.mark.parametrize("kind", ["rating", "review"])
@pytest.mark.parametrize("stars", [0, 0.9, 5.1, 100])
def test_stars_are_1_to_5(stars: float, kind: str) -> None:
    sent = INTERACTION.to_document() | {"value": stars, "recorded_at": None}
    with pytest.raises(InvalidField, match=r"^value: expected a number in 1\.\.5"):
        Interaction.from_document("i", sent | {"type": kind})
    assert Interaction.from_document("i", sent | {"type": "booking"}).value == stars


def test_a_stored_review_of_an_earlier_version_stays_readable_without_its_number() -> None:
    stored = REVIEW | {"recorded_at": NOW, "value": 100, "text": "loud"}
    read = Interaction.from_document("i", stored)
    assert (read.value, read.text) == (None, "loud")
    assert Interaction.from_document("i", stored | {"value": 4}).value == 4
    with pytest.raises(InvalidField):
        Interaction.from_document("i", stored | {"type": "rating"})


REVIEW: dict[str, Any] = {"user_id": "u", "event_id": "e", "type": "review", "occurred_at": NOW}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "sin duda",
            "es war schön",
            "كانت ليلة رائعة",
            "非常精彩的演出",
            "🎉" * 2_000,
            "x" * 2_000,
            "<b>bold</b> & more",
        ),
        "two\nlines\r\nand\ta tab",
        "e\u0301\u200d\u202e",
    ],
)
def test_words_of_a_review_are_kept_as_written(text: str) -> None:
    review = Interaction.from_document("i", REVIEW | {"text": text})
    assert review.text == text
    assert review.value is None
    assert Interaction.from_document("i", review.to_document()) == review


@pytest.mark.parametrize("text", [None, "", " ", "\n\t "])
def test_a_review_without_words_has_none(text: str | None) -> None:
    assert Interaction.from_document("i", REVIEW | {"text": text, "value": 4}).text == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 2_001, "at most 2,000 characters of text"),
        ("語" * 2_001, "at most 2,000 characters of text"),
        *(
            (f"a{chr(code)}b", "text without control characters")
            for code in (0, 7, 8, 11, 12, 27, 31, 127, 128, 155, 159)
        ),
        ("\ud83c", "valid Unicode text"),
        (5, "a string"),
        (["a"], "a string"),
    ],
)
def test_other_words_of_a_review_are_refused(text: object, expected: str) -> None:
    with pytest.raises(InvalidField, match=f"^text: expected {expected}"):
        Interaction.from_document("i", REVIEW | {"text": text})


@pytest.mark.parametrize("kind", [kind for kind in InteractionType if kind is not InteractionType.REVIEW])
def test_only_reviews_have_words(kind: InteractionType) -> None:
    document = REVIEW | {
        "type": kind,
        "organizer_id": "o",
        "query": "q",
        "category": "c",
        "value": 3,
        "text": "private",
    }
    assert Interaction.from_document("i", document).text == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "booking", "event_id": "e"}, "booking:1:u:e"),
        ({"type": "cancel", "event_id": "e"}, "booking:1:u:e"),
        ({"type": "attend", "event_id": "e"}, "attend:1:u:e"),
        ({"type": "view", "event_id": "e"}, "view:1:u:20260501:e"),
        ({"type": "impression", "event_id": "e"}, "impression:1:u:20260501:e"),
        ({"type": "follow", "organizer_id": "o"}, "follow:1:u:o"),
        ({"type": "unfollow", "organizer_id": "o"}, "follow:1:u:o"),
        ({"type": "save", "event_id": "e", "organizer_id": "o"}, "save:1:u:e"),
        ({"type": "search", "query": "C++"}, f"search:1:u:20260501:{sha256(b'C++').hexdigest()}"),
        ({"type": "category_click", "category": "Food"}, f"category_click:1:u:20260501:{sha256(b'Food').hexdigest()}"),
        ({"type": "view", "event_id": "e", "occurred_at": "2026-05-01T23:30:00-02:00"}, "view:1:u:20260502:e"),
        ({"type": "booking", "event_id": "e", "user_id": "ö"}, "booking:2:ö:e"),
        ({"type": "impression", "event_ids": ["a"], "recommendation_id": "r"}, "page:1:u:20260501:0:r"),
        ({"type": "impression", "event_ids": ["a"], "recommendation_id": "r", "position": 7}, "page:1:u:20260501:7:r"),
    ],
)
def test_expected_ids_hold_user_target_type_and_day(fields: dict[str, Any], expected: str) -> None:
    document = {"user_id": "u", "occurred_at": datetime(2026, 5, 1, 23, 59, tzinfo=UTC)} | fields
    assert Interaction.from_document("unnamed", document).expected_id() == expected


@given(
    kind=st.sampled_from(InteractionType),
    user_id=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=32),
    words=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100),
)
def test_an_expected_id_is_a_valid_document_id(kind: InteractionType, user_id: str, words: str) -> None:
    document = {"user_id": user_id, "type": kind.value, "occurred_at": NOW, "value": 3, "query": words}
    document |= {"category": words[:40]}
    if kind not in {InteractionType.SEARCH, InteractionType.CATEGORY_CLICK}:
        document |= {"event_id": user_id, "organizer_id": user_id}
    interaction = _outcome(Interaction.from_document, "unnamed", document)
    assume(isinstance(interaction, Interaction))
    expected_id = interaction.expected_id()
    assert len(expected_id.encode()) <= MAX_INTERACTION_ID_BYTES
    assert Interaction.from_document(expected_id, interaction.to_document()).expected_id() == expected_id
    assert (
        ":20260501:" in expected_id.removeprefix(f"{kind.family}:{len(user_id.encode())}:{user_id}")
    ) == kind.meaning.repeats
    assert not replace(interaction, interaction_id=expected_id).has_former_id()
    assert replace(interaction, interaction_id=former_id(interaction)).has_former_id()


# A letter first, since Firestore reserves ids such as __x__.
texts = st.text("ab_:1e", max_size=5).map("a".__add__)


@given(st.lists(st.tuples(st.sampled_from(InteractionType), texts, texts), min_size=2, max_size=2, unique=True))
def test_no_two_users_and_targets_share_an_id(given: list[tuple[InteractionType, str, str]]) -> None:
    targets = ("event_id", "organizer_id", "query", "category")
    documents = [
        {"type": kind.value, "user_id": user, "occurred_at": NOW, "value": 3, **dict.fromkeys(targets, target)}
        for kind, user, target in given
    ]
    ids = {Interaction.from_document("unnamed", document).expected_id() for document in documents}
    assert len(ids) == len({(kind.family, user, target) for kind, user, target in given})


def test_a_time_after_the_store_s_is_that_of_the_store() -> None:
    ahead = INTERACTION.to_document() | {"occurred_at": NOW + timedelta(minutes=2), "recorded_at": NOW}
    assert Interaction.from_document("i", ahead).occurred_at == NOW


@given(
    user_id=st.text(min_size=1, max_size=20).filter(lambda text: "/" not in text), kind=st.sampled_from(InteractionType)
)
def test_the_id_of_an_interaction_tells_its_owner(user_id: str, kind: InteractionType) -> None:
    done = an_interaction(user_id, "e", kind, query="q", category="c", organizer_id="o")
    assert owner_of(done.interaction_id) == user_id


@given(st.text(max_size=30))
def test_other_ids_tell_no_owner_or_a_part_of_themselves(text: str) -> None:
    assert owner_of(text) in text


@pytest.mark.parametrize(
    "text", ["", "a", "a:b", "booking:", "booking:x:u:e", "booking:99:u:e", "booking:²:u:e", "b:-1:u:e"]
)
def test_ids_of_another_form_tell_no_owner(text: str) -> None:
    assert owner_of(text) == ""
