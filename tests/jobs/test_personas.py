"""Personas of the demo, and the routes that its page uses in place of Firebase."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from functions import wiring
from jobs.demo import make_app
from jobs.demo_routes import generated_town
from jobs.personas import choose, last_actions
from shared.entities import Event, HistoryEntry, InteractionType, Profile, Status, User
from tests import deployment
from tests.deployment import Clock
from tests.stores import documents

NOW = Clock()()


def _profile(user_id: str, interests: tuple[str, ...] = (), bookings: int = 0) -> Profile:
    entries = [
        HistoryEntry(InteractionType.BOOKING, NOW - timedelta(hours=number), f"e{number}") for number in range(bookings)
    ]
    return Profile(User(user_id=user_id, preferred_categories=interests), tuple(entries))


@given(
    st.lists(st.tuples(st.sampled_from(["", "Music", "Art", "Games"]), st.integers(0, 9)), max_size=12),
    st.integers(1, 8),
)
def test_personas_differ_in_their_first_interest_as_long_as_there_are_others(
    users: list[tuple[str, int]], count: int
) -> None:
    profiles = [_profile(f"u{row}", (name,) if name else (), made) for row, (name, made) in enumerate(users)]
    chosen = choose(profiles, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(users))
    interests = [users[int(user_id[1:])][0] for user_id in chosen]
    distinct = {name for name, _ in users}
    assert len(set(interests)) == min(count, len(distinct))
    assert chosen == choose(reversed(profiles), count)


def test_a_card_tells_bookings_before_what_was_looked_at_and_each_event_once() -> None:
    kinds = [InteractionType.CLICK, InteractionType.BOOKING, InteractionType.SAVE, InteractionType.SAVE]
    events = ["a", "b", "b", "c"]
    history = [
        HistoryEntry(kind, NOW - timedelta(hours=age), event_id)
        for age, (kind, event_id) in enumerate(zip(kinds, events, strict=True))
    ]
    told = last_actions(Profile(User(user_id="u"), tuple(history)), 3)
    assert told == [(InteractionType.BOOKING, "b"), (InteractionType.SAVE, "c")]
    assert last_actions(Profile(User(user_id="u"), tuple(history[:1])), 3) == [(InteractionType.CLICK, "a")]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    store = documents()
    store.users.put([User(user_id="u", preferred_categories=("Music",), friends=("v",))], now=NOW)
    hidden = Event(event_id="hidden", title="Hidden", status=Status.HIDDEN)
    store.events.put([Event(event_id="e", title="Jazz", description="Late."), hidden], now=NOW)
    wired = deployment.wire(store, tmp_path, Clock())
    with wiring.use(wired):
        yield make_app(wired, generated_town()).test_client()
    store.close()


def _asked(client: FlaskClient, path: str) -> object:
    return client.get(path, headers={"Host": "localhost:8080"}).get_json()


def test_the_routes_tell_personas_places_and_visible_events(client: FlaskClient) -> None:
    personas = _asked(client, "/demo/personas")
    assert isinstance(personas, list)
    assert [(persona["name"], persona["user_id"], persona["actions"]) for persona in personas] == [("Ada", "u", [])]
    places = _asked(client, "/demo/places")
    assert isinstance(places, list)
    assert {"name", "lat", "lng"} == set(places[0])
    found = _asked(client, "/demo/events?event_id=e&event_id=hidden&event_id=none")
    assert found == [{"event_id": "e", "title": "Jazz", "description": "Late.", **_stamped(found)}]


def _stamped(found: object) -> dict[str, object]:
    assert isinstance(found, list)
    return {name: found[0][name] for name in ("status", "updated_at") if name in found[0]}


def test_a_declared_profile_keeps_what_it_does_not_name(client: FlaskClient) -> None:
    body = {"preferred_categories": ["Art"], "location": {"lat": 1.5, "lng": 2.5}, "friends": ["w"]}
    answer = client.put("/demo/users/u", json=body, headers={"Host": "localhost:8080"})
    assert answer.get_json()["preferred_categories"] == ["Art"]
    export = _asked(client, "/api/v1/users/u/data")
    assert isinstance(export, dict)
    (fields,) = [found["fields"] for found in export["documents"] if found["collection"] == "users"]
    assert (fields["friends"], fields["location"]) == (["v"], {"lat": 1.5, "lng": 2.5})


def test_pages_of_the_site_have_the_stage_and_are_compressed_for_browsers(client: FlaskClient) -> None:
    local = {"Host": "localhost:8080"}
    pages = {name: client.get(f"/{name}", headers=local) for name in ("", "event.html", "mine.html", "dashboard.html")}
    assert [page.data.count(b"demo/demo.css") for page in pages.values()] == [1, 1, 1, 0]
    page = pages[""]
    zipped = client.get("/", headers={**local, "Accept-Encoding": "gzip"})
    assert (zipped.content_encoding, gzip.decompress(zipped.data)) == ("gzip", page.data)
    known = {**local, "Accept-Encoding": "gzip", "If-None-Match": page.headers["ETag"]}
    with client.get("/", headers=known) as again:
        assert (again.status_code, again.data) == (304, b"")
    assert client.get("/", headers={**local, "Accept-Encoding": "gzip;q=0"}).data == page.data


@pytest.mark.parametrize(
    ("body", "name"),
    [("[]", "body"), ("{", "body"), ('{"location": 1}', "location"), ('{"max_price": -1}', "max_price")],
)
def test_an_unacceptable_profile_is_refused_with_its_field(client: FlaskClient, body: str, name: str) -> None:
    headers = {"Host": "localhost:8080", "Content-Type": "application/json"}
    answer = client.put("/demo/users/u", data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["field"]) == (400, name)
