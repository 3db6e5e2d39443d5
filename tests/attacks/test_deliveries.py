"""Deliveries with documents that no client library writes: each is acknowledged, since no retry can help."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from google.events.cloud.firestore import Document, DocumentEventData
from hypothesis import given, settings
from hypothesis import strategies as st

from functions import wiring
from functions.event import event
from functions.interaction import interaction
from shared.entities import Event, Interaction, InteractionType
from shared.ports import Documents
from tests import deployment
from tests.deployment import Clock, delivered
from tests.examples import DAY, NOW, an_event
from tests.stores import documents

PLACE: Final = "projects/p/databases/(default)/documents"


def _nested(depth: int, *, of_lists: bool) -> dict[str, Any]:
    value: dict[str, Any] = {"string_value": "x"}
    for _ in range(depth):
        value = {"array_value": {"values": [value]}} if of_lists else {"map_value": {"fields": {"a": value}}}
    return value


BAD: Final[dict[str, dict[str, Any]]] = {
    "NaN": {"double_value": float("nan")},
    "infinite": {"double_value": float("inf")},
    "huge": {"double_value": -1e308},
    "largest": {"integer_value": 2**63 - 1},
    "smallest": {"integer_value": -(2**63)},
    "true": {"boolean_value": True},
    "null": {"null_value": 0},
    "empty text": {"string_value": ""},
    "long text": {"string_value": "x" * 100_000},
    "zero byte": {"string_value": "\0"},
    "bytes": {"bytes_value": b"\xff\0"},
    "reference": {"reference_value": f"{PLACE}/a/b"},
    "point": {"geo_point_value": {"latitude": float("nan"), "longitude": 1e9}},
    "empty list": {"array_value": {"values": []}},
    "long list": {"array_value": {"values": [{"string_value": "a"}] * 101}},
    "list of maps": {"array_value": {"values": [{"map_value": {"fields": {"a": {"integer_value": 1}}}}]}},
    "empty map": {"map_value": {"fields": {}}},
    "map of NaN": {"map_value": {"fields": {"lat": {"double_value": float("nan")}, "lng": {"integer_value": 1}}}},
    "year 1": {"timestamp_value": datetime(1, 1, 1, tzinfo=UTC)},
    "year 9999": {"timestamp_value": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)},
    "nothing": {},
    "deep maps": _nested(20, of_lists=False),
    "deep lists": _nested(20, of_lists=True),
}
"""Values of Firestore by what is wrong with them."""

FIELDS: Final = {
    "interactions": (
        *(name for name in Interaction.__dataclass_fields__ if name != "interaction_id"),
        *("counted", "expires_at", "unknown"),
    ),
    "events": (*(name for name in Event.__dataclass_fields__ if name != "event_id"), "unknown"),
}
"""Fields of a document: all that are read of it, and one that nobody knows."""
GOOD: Final[dict[str, dict[str, Any]]] = {
    "interactions": {
        "user_id": {"string_value": "u"},
        "type": {"string_value": "booking"},
        "event_id": {"string_value": "e"},
        "occurred_at": {"timestamp_value": NOW},
        "recorded_at": {"timestamp_value": NOW},
    },
    "events": {
        "title": {"string_value": "t"},
        "starts_at": {"timestamp_value": NOW + DAY},
        "status": {"string_value": "published"},
    },
}
TARGETS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "organizer_id": {"organizer_id": {"string_value": "o"}},
    "query": {"query": {"string_value": "Live Jazz"}},
    "category": {"category": {"string_value": "Music"}},
}
"""Targets of the types of interactions that are about no event."""


def _good(collection: str, kind: InteractionType | None) -> dict[str, dict[str, Any]]:
    """Fields of a document that is taken, of this type."""
    good = GOOD[collection]
    if kind is None:
        return good
    target = TARGETS.get(kind.meaning.target, {"event_id": {"string_value": "e"}})
    value = {"value": {"integer_value": 4}} if kind is InteractionType.RATING else {}
    return (
        {name: field for name, field in good.items() if name != "event_id"}
        | target
        | value
        | {"type": {"string_value": str(kind)}}
    )


TRIGGERS: Final = {"interactions": interaction, "events": event}
FLIPPED: Final = 400
"""Deliveries to each trigger with some bytes that are flipped."""
IDS: Final = ("", "..", "__x__", "x" * 1_500, "é" * 700, "a\0b", "a/b/c", " ", "~" + "x" * 40, "booking:1:u:e")
NO_MESSAGES: Final = (b"", b"\xff" * 100, b"\n", bytes(range(256)), b"\n\2\n\0", None, "text", {"a": 1}, 5, [b"a"])


@contextmanager
def _instance() -> Iterator[Documents]:
    """Services with a listed event and a warm snapshot."""
    store = documents()
    store.events.put([an_event("e", starts_at=NOW + DAY), an_event("f", starts_at=NOW + DAY)], now=NOW)
    with TemporaryDirectory() as folder, wiring.use(deployment.wire(store, Path(folder), Clock())):
        yield store
    store.close()


def _message(collection: str, key: str, fields: dict[str, Any], *, is_deleted: bool = False) -> bytes:
    document = Document(name=f"{PLACE}/{collection}/{key}", fields=fields)
    message = DocumentEventData(old_value=document) if is_deleted else DocumentEventData(value=document)
    return bytes(DocumentEventData.serialize(message))


def _lists_go_on() -> None:
    answer = deployment.client().get("/api/v1/recommendations?user_id=u")
    assert answer.status_code == 200
    assert answer.get_json()["items"]


def _key(kind: InteractionType | None) -> str:
    """Id of the good document of a type, as it follows from the contents."""
    if kind is None:
        return "k"
    fields = {name: next(iter(field.values())) for name, field in _good("interactions", kind).items()}
    return Interaction.from_document("unnamed", fields).expected_id()


QUICK: Final = (InteractionType.BOOKING, InteractionType.RATING, InteractionType.SEARCH)


@pytest.mark.parametrize(
    ("collection", "kind"),
    [
        ("events", None),
        *(
            pytest.param("interactions", kind, marks=() if kind in QUICK else pytest.mark.attacks)
            for kind in InteractionType
        ),
    ],
)
def test_no_value_of_a_field_makes_a_trigger_raise(collection: str, kind: InteractionType | None) -> None:
    good = _good(collection, kind)
    with _instance() as store:
        TRIGGERS[collection](delivered(_message(collection, _key(kind), good)))
        assert [*store.dead_letters.since(NOW - DAY)] == [], "the document is good before it is damaged"
        for field in FIELDS[collection]:
            for value in BAD.values():
                for key in dict.fromkeys((_key(kind), "k")):
                    TRIGGERS[collection](delivered(_message(collection, key, {**good, field: value})))
        _lists_go_on()


@pytest.mark.parametrize("collection", FIELDS)
@pytest.mark.parametrize("is_deleted", [False, True])
def test_no_id_and_no_message_makes_a_trigger_raise(collection: str, is_deleted: bool) -> None:  # noqa: FBT001  # a parameter
    with _instance():
        for key in IDS:
            for elsewhere in (collection, "users", "interactions/a/b", ""):
                TRIGGERS[collection](delivered(_message(elsewhere, key, GOOD[collection], is_deleted=is_deleted)))
        for raw in NO_MESSAGES:
            TRIGGERS[collection](delivered(raw))
        _lists_go_on()


def test_flipped_bytes_make_no_trigger_raise() -> None:
    rng = random.Random(5)
    with _instance():
        for _ in range(FLIPPED):
            for collection, trigger in TRIGGERS.items():
                damaged = bytearray(_message(collection, "k", GOOD[collection]))
                for _ in range(rng.randrange(1, 6)):
                    damaged[rng.randrange(len(damaged))] = rng.randrange(256)
                trigger(delivered(bytes(damaged)))
        _lists_go_on()


DRAWN: Final = 400
"""Examples of drawn documents, each of `IN_A_ROW` deliveries to an instance of its own: some 25 s."""
IN_A_ROW: Final = 5
values = st.recursive(
    st.sampled_from([*BAD.values()])
    | st.builds(lambda value: {"double_value": value}, st.floats())
    | st.builds(lambda value: {"integer_value": value}, st.integers(-(2**63), 2**63 - 1))
    | st.builds(lambda value: {"string_value": value}, st.text(st.characters(exclude_categories=["Cs"]), max_size=50)),
    lambda inner: (
        st.builds(lambda values: {"array_value": {"values": values}}, st.lists(inner, max_size=4))
        | st.builds(
            lambda fields: {"map_value": {"fields": fields}},
            st.dictionaries(st.sampled_from(["lat", "lng", "a", ""]), inner, max_size=3),
        )
    ),
    max_leaves=6,
)


@pytest.mark.attacks
@settings(max_examples=DRAWN)
@given(st.data())
def test_no_document_makes_a_trigger_raise(data: st.DataObject) -> None:
    with _instance():
        for _ in range(IN_A_ROW):
            collection = data.draw(st.sampled_from(sorted(FIELDS)))
            changes = data.draw(st.dictionaries(st.sampled_from(FIELDS[collection]), values, max_size=4))
            fields = GOOD[collection] | changes
            key = data.draw(st.sampled_from(["k", *IDS]))
            message = _message(collection, key, fields, is_deleted=data.draw(st.booleans()))
            TRIGGERS[collection](delivered(message))
        _lists_go_on()
