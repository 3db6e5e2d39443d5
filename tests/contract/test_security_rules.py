"""Firestore security rules: allowed and denied reads and writes of clients, each case with its reason."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from shared.entities import Interaction, InteractionType
from tests.missing import skipped_when_missing
from tests.rest import Rest, unsigned_token
from tools.emulators.firestore import firestore_emulator
from tools.emulators.programs import ROOT

pytestmark = pytest.mark.emulator

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
BOOKING: dict[str, Any] = {"type": "booking", "event_id": "e"}
VIEW = BOOKING | {"type": "view"}
RATING = BOOKING | {"type": "rating", "value": 4.5}
FOLLOW = {"type": "follow", "organizer_id": "o"}
SEARCH = {"type": "search", "query": "Live Jazz"}
CATEGORY = {"type": "category_click", "category": "Music & Art"}
PAGE = {"type": "impression", "event_ids": ["a", "b"], "recommendation_id": "list_1"}


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with skipped_when_missing(), firestore_emulator(ROOT / "firestore.rules") as host:
        yield host


@pytest.fixture
def project() -> str:
    return f"rules-{uuid.uuid4().hex[:12]}"


def client(host: str, project: str, user_id: str = "alice", **claims: Any) -> Rest:
    return Rest(host, project, unsigned_token(project, user_id, **claims) if user_id else "")


def owner(host: str, project: str) -> Rest:
    """Client that bypasses the rules, as the functions do."""
    return Rest(host, project, "owner")


def create(rest: Rest, entry: dict[str, Any], *, key: str = "", stamp: str = "recorded_at") -> requests.Response:
    """Create an interaction of Alice; without `key` under the id that follows from its contents."""
    fields = {"user_id": "alice", "occurred_at": datetime.now(UTC) - SECOND} | entry
    fields = {name: value for name, value in fields.items() if value is not None}
    return rest.create("interactions", key or key_of(fields), fields, stamp=stamp)


def key_of(fields: dict[str, Any]) -> str:
    given = {"event_id": "", "organizer_id": "", "query": "", "category": "", "recommendation_id": ""} | fields
    values = {name: given[name] for name in Interaction.__dataclass_fields__ if name in given}
    return Interaction(interaction_id="", **values | {"type": InteractionType(given["type"])}).expected_id()


ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("a booking of one's own", BOOKING),
    ("an attendance", BOOKING | {"type": "attend"}),
    ("a save", BOOKING | {"type": "save"}),
    ("a cancellation", BOOKING | {"type": "cancel"}),
    ("a dismissal", BOOKING | {"type": "dismiss"}),
    ("a review", BOOKING | {"type": "review"}),
    ("a view, whose id has the day", VIEW),
    ("a click in a list", VIEW | {"type": "click", "recommendation_id": "list_1", "position": 0, "session_id": "s"}),
    ("a share", VIEW | {"type": "share"}),
    ("an impression of one event", VIEW | {"type": "impression"}),
    ("a page of impressions in one document", PAGE),
    ("the largest page", PAGE | {"event_ids": [f"{n}" for n in range(100)]}),
    ("a rating with a fraction", RATING),
    ("a rating of the least", RATING | {"value": 1}),
    ("a follow of an organizer", FOLLOW),
    ("a search by its words", SEARCH),
    ("a search in any script", SEARCH | {"query": "  Ångström — 東京 ジャズ!  "}),
    ("a long search, whose id is cut", SEARCH | {"query": "long words " * 20}),
    ("a search in a category", SEARCH | {"category": "Music"}),
    ("a click on a category", CATEGORY),
    ("something of 23 hours ago, such as after a flight", BOOKING | {"occurred_at": datetime.now(UTC) - 23 * HOUR}),
    ("an id of 128 bytes", BOOKING | {"event_id": "ö" * 64}),
    ("an id with spaces and dots", BOOKING | {"event_id": "Ünïcode event: 1.5"}),
    ("an event with its organizer", BOOKING | {"organizer_id": "o"}),
]

DENIED: list[tuple[str, dict[str, Any]]] = [
    ("somebody else's", BOOKING | {"user_id": "bob"}),
    ("nobody's", BOOKING | {"user_id": None}),
    ("a type that is none", BOOKING | {"type": "purchase"}),
    ("a type that is no text", BOOKING | {"type": 5}),
    ("a field that is none", BOOKING | {"note": "x"}),
    ("saying that it was counted", BOOKING | {"counted": True}),
    ("a booking of nothing", {"type": "booking"}),
    ("a booking of an empty id", BOOKING | {"event_id": ""}),
    ("an id with a slash", BOOKING | {"event_id": "a/b"}),
    ("an id with a line break", BOOKING | {"event_id": "a\nb"}),
    ("an id of more than 128 bytes", BOOKING | {"event_id": "ö" * 65}),
    ("an id that is a number", BOOKING | {"event_id": 7}),
    ("a time to come", BOOKING | {"occurred_at": datetime.now(UTC) + HOUR}),
    ("a time of two days ago", BOOKING | {"occurred_at": datetime.now(UTC) - 48 * HOUR}),
    ("a rating without stars", RATING | {"value": None}),
    ("six stars", RATING | {"value": 6}),
    ("no star at all", RATING | {"value": 0}),
    ("stars in words", RATING | {"value": "five"}),
    ("a booking with stars", BOOKING | {"value": 5}),
    ("a follow of nobody", {"type": "follow"}),
    ("a follow of an event", FOLLOW | {"event_id": "e"}),
    ("a search for nothing", SEARCH | {"query": ""}),
    ("a search of an event", SEARCH | {"event_id": "e"}),
    ("a search of more than 500 bytes", SEARCH | {"query": "x" * 501}),
    ("a click on no category", {"type": "category_click"}),
    ("a category of more than 200 bytes", CATEGORY | {"category": "x" * 201}),
    ("a page of no events", PAGE | {"event_ids": []}),
    ("a page of more than 100 events", PAGE | {"event_ids": [f"{n}" for n in range(101)]}),
    ("a page of no list", PAGE | {"recommendation_id": None}),
    ("a page and an event", PAGE | {"event_id": "e"}),
    ("a page of bookings", PAGE | {"type": "booking"}),
    ("a page that is no list", PAGE | {"event_ids": "a"}),
    ("a place below 0", VIEW | {"position": -1}),
    ("a place above 10,000", VIEW | {"position": 10_001}),
    ("half a place", VIEW | {"position": 1.5}),
    ("a session id of more than 128 bytes", VIEW | {"session_id": "s" * 129}),
    ("a list that is a number", VIEW | {"recommendation_id": 5}),
]


@pytest.mark.parametrize("entry", [entry for _, entry in ALLOWED], ids=[why for why, _ in ALLOWED])
def test_allowed_is(host: str, project: str, entry: dict[str, Any]) -> None:
    written = create(client(host, project), entry)
    assert written.status_code == 200, written.text


@pytest.mark.parametrize("entry", [entry for _, entry in DENIED], ids=[why for why, _ in DENIED])
def test_denied_is(host: str, project: str, entry: dict[str, Any]) -> None:
    fields = BOOKING | {"user_id": "alice", "occurred_at": datetime.now(UTC)} | entry
    try:
        key = key_of({name: value for name, value in fields.items() if value is not None}).replace("/", "%2F")
    except (AttributeError, TypeError, ValueError):
        key = "alice_e_booking"
    written = create(client(host, project), entry, key=key)
    assert written.status_code == 403, written.text
    assert "PERMISSION_DENIED" in written.text


def test_denied_is_an_interaction_without_the_server_s_time_stamp(host: str, project: str) -> None:
    rest = client(host, project)
    assert create(rest, BOOKING, stamp="").status_code == 403
    assert create(rest, BOOKING | {"recorded_at": datetime.now(UTC)}, stamp="").status_code == 403


@pytest.mark.parametrize("key", ["alice_e_booking_2", "alice_f_booking", "bob_e_booking", "alice_e_save", "x"])
def test_denied_is_an_id_that_does_not_follow_from_the_contents(host: str, project: str, key: str) -> None:
    assert create(client(host, project), BOOKING, key=key).status_code == 403


def test_denied_is_another_day_in_the_id(host: str, project: str) -> None:
    assert create(client(host, project), VIEW, key="alice_e_view_20200101").status_code == 403
    assert create(client(host, project), VIEW, key="alice_e_view").status_code == 403


def test_denied_is_a_client_that_is_not_signed_in(host: str, project: str) -> None:
    assert create(client(host, project, ""), BOOKING).status_code == 403


def test_an_interaction_is_created_once_and_never_changed(host: str, project: str) -> None:
    rest = client(host, project)
    assert create(rest, BOOKING).status_code == 200
    assert create(rest, BOOKING).status_code in {403, 409}
    assert rest.update("interactions", "alice_e_booking", BOOKING, stamp="recorded_at").status_code == 403
    assert rest.update("interactions", "alice_e_booking", {"event_id": "f"}).status_code == 403
    assert rest.delete("interactions", "alice_e_booking").status_code == 403
    admin = client(host, project, "root", admin=True)
    assert admin.update("interactions", "alice_e_booking", {"event_id": "f"}).status_code == 403
    assert rest.get("interactions", "alice_e_booking").status_code == 200
    assert client(host, project, "bob").get("interactions", "alice_e_booking").status_code == 403
    assert admin.get("interactions", "alice_e_booking").status_code == 200


@pytest.mark.parametrize(
    "collection",
    [
        *("histories", "event_counts", "processed", "dead_letters", "bookmarks", "forgotten", "event_changes"),
        "anything_else",
    ],
)
def test_clients_cannot_access_collections_of_the_functions(host: str, project: str, collection: str) -> None:
    for rest in (client(host, project), client(host, project, "root", admin=True)):
        assert rest.create(collection, "alice", {"at": datetime.now(UTC)}).status_code == 403
    assert owner(host, project).create(collection, "alice", {"at": datetime.now(UTC)}).status_code == 200
    assert client(host, project).get(collection, "alice").status_code == 403
    may_read = collection == "dead_letters"
    read = client(host, project, "root", admin=True).get(collection, "alice")
    assert (read.status_code == 200) == may_read


def test_only_administrators_write_events_and_only_published_ones_are_read(host: str, project: str) -> None:
    admin, alice = client(host, project, "root", admin=True), client(host, project)
    assert alice.create("events", "e", {"title": "mine"}).status_code == 403
    assert admin.create("events", "e", {"title": "ours"}).status_code == 200
    assert client(host, project, "").get("events", "e").status_code == 200
    assert admin.update("events", "e", {"status": "hidden"}).status_code == 200
    assert alice.get("events", "e").status_code == 403


def test_profiles_are_written_by_their_own_users_with_the_server_s_time_stamp(host: str, project: str) -> None:
    alice = client(host, project)
    assert alice.create("users", "alice", {"city": "Bern"}, stamp="updated_at").status_code == 200
    assert alice.create("users", "bob", {"city": "Bern"}, stamp="updated_at").status_code == 403
    assert alice.update("users", "alice", {"city": "Basel"}).status_code == 403
    assert alice.update("users", "alice", {"history": "none"}, stamp="updated_at").status_code == 403
    assert client(host, project, "bob").get("users", "alice").status_code == 403


def test_the_tables_cover_enough_cases() -> None:
    assert len(ALLOWED) + len(DENIED) >= 60
    assert len({why for why, _ in ALLOWED + DENIED}) == len(ALLOWED + DENIED)
