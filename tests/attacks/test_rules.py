"""Attacks on the security rules: tokens, reads, queries and smuggled writes that must not get through.

The contract of the rules, what apps may write and read, is in `tests/contract/test_security_rules.py`.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.missing import skipped_when_missing
from tests.rest import Rest, encoded, key_of, unsigned_token
from tools.emulators.firestore import firestore_emulator
from tools.emulators.programs import ROOT

pytestmark = pytest.mark.emulator

DENIED = 403
BOBS: dict[str, str] = {
    "users": "bob",
    "histories": "bob",
    "interactions": "booking:3:bob:e",
    "events": "hidden",
    "event_counts": "e",
    "event_changes": "e",
    "rules": "current",
    "experiments": "e",
    "dead_letters": "d",
    "forgotten": "f",
    "bookmarks": "reconciled",
    "counted": "c",
    "processed": "p",
    "models": "m",
    "runs": "r",
    "anything_else": "x",
}
"""A document of every collection that Alice may not read."""


@dataclass(frozen=True)
class Attacked:
    """Project with documents of Bob, of the functions and of Alice's own, and those who attack it."""

    host: str
    project: str

    def user(self, user_id: str, **claims: Any) -> Rest:
        """Client with the token of a user, "" for nobody."""
        return Rest(self.host, self.project, unsigned_token(self.project, user_id, **claims) if user_id else "")

    @property
    def owner(self) -> Rest:
        """Client that bypasses the rules, as the functions do."""
        return Rest(self.host, self.project, "owner")


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with skipped_when_missing(), firestore_emulator(ROOT / "firestore.rules") as host:
        yield host


@pytest.fixture(scope="module")
def attacked(host: str) -> Attacked:
    project = Attacked(host, f"attacked-{uuid.uuid4().hex[:12]}")
    now = datetime.now(UTC)
    fields: dict[str, dict[str, Any]] = {
        "users": {"city": "Bern", "friends": ["alice"]},
        "interactions": {"user_id": "bob", **BOOKING, "occurred_at": now, "recorded_at": now},
        "events": {"title": "Secret", "status": "hidden"},
    }
    for collection, key in BOBS.items():
        assert project.owner.create(collection, key, fields.get(collection, {"at": now})).status_code == 200
    others: dict[str, dict[str, Any]] = {"without": {}, "null": {"status": None}, "number": {"status": 5}}
    for key, event in others.items():
        assert project.owner.create("events", key, {"title": key, **event}).status_code == 200
    return project


@pytest.fixture
def alice(attacked: Attacked) -> Iterator[Rest]:
    yield attacked.user("alice")
    day = f"{datetime.now(UTC) - timedelta(seconds=1):%Y%m%d}"
    for key in ("booking:5:alice:e", "rating:5:alice:e", f"page:5:alice:{day}:0:list"):
        attacked.owner.delete("interactions", key)
    attacked.owner.delete("users", "alice")


BOOKING: dict[str, Any] = {"type": "booking", "event_id": "e"}
RATING: dict[str, Any] = {"type": "rating", "event_id": "e", "value": 4}
MAPPED: Any = {"mapValue": {"fields": {"a": {"stringValue": "x"}}}}


def entry(**fields: Any) -> dict[str, Any]:
    """Fields of a booking of Alice a second ago, with these changed."""
    return {"user_id": "alice", **BOOKING, "occurred_at": datetime.now(UTC) - timedelta(seconds=1), **fields}


def write(rest: Rest, collection: str, key: str, fields: dict[str, Any], *stamps: str, **how: Any) -> dict[str, Any]:
    """Write of a document; values that are already in Firestore's encoding stay as they are."""
    values = {name: value if _is_encoded(value) else encoded(value) for name, value in fields.items()}
    transforms = [{"fieldPath": stamp, "setToServerValue": "REQUEST_TIME"} for stamp in stamps]
    return {
        "update": {"name": rest.name(collection, key), "fields": values},
        **({"updateTransforms": transforms} if transforms else {}),
        **how,
    }


def _is_encoded(value: object) -> bool:
    return isinstance(value, dict) and any(name.endswith("Value") for name in value)


def create(rest: Rest, fields: dict[str, Any], key: str = "", *stamps: str) -> requests.Response:
    """Create an interaction under this key, by default the one of the booking of "e"."""
    key = key or "booking:5:alice:e"
    new = {"currentDocument": {"exists": False}}
    return rest.commit(write(rest, "interactions", key, fields, *(stamps or ("recorded_at",)), **new))


@pytest.mark.parametrize("claim", ["true", "True", 1, 1.0, [True], {"admin": True}, None], ids=repr)
def test_only_the_truth_value_makes_an_admin(attacked: Attacked, claim: object) -> None:
    rest = attacked.user("mallory", admin=claim)
    assert rest.create("events", "mine", {"title": "t", "status": "published"}).status_code == DENIED
    assert rest.get("rules", "current").status_code == DENIED
    assert rest.query("events").status_code == DENIED
    assert rest.get("dead_letters", "d").status_code == DENIED


@pytest.mark.parametrize("claims", [{}, {"organizer": "jazz"}, {"iss": "https://accounts.google.com"}], ids=repr)
def test_a_token_of_another_project_opens_nothing_of_others(attacked: Attacked, claims: dict[str, Any]) -> None:
    """Firestore refuses such a token, as the API does; the emulator checks none, so that the rules alone decide."""
    rest = Rest(attacked.host, attacked.project, unsigned_token("another-project", "alice", **claims))
    for collection, key in BOBS.items():
        assert rest.get(collection, key).status_code == DENIED
        assert rest.create(collection, "mine", {"status": "published"}).status_code == DENIED


@pytest.mark.parametrize("user_id", ["alice", ""])
@pytest.mark.parametrize("collection", BOBS)
def test_nobody_reads_what_is_not_theirs_by_get_list_query_group_or_count(
    attacked: Attacked, collection: str, user_id: str
) -> None:
    rest, name = attacked.user(user_id), BOBS[collection]
    assert rest.get(collection, name).status_code == DENIED
    assert rest.list(collection).status_code == DENIED
    for group in (False, True):
        assert rest.query(collection, group=group).status_code == DENIED
    assert rest.query(collection, ("at", "GREATER_THAN", datetime(2000, 1, 1, tzinfo=UTC))).status_code == DENIED
    query = {"from": [{"collectionId": collection}]}
    count = {"structuredQuery": query, "aggregations": [{"alias": "n", "count": {}}]}
    assert rest.post("runAggregationQuery", {"structuredAggregationQuery": count}).status_code == DENIED
    names = [rest.name("users", "alice"), rest.name(collection, name)]
    assert rest.post("batchGet", {"documents": names}).status_code == DENIED
    assert rest.post("listCollectionIds", {}).status_code in {400, 403, 404, 501}


def test_queries_of_interactions_are_for_one_s_own(alice: Rest) -> None:
    assert alice.query("interactions", ("user_id", "EQUAL", "alice")).status_code == 200
    queries: list[tuple[str, str, Any]] = [
        ("user_id", "EQUAL", "bob"),
        ("user_id", "IN", ["alice", "bob"]),
        ("user_id", "GREATER_THAN_OR_EQUAL", "alice"),
        ("user_id", "NOT_EQUAL", "bob"),
        ("event_id", "EQUAL", "e"),
    ]
    for query in queries:
        assert alice.query("interactions", query).status_code == DENIED, query
    assert alice.query("interactions", ("user_id", "EQUAL", "alice"), group=True).status_code == DENIED
    assert alice.query("users", ("friends", "ARRAY_CONTAINS", "alice")).status_code == DENIED


def test_events_are_read_where_they_are_published(attacked: Attacked) -> None:
    visitor = attacked.user("")
    statuses = {key: visitor.get("events", key).status_code for key in ("without", "null", "number", "hidden", "none")}
    assert statuses == {"without": 200, "null": 200, "number": 403, "hidden": 403, "none": 403}
    assert visitor.query("events", ("status", "EQUAL", "published")).status_code == 200
    assert visitor.query("events", ("status", "EQUAL", "published"), group=True).status_code == DENIED
    queries: list[tuple[str, str, Any]] = [
        *(
            ("status", operator, "published")
            for operator in ("GREATER_THAN_OR_EQUAL", "LESS_THAN_OR_EQUAL", "NOT_EQUAL")
        ),
        *(("status", "IN", ["published", other]) for other in ("hidden", "cancelled", "draft")),
        *(("status", "EQUAL", other) for other in ("hidden", "cancelled", "Published", "", None, 5)),
        *(("title", "EQUAL", "Secret"), ("organizer_id", "EQUAL", "jazz")),
    ]
    for query in queries:
        assert visitor.query("events", query).status_code == DENIED, query


SMUGGLED: list[tuple[str, dict[str, Any]]] = [
    ("a list of users", {"user_id": ["alice"]}),
    ("a map for a user", {"user_id": MAPPED}),
    ("no user", {"user_id": None}),
    ("another letter case", {"user_id": "Alice"}),
    ("another user under one's own id", {"user_id": "bob"}),
    ("a mark of counting", {"counted": False}),
    ("an id in the document", {"interaction_id": "x"}),
    ("a key with a dot", {"a.b": 1}),
    ("a quoted key", {"`counted`": True}),
    ("a reserved-looking key", {"__name": 1}),
    ("nothing but an organizer", {"event_id": None, "organizer_id": "o"}),
    ("a reference", {"event_id": {"referenceValue": "projects/p/databases/(default)/documents/events/e"}}),
    ("bytes", {"event_id": {"bytesValue": "ZQ=="}}),
    ("a list of events", {"event_id": ["e"]}),
    ("a place for an event", {"event_id": {"geoPointValue": {"latitude": 1, "longitude": 1}}}),
    ("a time in words", {"occurred_at": "2026-01-01T00:00:00Z"}),
    ("a time as a number", {"occurred_at": 5}),
    ("half a megabyte of query", {"query": "x" * 500_000}),
    ("nearly a megabyte of query", {"query": "x" * 900_000}),
    ("a query of more bytes than letters", {"query": "é" * 251}),
    ("a query that is empty", {"query": ""}),
    ("an organizer that is a list", {"organizer_id": ["o"]}),
    ("a session that is a map", {"session_id": MAPPED}),
    ("a list that is bytes", {"recommendation_id": {"bytesValue": "ZQ=="}}),
    ("a place in words", {"position": "1"}),
    ("a mark of an anonymous account", {"anonymous": True}),
    ("an origin", {"origin": "load"}),
    ("a list of queries", {"query": ["x"]}),
    ("a map for a category", {"category": MAPPED}),
    ("a map for a type", {"type": MAPPED}),
    ("a list of types", {"type": ["booking"]}),
    ("a type in capitals", {"type": "BOOKING"}),
    ("a type with a space", {"type": "booking "}),
    ("a value for a booking", {"value": 1000}),
]


@pytest.mark.parametrize("fields", [fields for _, fields in SMUGGLED], ids=[why for why, _ in SMUGGLED])
def test_smuggled_fields_and_types_are_denied(alice: Rest, fields: dict[str, Any]) -> None:
    assert create(alice, entry(**fields)).status_code == DENIED


@pytest.mark.parametrize(
    "event_id", ["x" * 129, "x" * 9_000, MAPPED, 5, None, "a\nb"], ids=lambda value: repr(value)[:20]
)
def test_pages_hold_texts_of_the_size_of_ids(alice: Rest, event_id: Any) -> None:
    listed = {"arrayValue": {"values": [event_id if _is_encoded(event_id) else encoded(event_id)] * 100}}
    page = entry(type="impression", recommendation_id="list", event_ids=listed)
    del page["event_id"]
    key = key_of({**page, "event_ids": ("x",)})
    assert create(alice, page, key).status_code == DENIED
    assert create(alice, page | {"event_ids": ["x" * 128] * 100}, key).status_code == 200


def test_times_far_from_the_server_s_are_denied(alice: Rest) -> None:
    now = datetime.now(UTC)
    for occurred_at in (
        now + timedelta(seconds=140),
        now + timedelta(minutes=4),
        now - timedelta(hours=24, seconds=5),
        now - timedelta(days=900),
    ):
        assert create(alice, entry(occurred_at=occurred_at)).status_code == DENIED
    new: dict[str, Any] = {"currentDocument": {"exists": False}}
    for recorded_at in (now + timedelta(days=365), datetime.now(UTC), None):
        own = write(alice, "interactions", "booking:5:alice:e", entry(recorded_at=recorded_at), **new)
        assert alice.commit(own).status_code == DENIED


NUMBERS: list[Any] = [
    *({"doubleValue": value} for value in ("NaN", "Infinity", "-Infinity")),
    *(-0.0, 0.999, 5.0000001, True, None, "5", [5], {"integerValue": "9223372036854775807"}),
]


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_numbers_out_of_range_are_denied(alice: Rest, value: object) -> None:
    rating = entry(**RATING | {"value": value})
    assert create(alice, rating, "rating:5:alice:e").status_code == DENIED
    if value not in (5, True):
        day = f"{datetime.now(UTC) - timedelta(seconds=1):%Y%m%d}"
        view = entry(type="view", position={"doubleValue": 0.5} if value == 0 else value)
        assert create(alice, view, f"view:5:alice:{day}:e").status_code == DENIED


@pytest.mark.parametrize(
    "transform",
    [
        {"fieldPath": "value", "increment": {"integerValue": "1000"}},
        {"fieldPath": "counted", "increment": {"integerValue": "1"}},
        {"fieldPath": "event_ids", "appendMissingElements": {"values": [{"stringValue": "e"}]}},
        {"fieldPath": "user_id", "maximum": {"integerValue": "5"}},
        {"fieldPath": "expires_at", "setToServerValue": "REQUEST_TIME"},
    ],
    ids=lambda transform: str(transform["fieldPath"]),
)
def test_transforms_are_judged_by_their_result(alice: Rest, transform: dict[str, Any]) -> None:
    sent = write(alice, "interactions", "rating:5:alice:e", entry(**RATING), "recorded_at")
    sent["updateTransforms"].append(transform)
    assert alice.commit(sent).status_code == DENIED


@pytest.mark.parametrize(
    ("event_id", "key"),
    [
        ("é", "booking:5:alice:e\u0301"),
        ("a\x7fb", "booking:5:alice:a\x7fb"),
        ("b/c", "booking:5:alice:b%2Fc"),
        ("e", "save:5:alice:e"),
        ("e", "booking:3:bob:e2"),
        ("e", "booking:05:alice:e"),
        ("e", "booking:5:alice:e:"),
        ("e", " booking:5:alice:e"),
        ("e", "BOOKING:5:alice:e"),
        (".", "booking:5:alice:."),
        ("..", "booking:5:alice:.."),
        ("__x__", "booking:5:alice:__x__"),
        ("", "booking:5:alice:"),
    ],
)
def test_ids_that_imitate_others_are_denied(alice: Rest, event_id: str, key: str) -> None:
    assert create(alice, entry(event_id=event_id), key).status_code == DENIED


@pytest.mark.parametrize("kind", ["BOOKING", "booking ", "Booking", "purchase", "page", "", "booking\n"])
def test_types_that_are_none_are_denied_under_ids_that_fit_them(alice: Rest, kind: str) -> None:
    assert create(alice, entry(type=kind), f"{kind or 'x'}:5:alice:e").status_code == DENIED


def test_a_search_for_signs_has_an_id_of_its_own_and_names_no_organizer(alice: Rest) -> None:
    search = entry(type="search", query="!!!")
    del search["event_id"]
    assert create(alice, search | {"organizer_id": "x"}, key_of(search)).status_code == DENIED
    assert create(alice, search, key_of(search)).status_code == 200


def test_the_server_may_stamp_when_something_occurred_too(attacked: Attacked, alice: Rest) -> None:
    now = entry(event_id="now")
    del now["occurred_at"]
    assert create(alice, now, "booking:5:alice:now", "recorded_at", "occurred_at").status_code == 200
    assert create(alice, entry(), "", "occurred_at").status_code == DENIED


def test_one_user_s_id_cannot_be_made_to_look_like_another_s(attacked: Attacked) -> None:
    for user_id, event_id in (("a:b", "c"), ("a", "b:c")):
        rest, fields = attacked.user(user_id), entry(user_id=user_id, event_id=event_id)
        assert create(rest, fields, f"booking:{len(user_id)}:{user_id}:{event_id}").status_code == 200
    assert create(attacked.user("a"), entry(user_id="a", event_id="b:c"), "booking:3:a:b:c").status_code == DENIED


def test_what_is_stored_is_neither_replaced_deleted_nor_deepened(attacked: Attacked, alice: Rest) -> None:
    key, name = "booking:5:alice:e", alice.name("interactions", "booking:5:alice:e")
    first = entry()
    assert create(alice, first, key).status_code == 200
    again = write(alice, "interactions", key, first, "recorded_at")
    stamp = {"document": name, "fieldTransforms": [{"fieldPath": "recorded_at", "setToServerValue": "REQUEST_TIME"}]}
    twice = [write(alice, "interactions", "booking:5:alice:f", entry(event_id="f"), "recorded_at")] * 2
    for writes in ([again, *twice], [again], [{"delete": name}], [{"transform": stamp}], [{"delete": name}, again]):
        assert alice.commit(*writes).status_code == DENIED, writes
    assert alice.delete("interactions", key).status_code == DENIED
    for path in (f"interactions/{key}/more", "users/alice/history", "events/without/more"):
        assert alice.create(path, "x", {"a": 1}).status_code == DENIED
        assert attacked.user("root", admin=True).create(path, "x", {"a": 1}).status_code == DENIED


def test_a_commit_with_one_bad_write_stores_nothing(attacked: Attacked, alice: Rest) -> None:
    new: dict[str, Any] = {"currentDocument": {"exists": False}}
    good = write(alice, "interactions", "booking:5:alice:g", entry(event_id="g"), "recorded_at", **new)
    bad = entry(event_id="g", user_id="bob")
    of_bob = write(alice, "interactions", "booking:3:bob:g", bad, "recorded_at", **new)
    assert alice.commit(good, of_bob).status_code == DENIED
    alice.post("batchWrite", {"writes": [of_bob]})
    for key in ("booking:5:alice:g", "booking:3:bob:g"):
        assert attacked.owner.get("interactions", key).status_code == 404
    fields = {field: value if _is_encoded(value) else encoded(value) for field, value in entry().items()}
    url = f"http://{alice.host}/v1/{alice.database}/documents/interactions"
    bearer = {"Authorization": f"Bearer {alice.token}"}
    assert requests.post(url, json={"fields": fields}, headers=bearer, timeout=30).status_code == DENIED


def test_profiles_of_others_extra_fields_and_forged_stamps_are_denied(attacked: Attacked, alice: Rest) -> None:
    def put(fields: dict[str, Any], key: str = "alice", *, rest: Rest = alice, mask: list[str] | None = None) -> int:
        how = {"updateMask": {"fieldPaths": mask}} if mask else {}
        return rest.commit(write(rest, "users", key, fields, "updated_at", **how)).status_code

    nested: Any = {"stringValue": "x"}
    for _ in range(18):
        nested = {"mapValue": {"fields": {"a": nested}}}
    assert put({"city": "Bern"}, "bob") == DENIED
    assert put({"city": "Bern"}, rest=attacked.user("")) == DENIED
    denied: list[dict[str, Any]] = [
        {"admin": True},
        {"user_id": "bob"},
        {"history": []},
        {"friends_going": {"e": 5}},
        {"friends": [f"f{number}" for number in range(30_000)]},
        {"city": "x" * 500_000},
        {"city": MAPPED, "max_price": {"doubleValue": "NaN"}, "birth_year": "x", "friends": 5, "location": "here"},
        {"location": nested},
        {"preferred_tags": nested},
    ]
    for fields in denied:
        assert put(fields) == DENIED, list(fields)
    later = {"city": "Bern", "updated_at": datetime.now(UTC) + timedelta(days=900)}
    assert alice.commit(write(alice, "users", "alice", later)).status_code == DENIED
    assert put({"city": "Bern", "role": "admin"}, mask=["city"]) == 200
    assert "role" not in attacked.owner.get("users", "alice").text
    assert put({"city": "Bern", "role": "admin"}, mask=["city", "role"]) == DENIED
    assert alice.delete("users", "alice").status_code == DENIED
    assert alice.delete("users", "bob").status_code == DENIED


@pytest.mark.parametrize("collection", [name for name in BOBS if name not in ("users", "interactions")])
def test_collections_of_the_functions_are_not_written(attacked: Attacked, alice: Rest, collection: str) -> None:
    organizer = attacked.user("olga", organizer="jazz")
    for rest in (alice, organizer, attacked.user("")):
        assert rest.commit(write(rest, collection, "alice", {"organizer_id": "jazz"})).status_code == DENIED
        assert rest.delete(collection, BOBS[collection]).status_code == DENIED
    if collection not in ("events", "rules"):
        admin = attacked.user("root", admin=True)
        assert admin.commit(write(admin, collection, "alice", {"a": 1})).status_code == DENIED
        assert admin.delete(collection, BOBS[collection]).status_code == DENIED
        assert collection == "dead_letters" or admin.get(collection, BOBS[collection]).status_code == DENIED


def test_ids_in_every_script_and_the_longest_are_within_the_limits_of_rules(attacked: Attacked, alice: Rest) -> None:
    for event_id in ("🎉", "a\u0085b", "a\u2028b"):
        status = create(alice, entry(event_id=event_id), f"booking:5:alice:{event_id}").status_code
        assert status in {200, DENIED}, event_id
    user_id = "u" * 128
    longest = entry(type="search", query="Ab " * 166, category="C d" * 60, session_id="s" * 128, user_id=user_id)
    del longest["event_id"]
    rest = attacked.user(user_id)
    assert create(rest, longest, key_of(longest)).status_code == 200
