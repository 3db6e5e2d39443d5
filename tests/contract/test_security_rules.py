"""Firestore security rules: allowed and denied reads and writes of clients, each case with its reason."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from google.cloud.firestore import GeoPoint

from shared.entities import User, fields
from shared.entities.event import Status
from shared.entities.user import TREATMENTS
from shared.errors import InvalidField
from tests.missing import skipped_when_missing
from tests.rest import Rest, key_of, unsigned_token
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
REVIEW = BOOKING | {"type": "review", "text": "es war schön"}
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


ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("a booking of one's own", BOOKING),
    ("an attendance", BOOKING | {"type": "attend"}),
    ("a save", BOOKING | {"type": "save"}),
    ("a cancellation", BOOKING | {"type": "cancel"}),
    ("a dismissal", BOOKING | {"type": "dismiss"}),
    ("a review", REVIEW | {"text": None}),
    ("a review with words alone", REVIEW),
    ("a review with stars and several lines", REVIEW | {"value": 4.5, "text": "sin duda\n\t非常精彩 🎉"}),
    ("the longest review", REVIEW | {"text": "語" * 2_000}),
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
    ("an unsave", BOOKING | {"type": "unsave"}),
    ("an undismissal", BOOKING | {"type": "undismiss"}),
    ("an unfollow", FOLLOW | {"type": "unfollow"}),
    ("a second page of a list", PAGE | {"position": 20}),
    ("a search for signs", SEARCH | {"query": "C++"}),
    ("a clock that runs a minute ahead", BOOKING | {"occurred_at": datetime.now(UTC) + 60 * SECOND}),
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
    ("an unfollow of an event", BOOKING | {"type": "unfollow"}),
    ("a mark of an anonymous account by a signed-up one", BOOKING | {"anonymous": True}),
    ("an origin", BOOKING | {"origin": "load"}),
    ("an end of its life", BOOKING | {"expires_at": datetime.now(UTC) + HOUR}),
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
    ("a review of more than 2,000 characters", REVIEW | {"text": "x" * 2_001}),
    ("a review of no words", REVIEW | {"text": ""}),
    ("a review with a control character", REVIEW | {"text": "a\x1bb"}),
    ("a review with a late control character", REVIEW | {"text": "a\x9bb"}),
    ("a review that is a number", REVIEW | {"text": 5}),
    ("a review of six stars", REVIEW | {"value": 6}),
    ("words of a booking", BOOKING | {"text": "fine"}),
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
        key = "booking:5:alice:e"
    written = create(client(host, project), entry, key=key)
    assert written.status_code == 403, written.text
    assert "PERMISSION_DENIED" in written.text


IDS = [
    *("e", " ", "a b", "a.b", ".a", "...", "_", "__", "___", "__x", "x__", "_x_", "e\u0085", "\u2028", "日本", "🎷"),
    *(
        ".",
        "..",
        "____",
        "__x__",
        "__a.b__",
        "__a\u2028b__",
        "a/b",
        "/",
        "./.",
        "a\n",
        "..\n",
        "__x__\n",
        "\x00",
        "a\x7f",
    ),
    *("é" * 64, "é" * 65, "x" * 128, "x" * 129, "🎷" * 32, "🎷" * 33),
    "",
]


@pytest.mark.parametrize("field", ["event_id", "organizer_id", "recommendation_id", "session_id"])
def test_rules_accept_exactly_the_ids_that_the_functions_accept(host: str, project: str, field: str) -> None:
    rest, entry = client(host, project), FOLLOW if field == "organizer_id" else VIEW
    allowed = {}
    for number, given in enumerate(IDS):
        about = entry | ({} if field.endswith(("event_id", "organizer_id")) else {"event_id": f"e{number}"})
        given_fields = {"user_id": "alice", "occurred_at": datetime.now(UTC) - SECOND} | about | {field: given}
        status = create(rest, given_fields, key=key_of(given_fields).replace("/", "%2F")).status_code
        # Firestore itself refuses some characters in the names of documents.
        assert status in {200, 400, 403}
        allowed[given] = status == 200
    assert allowed == {given: _is_identifier(given) for given in IDS}


@pytest.mark.parametrize("user_id", ["..", "__x__", "é" * 65])
def test_denied_is_a_user_whose_id_the_functions_refuse(host: str, project: str, user_id: str) -> None:
    assert not _is_identifier(user_id)
    assert create(client(host, project, user_id), BOOKING | {"user_id": user_id}).status_code == 403


def _is_identifier(value: str) -> bool:
    try:
        return fields.identifier({"id": value}, "id") == value
    except InvalidField:
        return False


def test_denied_is_an_interaction_without_the_server_s_time_stamp(host: str, project: str) -> None:
    rest = client(host, project)
    assert create(rest, BOOKING, stamp="").status_code == 403
    assert create(rest, BOOKING | {"recorded_at": datetime.now(UTC)}, stamp="").status_code == 403


@pytest.mark.parametrize(
    "key",
    [
        "booking:5:alice:f",
        "booking:3:bob:e",
        "booking:4:alice:e",
        "cancel:5:alice:e",
        "save:5:alice:e",
        "alice_e_booking",
        "x",
    ],
)
def test_denied_is_an_id_that_does_not_follow_from_the_contents(host: str, project: str, key: str) -> None:
    assert create(client(host, project), BOOKING, key=key).status_code == 403


@pytest.mark.parametrize("entry", [FOLLOW, SEARCH, CATEGORY, BOOKING, VIEW], ids=lambda entry: entry["type"])
def test_denied_is_a_list_of_events_in_anything_but_a_page(host: str, project: str, entry: dict[str, Any]) -> None:
    _, size, user, *rest = key_of({"user_id": "alice", "occurred_at": datetime.now(UTC) - SECOND} | entry).split(":")
    for family in ("page", entry["type"]):
        key = ":".join([family, size, user, *rest])
        answer = create(client(host, project), entry | {"event_ids": ["x" * 200] * 3}, key=key)
        assert answer.status_code == 403


def test_denied_is_another_day_in_the_id(host: str, project: str) -> None:
    assert create(client(host, project), VIEW, key="view:5:alice:20200101:e").status_code == 403
    assert create(client(host, project), VIEW, key="view:5:alice:e").status_code == 403


def test_denied_is_a_client_that_is_not_signed_in(host: str, project: str) -> None:
    assert create(client(host, project, ""), BOOKING).status_code == 403


def test_a_repeating_interaction_is_created_once_and_never_changed(host: str, project: str) -> None:
    rest = client(host, project)
    fields = VIEW | {"user_id": "alice", "occurred_at": datetime.now(UTC) - SECOND}
    key = key_of(fields)
    assert create(rest, fields).status_code == 200
    assert create(rest, fields | {"occurred_at": datetime.now(UTC)}, key=key).status_code in (403, 409)
    later = fields | {"occurred_at": datetime.now(UTC)}
    assert rest.update("interactions", key, later, stamp="recorded_at").status_code == 403
    assert rest.delete("interactions", key).status_code == 403


def timed(fields: dict[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """Fields of an interaction of Alice, with a time given relative to now."""
    return {"user_id": "alice"} | fields | {"occurred_at": (now or datetime.now(UTC)) + fields["occurred_at"]}


AGAIN = {"occurred_at": 30 * SECOND}
BEFORE = {"occurred_at": -HOUR}
EVERY_FIELD = {
    **dict.fromkeys(("organizer_id", "session_id", "recommendation_id"), "ö" * 64),
    "query": "x" * 500,
    "category": "x" * 200,
    "position": 10_000,
}
TRANSITIONS: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
    ("a cancellation", BOOKING, BOOKING | AGAIN | {"type": "cancel"}, 200),
    ("a booking again", BOOKING | {"type": "cancel"}, BOOKING | AGAIN, 200),
    ("an unsave", BOOKING | {"type": "save"}, BOOKING | AGAIN | {"type": "unsave"}, 200),
    ("a save again", BOOKING | {"type": "unsave"}, BOOKING | AGAIN | {"type": "save"}, 200),
    ("an unfollow", FOLLOW, FOLLOW | AGAIN | {"type": "unfollow"}, 200),
    ("an undismissal", BOOKING | {"type": "dismiss"}, BOOKING | AGAIN | {"type": "undismiss"}, 200),
    ("more stars", RATING | {"value": 1}, RATING | AGAIN | {"value": 5}, 200),
    ("more stars, with every field", RATING | EVERY_FIELD, RATING | EVERY_FIELD | AGAIN | {"value": 5}, 200),
    ("the same later", BOOKING, BOOKING | AGAIN, 200),
    ("another list", BOOKING | {"recommendation_id": "a"}, BOOKING | AGAIN | {"recommendation_id": "b"}, 200),
    ("an earlier word", BOOKING, BOOKING | {"type": "cancel", "occurred_at": -HOUR}, 403),
    ("the same time", BOOKING | BEFORE, BOOKING | BEFORE | {"type": "cancel"}, 403),
    ("the same time, ahead of the server's", BOOKING | AGAIN, BOOKING | AGAIN | {"type": "cancel"}, 200),
    ("an earlier time, ahead of the server's", BOOKING | {"occurred_at": 60 * SECOND}, BOOKING | AGAIN, 200),
    ("another family", BOOKING, BOOKING | AGAIN | {"type": "save"}, 403),
    ("another target", BOOKING, BOOKING | AGAIN | {"event_id": "f"}, 403),
    ("another user", BOOKING, BOOKING | AGAIN | {"user_id": "bob"}, 403),
    ("six stars", RATING, RATING | AGAIN | {"value": 6}, 403),
    ("a time to come", BOOKING, BOOKING | {"occurred_at": HOUR}, 403),
    ("a field of the functions", BOOKING, BOOKING | AGAIN | {"counted": True}, 403),
]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [transition[1:] for transition in TRANSITIONS],
    ids=[f"{why}-{status}" for why, _, _, status in TRANSITIONS],
)
def test_the_last_word_about_a_target_replaces_the_one_before(
    host: str, project: str, first: dict[str, Any], second: dict[str, Any], status: int
) -> None:
    rest, now = client(host, project), datetime.now(UTC)
    before, second = timed({"occurred_at": -SECOND} | first, now), timed(second, now)
    key = key_of(before)
    assert create(rest, before).status_code == 200
    written = rest.update("interactions", key, second, stamp="recorded_at")
    assert written.status_code == status, written.text
    assert client(host, project, "bob").update("interactions", key, second, stamp="recorded_at").status_code == 403


def test_a_later_word_needs_the_server_s_time_stamp(host: str, project: str) -> None:
    rest = client(host, project)
    before = BOOKING | {"user_id": "alice", "occurred_at": datetime.now(UTC) - SECOND}
    assert create(rest, before).status_code == 200
    assert rest.update("interactions", key_of(before), timed(before | AGAIN)).status_code == 403


def test_a_later_word_is_recorded_later_than_the_one_before(host: str, project: str) -> None:
    before, later = timed(BOOKING | {"occurred_at": -SECOND}), timed(BOOKING | AGAIN)
    key = key_of(before)
    for ahead, status in ((60 * SECOND, 403), (-SECOND, 200)):
        stored = before | {"recorded_at": datetime.now(UTC) + ahead}
        assert owner(host, project).update("interactions", key, stored).status_code == 200
        written = client(host, project).update("interactions", key, later, stamp="recorded_at")
        assert written.status_code == status, written.text


def test_only_owners_and_admins_read_an_interaction_and_nobody_deletes_one(host: str, project: str) -> None:
    rest, admin = client(host, project), client(host, project, "root", admin=True)
    assert create(rest, BOOKING).status_code == 200
    key = "booking:5:alice:e"
    assert rest.delete("interactions", key).status_code == 403
    assert admin.update("interactions", key, {"event_id": "f"}).status_code == 403
    assert rest.get("interactions", key).status_code == 200
    assert client(host, project, "bob").get("interactions", key).status_code == 403
    assert admin.get("interactions", key).status_code == 200


def test_an_anonymous_account_marks_what_it_does_and_when_it_expires(host: str, project: str) -> None:
    rest = client(host, project, firebase={"sign_in_provider": "anonymous"})
    assert create(rest, BOOKING).status_code == 403
    assert create(rest, BOOKING | {"anonymous": True}).status_code == 403
    month = {"expires_at": datetime.now(UTC) + 30 * 24 * HOUR}
    assert create(rest, BOOKING | month).status_code == 403
    assert create(rest, BOOKING | month | {"anonymous": False}).status_code == 403
    for wrong in (datetime.now(UTC) - HOUR, datetime.now(UTC) + 40 * 24 * HOUR, "soon"):
        assert create(rest, BOOKING | {"anonymous": True, "expires_at": wrong}).status_code == 403
    assert create(rest, BOOKING | month | {"anonymous": True}).status_code == 200
    # Once somebody has signed up, the account replaces what it did before.
    signed_up = client(host, project, firebase={"sign_in_provider": "password"})
    later = timed(BOOKING | AGAIN | {"type": "cancel"})
    assert signed_up.update("interactions", "booking:5:alice:e", later, stamp="recorded_at").status_code == 403
    fields = ["anonymous", "expires_at"]
    assert (
        signed_up.update("interactions", "booking:5:alice:e", later, stamp="recorded_at", without=fields).status_code
        == 200
    )
    # A token of before the sign-up weakens nothing of the account.
    last = timed(BOOKING | {"occurred_at": 60 * SECOND})
    marked = last | {"anonymous": True} | month
    assert rest.update("interactions", "booking:5:alice:e", marked, stamp="recorded_at").status_code == 403
    assert signed_up.update("interactions", "booking:5:alice:e", last, stamp="recorded_at").status_code == 200


@pytest.mark.parametrize(
    "collection",
    [
        *(
            "histories",
            "event_counts",
            "counted",
            "processed",
            "dead_letters",
            "bookmarks",
            "forgotten",
            "event_changes",
        ),
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


def test_only_administrators_write_events_and_hidden_ones_are_not_read(host: str, project: str) -> None:
    admin, alice = client(host, project, "root", admin=True), client(host, project)
    assert alice.create("events", "e", {"title": "mine"}).status_code == 403
    assert admin.create("events", "e", {"title": "ours"}).status_code == 200
    assert client(host, project, "").get("events", "e").status_code == 200
    for status in Status:
        assert admin.update("events", "e", {"status": status.value}).status_code == 200
        assert alice.get("events", "e").status_code == (403 if status is Status.HIDDEN else 200), status
    for unknown in ("draft", "Published", 1, True, ["published"]):
        assert admin.update("events", "e", {"status": unknown}).status_code == 200
        assert alice.get("events", "e").status_code == 403, unknown


def test_profiles_are_written_by_their_own_users_with_the_server_s_time_stamp(host: str, project: str) -> None:
    alice = client(host, project)
    assert alice.create("users", "alice", {"city": "Bern"}, stamp="updated_at").status_code == 200
    assert alice.create("users", "bob", {"city": "Bern"}, stamp="updated_at").status_code == 403
    assert alice.update("users", "alice", {"city": "Basel"}).status_code == 403
    assert alice.update("users", "alice", {"history": "none"}, stamp="updated_at").status_code == 403
    assert client(host, project, "bob").get("users", "alice").status_code == 403


WISHES: list[tuple[str, object, int]] = [
    ("not to be profiled", False, 200),
    ("to be profiled", True, 200),
    ("in words", "false", 403),
    ("as a number", 0, 403),
    ("as a list", [False], 403),
    ("as nothing", None, 403),
]


@pytest.mark.parametrize(("wish", "status"), [case[1:] for case in WISHES], ids=[why for why, _, _ in WISHES])
def test_the_wish_not_to_be_profiled_is_a_truth_value(host: str, project: str, wish: object, status: int) -> None:
    alice = client(host, project)
    created = alice.create("users", "alice", {"city": "Bern", "profiling": wish}, stamp="updated_at")
    assert created.status_code == status, created.text
    assert owner(host, project).create("users", "bob", {"city": "Bern"}).status_code == 200
    bob = client(host, project, "bob")
    assert bob.update("users", "bob", {"profiling": wish}, stamp="updated_at").status_code == status
    assert bob.update("users", "bob", {"city": "Basel"}, stamp="updated_at").status_code == 200


def texts(items: int, text: str) -> list[str]:
    return [text] * items


PLACE = {"lat": 46.9, "lng": 7.4}
PROFILES: list[tuple[str, list[object], list[object]]] = [
    (
        "preferred_categories",
        [None, "", [], [""], ["a", ""], texts(100, "x" * 200), ["😀" * 50]],
        [texts(101, "x"), ["x" * 201], ["a", "😀" * 50 + "x"], "music", 5, [5], ["a", True], [{"a": "b"}], {"a": "b"}],
    ),
    (
        "preferred_tags",
        [texts(200, "ö" * 100), ["music", "Live Jazz; +1"]],
        [texts(201, "x"), ["ö" * 100 + "x"], ["x" * 100_000], [1.5]],
    ),
    (
        "friends",
        [[f"user_{number}" for number in range(1000)], texts(1000, "x" * 128), ["ö" * 64]],
        [[f"user_{number}" for number in range(1001)], ["x" * 129], ["ö" * 64 + "x"], ["a", 7], "bob", {"bob": True}],
    ),
    ("city", [None, "", "x" * 200, "ö" * 100], ["x" * 201, "ö" * 101, 5, ["Bern"], PLACE, True]),
    ("gender", [None, "", "x" * 50], ["x" * 51, 1, ["x"]]),
    ("max_price", [None, "", 0, 10_000_000, 12.5], [-1, 10_000_001, float("nan"), float("inf"), "12", True, [12]]),
    ("birth_year", [None, "", 1880, 2200, 1990.0], [1879, 2201, 1990.5, 2**62, float("nan"), "1990", [1990], True]),
    (
        "location",
        [None, "", PLACE, {"lat": -90, "lng": 180}, GeoPoint(46.9, 7.4)],
        [{"lat": 1}, {"lat": 91, "lng": 0}, {"lat": 0, "lng": 181.0}, {"lat": "1", "lng": 2}, "here", 5, [1, 2]],
    ),
    (
        "created_at",
        [None, "", datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)],
        [datetime(1969, 12, 31, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC), "yesterday", 5, [5], True],
    ),
]
"""Values of each field of a profile: those that are allowed, and those that are denied."""


@pytest.mark.parametrize(("field", "allowed", "denied"), PROFILES, ids=[field for field, _, _ in PROFILES])
def test_profiles_are_bounded_to_what_the_functions_accept(
    host: str, project: str, field: str, allowed: list[object], denied: list[object]
) -> None:
    alice, bob = client(host, project), client(host, project, "bob")
    assert bob.create("users", "bob", {"city": "Bern"}, stamp="updated_at").status_code == 200
    for value in allowed:
        User.from_document("bob", {field: value})
        written = bob.update("users", "bob", {field: value}, stamp="updated_at")
        assert written.status_code == 200, (value, written.text)
    for value in denied:
        with pytest.raises(InvalidField):
            User.from_document("bob", {field: value})
        assert alice.create("users", "alice", {field: value}, stamp="updated_at").status_code == 403, value
        assert bob.update("users", "bob", {field: value}, stamp="updated_at").status_code == 403, value


def test_a_profile_of_the_greatest_size_is_allowed(host: str, project: str) -> None:
    largest = {field: max(allowed, key=lambda value: len(str(value))) for field, allowed, _ in PROFILES}
    written = client(host, project).create("users", "alice", largest | {"profiling": True}, stamp="updated_at")
    assert written.status_code == 200, written.text


def test_every_field_of_a_profile_is_bounded() -> None:
    assert {field for field, _, _ in PROFILES} == {*TREATMENTS} - {"user_id", "updated_at", "profiling"}


def test_lists_of_events_ask_for_published_ones(host: str, project: str) -> None:
    admin, visitor = client(host, project, "root", admin=True), client(host, project, "")
    events: dict[str, dict[str, Any]] = {"a": {"status": "published"}, "b": {"status": "hidden"}, "c": {}}
    for key, content in events.items():
        assert admin.create("events", key, {"title": key, **content}).status_code == 200
    found = visitor.query("events", ("status", "EQUAL", "published"))
    assert (found.status_code, found.text.count('"title"')) == (200, 1)
    assert admin.query("events").text.count('"title"') == 3
    queries: list[list[tuple[str, str, Any]]] = [
        [],
        [("title", "EQUAL", "a")],
        [("status", "IN", ["published", "hidden"])],
        [("status", "GREATER_THAN_OR_EQUAL", "published")],
    ]
    for conditions in queries:
        assert visitor.query("events", *conditions).status_code == 403
    # Without a status an event is published, but no query can ask for that.
    assert visitor.get("events", "c").status_code == 200


def test_a_refusal_does_not_tell_a_hidden_event_from_none(host: str, project: str) -> None:
    admin, visitor = client(host, project, "root", admin=True), client(host, project, "")
    assert admin.create("events", "hidden", {"title": "x", "status": "hidden"}).status_code == 200
    hidden, none = visitor.get("events", "hidden"), visitor.get("events", "none")
    assert hidden.status_code == none.status_code == 403
    # The emulator names the line of the rule and what it lacked; the service does not.
    assert hidden.json()["error"]["status"] == none.json()["error"]["status"] == "PERMISSION_DENIED"


def test_the_tables_cover_enough_cases() -> None:
    assert len(ALLOWED) + len(DENIED) >= 60
    assert len({why for why, _ in ALLOWED + DENIED}) == len(ALLOWED + DENIED)
