"""Security rules in an app that exists: an app's rules with the fragment in them, and rules with names of an app."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from textwrap import indent
from typing import Any, Final

import pytest
import requests

from jobs.securityrules import fragment, rules
from shared.schema import Own, Schema
from tests.missing import skipped_when_missing
from tests.rest import Rest, key_of, unsigned_token
from tools.emulators.firestore import firestore_emulator

pytestmark = pytest.mark.emulator

APART: Final = Schema.parse("""
[firestore]
prefix = "marquee_"
[events]
collection = "shows"
status = { published = "isLive" }
[interests]
city = "home.city"
profiling = "home.may-profile"
latitude = "home.spot.lat"
longitude = "home.spot.lng"
updated_at = "changedAt"
""")
"""Names beside an app's own collections."""

SHARED: Final = Schema.parse("""
[firestore]
prefix = "m-"
[users]
collection = "members"
city = "profile.city"
updated_at = "changedAt"
""")
"""Names in the documents of an app's users."""

HOST: Final = """rules_version = '2';
service cloud.firestore {{
  match /databases/{{database}}/documents {{
    // The same names as those of functions of the fragment, with other meanings.
    function data() {{ return 'host'; }}
    function isText(text) {{ return false; }}
    function isOwn(userId) {{ return request.auth.uid == userId; }}
    function isAdmin() {{ return request.auth.token.role == 'boss'; }}
    match /shows/{{id}} {{
      allow read: if resource.data.secret != true;
      allow write: if isAdmin();
    }}
    match /users/{{id}} {{
      allow read: if isOwn(id);
      allow create: if isOwn(id) && request.resource.data.plan == 'free';
    }}
    match /members/{{id}} {{
      allow create: if isOwn(id) && data() == 'host' && request.resource.data.plan == 'free';
      allow update: if marqueeMayUpdateProfile(id);
    }}
    match /rules/{{id}} {{ allow read, write: if true; }}
    match /interactions/{{id}} {{ allow read, write: if isOwn(id) && data() == 'host'; }}
{fragment}  }}
}}
"""
BOOKING: Final[dict[str, Any]] = {"type": "booking", "event_id": "e", "user_id": "alice"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with skipped_when_missing(), firestore_emulator() as host:
        yield host


class App:
    """App on the emulator under rules, with clients of its users."""

    def __init__(self, emulator: str, text: str) -> None:
        self._host, self._project = emulator, f"host-{uuid.uuid4().hex[:12]}"
        content = {"rules": {"files": [{"name": "firestore.rules", "content": text}]}}
        url = f"http://{emulator}/emulator/v1/projects/{self._project}:securityRules"
        answer = requests.put(url, json=content, timeout=30)
        assert answer.status_code == 200, answer.text

    def user(self, user_id: str, **claims: Any) -> Rest:
        return Rest(self._host, self._project, unsigned_token(self._project, user_id, **claims))

    @property
    def owner(self) -> Rest:
        return Rest(self._host, self._project, "owner")


def merged(schema: Schema) -> str:
    return HOST.format(fragment=indent(fragment(schema), "    "))


@pytest.fixture(params=[APART, SHARED], ids=["apart", "shared"])
def schema(request: pytest.FixtureRequest) -> Schema:
    assert isinstance(request.param, Schema)
    return request.param


@pytest.fixture
def app(emulator: str, schema: Schema) -> App:
    return App(emulator, merged(schema))


def book(rest: Rest, schema: Schema, **changed: Any) -> int:
    fields = BOOKING | {"occurred_at": datetime.now(UTC) - timedelta(seconds=1)} | changed
    collection = schema.interactions.collection
    return rest.create(collection, key_of(fields), fields, stamp="recorded_at").status_code


def test_collections_of_the_app_keep_their_meaning(app: App) -> None:
    alice, admin, boss = app.user("alice"), app.user("eve", admin=True), app.user("boss", role="boss")
    for show, secret in (("open", False), ("closed", True)):
        assert admin.create("shows", show, {"secret": secret}).status_code == 403, "Marquee's admins are not the app's"
        assert boss.create("shows", show, {"secret": secret}).status_code == 200
    assert (alice.get("shows", "open").status_code, admin.get("shows", "closed").status_code) == (200, 403)
    assert alice.create("users", "alice", {"city": "Bern"}, stamp="updated_at").status_code == 403
    assert alice.create("users", "alice", {"plan": "free", "anything": 1}).status_code == 200
    assert alice.update("users", "alice", {"city": "Bern"}, stamp="updated_at").status_code == 403
    assert (alice.get("users", "alice").status_code, admin.get("users", "alice").status_code) == (200, 403)
    assert alice.create("rules", "anything", {"a": 1}).status_code == 200
    assert alice.create("interactions", "alice", {"a": 1}).status_code == 200
    assert alice.create("interactions", "bob", {"a": 1}).status_code == 403


def test_marquee_s_collections_keep_theirs(app: App, schema: Schema) -> None:
    alice, admin, boss = app.user("alice"), app.user("eve", admin=True), app.user("boss", role="boss")
    assert book(alice, schema) == 200
    assert book(alice, schema, event_id="x", user_id="bob") == book(alice, schema, value=5, event_id="y") == 403
    assert book(app.user("bob"), schema, event_id="z") == 403
    for own in Own:
        name = schema.own(own)
        assert app.owner.create(name, "a", {"a": 1}).status_code == 200
        for rest in (alice, boss):
            assert {rest.get(name, "a").status_code, rest.create(name, "b", {"a": 1}).status_code} == {403}, name
        is_read = own in (Own.RULES, Own.DEAD_LETTERS)
        assert admin.get(name, "a").status_code == (200 if is_read else 403)
        assert admin.create(name, "b", {"a": 1}).status_code == (200 if own is Own.RULES else 403)


PROFILES: list[tuple[str, dict[str, Any], int]] = [
    ("a city in a map", {"home": {"city": "Bern"}}, 200),
    ("a place of two numbers", {"home": {"spot": {"lat": 46.9, "lng": 7.4}}}, 200),
    ("a wish", {"home": {"may-profile": False}, "max_price": 10}, 200),
    ("nothing", {}, 200),
    ("a city that is no text", {"home": {"city": 5}}, 403),
    ("a place that is none", {"home": {"spot": {"lat": 91, "lng": 7.4}}}, 403),
    ("a wish that is unclear", {"home": {"may-profile": "no"}}, 403),
    ("a field of another name", {"city": "Bern"}, 403),
    ("another field in the map", {"home": {"role": "boss"}}, 403),
    ("another field in the map within it", {"home": {"spot": {"lat": 1, "lng": 1, "x": 1}}}, 403),
    ("no map", {"home": "Bern"}, 403),
    ("a location in one field", {"location": {"lat": 1, "lng": 1}}, 403),
]


@pytest.mark.parametrize(("fields", "status"), [case[1:] for case in PROFILES], ids=[case[0] for case in PROFILES])
def test_interests_are_declared_in_a_collection_apart(emulator_apart: App, fields: dict[str, Any], status: int) -> None:
    name, user_id = APART.profiles.collection, f"u{uuid.uuid4().hex[:8]}"
    rest = emulator_apart.user(user_id)
    assert rest.create(name, user_id, fields, stamp="changedAt").status_code == status
    assert emulator_apart.user("bob").get(name, user_id).status_code == 403
    assert rest.create(name, f"{user_id}x", fields, stamp="changedAt").status_code == 403
    assert emulator_apart.owner.update(name, user_id, {"home": {"city": "Basel"}}).status_code == 200
    assert rest.get(name, user_id).status_code == 200
    written = rest.update(name, user_id, fields, stamp="changedAt").status_code
    assert written == status
    assert rest.update(name, user_id, fields, stamp="").status_code == 403


@pytest.fixture(scope="module")
def emulator_apart(emulator: str) -> App:
    return App(emulator, merged(APART))


def test_rules_of_the_app_s_users_can_ask_for_marquee_s_fields(emulator: str) -> None:
    app = App(emulator, merged(SHARED))
    alice = app.user("alice")
    assert app.owner.create("members", "alice", {"plan": "free", "profile": {"role": "guest"}}).status_code == 200
    for fields, status in (
        ({"plan": "paid"}, 403),
        ({"profile": {"role": "boss"}}, 403),
        ({"profile": {"role": "boss", "city": "Bern"}}, 403),
        ({"profile": {"role": "guest", "city": 5}}, 403),
        ({"profile": {"role": "guest", "city": "Bern"}, "max_price": 20}, 200),
        ({"city": "Bern"}, 403),
    ):
        assert alice.update("members", "alice", fields, stamp="changedAt").status_code == status, fields
    assert app.user("bob").update("members", "alice", {"max_price": 1}, stamp="changedAt").status_code == 403


FLAG: Final = 'status = { published = "isLive" }'
FLAGS: Final = 'status = { published = "is.live", cancelled = "is off" }'
VALUES: Final = """status = { field = "info.state", published = ["li've", 1], cancelled = "off" }"""
EXCEPTIONS: Final = 'status = { field = "state", cancelled = ["off", "gone"] }'
NOT_OFF: Final = 'status = { cancelled = "off" }'
ALL: Final = 'status = { published = "isLive", cancelled = "isOff", sold_out = "isFull", hidden = "isDraft" }'
NOT_DRAFT: Final = 'status = { field = "state", hidden = "draft" }'
STATUSES: list[tuple[str, dict[str, Any], str]] = [
    ('status = "state"', {"state": "published"}, "published"),
    ('status = "state"', {}, "published"),
    ('status = "state"', {"state": "hidden"}, "hidden"),
    ("", {"status": "published"}, "published"),
    ("", {"status": "cancelled"}, "cancelled"),
    ("", {"status": "sold_out"}, "sold_out"),
    ("", {"status": ""}, "published"),
    ("", {"status": None}, "published"),
    ("", {"status": "draft"}, "hidden"),
    ("", {"status": 1}, "hidden"),
    (FLAG, {"isLive": True}, "published"),
    (FLAG, {"isLive": False}, "hidden"),
    (FLAG, {"isLive": 1}, "hidden"),
    (FLAG, {}, "hidden"),
    (FLAGS, {"is": {"live": True}}, "published"),
    (FLAGS, {"is": {"live": True}, "is off": False}, "published"),
    (FLAGS, {"is": {"live": True}, "is off": True}, "cancelled"),
    (FLAGS, {"is off": True}, "cancelled"),
    (FLAGS, {"is off": False}, "hidden"),
    (VALUES, {"info": {"state": "li've"}}, "published"),
    (VALUES, {"info": {"state": 1}}, "published"),
    (VALUES, {"info": {"state": "off"}}, "cancelled"),
    (VALUES, {"info": {"state": "draft"}}, "hidden"),
    (VALUES, {}, "hidden"),
    (EXCEPTIONS, {}, "published"),
    (EXCEPTIONS, {"state": "new"}, "published"),
    (EXCEPTIONS, {"state": "gone"}, "cancelled"),
    (NOT_OFF, {}, "published"),
    (NOT_OFF, {"off": False}, "published"),
    (NOT_OFF, {"off": True}, "cancelled"),
    (NOT_DRAFT, {}, "published"),
    (NOT_DRAFT, {"state": "draft"}, "hidden"),
    (ALL, {"isLive": True}, "published"),
    (ALL, {"isFull": True, "isDraft": False}, "sold_out"),
    (ALL, {"isOff": True}, "cancelled"),
    (ALL, {"isLive": True, "isDraft": True}, "hidden"),
]
"""Events with their status by the functions, in an app's terms."""


@pytest.fixture(scope="module")
def apps(emulator: str) -> dict[str, tuple[App, Schema]]:
    schemas = {line: Schema.parse(f'[events]\ncollection = "my-shows"\n{line}') for line, _, _ in STATUSES}
    return {line: (App(emulator, rules(schema)), schema) for line, schema in schemas.items()}


@pytest.mark.parametrize(("line", "document", "expected"), STATUSES)
def test_everybody_reads_the_events_that_the_app_does_not_hide(
    apps: dict[str, tuple[App, Schema]], line: str, document: dict[str, Any], expected: str
) -> None:
    app, schema = apps[line]
    assert app.owner.create("my-shows", "e", {"title": "x", **document}).status_code == 200
    assert app.user("alice").get("my-shows", "e").status_code == (403 if expected == "hidden" else 200)
    assert app.user("eve", admin=True).get("my-shows", "e").status_code == 200
    assert app.owner.delete("my-shows", "e").status_code == 200
    status = schema.events.status
    if status:

        def value(path: str) -> object:
            found: Any = document
            for name in path.split("."):
                found = (found or {}).get(name)
            return found

        assert status.read(value).value == expected, "rules and functions agree"


def test_a_draft_stays_closed_whatever_else_it_is(apps: dict[str, tuple[App, Schema]]) -> None:
    app, _ = apps[ALL]
    for flag in ("isLive", "isOff", "isFull"):
        assert app.owner.create("my-shows", flag, {flag: True, "isDraft": True}).status_code == 200
        assert app.user("alice").get("my-shows", flag).status_code == 403, flag


@pytest.mark.parametrize(
    ("line", "condition"),
    [
        ('status = "state"', ("state", "EQUAL", "published")),
        (FLAG, ("isLive", "EQUAL", True)),
        (VALUES, ("info.state", "EQUAL", "li've")),
        (NOT_OFF, ("off", "EQUAL", False)),
    ],
)
def test_a_query_for_published_events_is_allowed_and_one_without_a_condition_is_not(
    apps: dict[str, tuple[App, Schema]], line: str, condition: tuple[str, str, Any]
) -> None:
    app, _ = apps[line]
    alice = app.user("alice")
    assert alice.query("my-shows", condition).status_code == 200
    assert alice.query("my-shows").status_code == 403


ODD_NAMES: Final = ("in", "null", "function", "a b", "日本", "$x", "@events")


def test_any_name_and_value_of_the_app_can_stand_in_rules(emulator: str) -> None:
    for name in ODD_NAMES:
        value = f"it's \\ {name}"
        terms = f'status = {{ field = "x.{name}", published = {json.dumps(value)} }}'
        app = App(
            emulator, rules(Schema.parse(f'[events]\n{terms}\n[interests]\ncity = "{name}"\ngender = "m.{name}"'))
        )
        alice = app.user("alice")
        for key, found, status in (("a", value, 200), ("b", name, 403)):
            assert app.owner.create("events", key, {"x": {name: found}}).status_code == 200
            assert alice.get("events", key).status_code == status, name
        for city, status in ((5, 403), ("Bern", 200)):
            declared = {name: city, "m": {name: "x"}}
            assert alice.create("interests", "alice", declared, stamp="updated_at").status_code == status, name
