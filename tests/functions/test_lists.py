"""Routes that list events: personalization, filters, pagination, rules, ranking and audiences."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions import wiring
from functions.routes.call import Call
from shared.adapters.keys import StoredKeys
from shared.adapters.sqlite.events import SqliteEvents
from shared.entities import Event, InteractionType
from shared.entities.provenance import ListKind, Provenance, Segment, named, verified
from shared.errors import StoreUnavailable
from shared.ports import Caller, Documents
from shared.services.ingest.upgrade import FORMER_IDS, former_id
from shared.services.serving.snapshot import Serving
from tests import laws
from tests.deployment import Clock, Wire
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.functions.conftest import ALL, book
from tests.stores import FragileObjects, Outage, fragile, keys

API = "/api/v1"
LISTS = ("/recommendations", "/events/jazz_1/similar", "/events/popular", "/events/trending")
KINDS = (ListKind.RECOMMENDATIONS, ListKind.SIMILAR, ListKind.POPULAR, ListKind.TRENDING)


def _get(client: FlaskClient, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(API + path, query_string={name.rstrip("_"): value for name, value in query.items()})
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def _ids(client: FlaskClient, path: str, **query: Any) -> list[str]:
    return [item["event_id"] for item in _get(client, path, **{"limit": 100} | query)["items"]]


def _provenance(body: dict[str, Any], user_id: str, *, at: datetime = NOW) -> Provenance:
    found = verified(body["recommendation_id"], keys(), user_id=user_id, at=at)
    assert found is not None
    return found


@pytest.mark.parametrize(("path", "kind"), list(zip(LISTS, KINDS, strict=True)))
def test_the_id_of_a_list_says_where_the_list_came_from(
    trained: FlaskClient, clock: Clock, path: str, kind: ListKind
) -> None:
    for user_id, segment in (("jazz_fan_0", Segment.WARM), ("", Segment.NOBODY), ("new", Segment.COLD)):
        body = _get(trained, path, user_id=user_id) if user_id else _get(trained, path)
        found = _provenance(body, user_id, at=clock.now)
        assert (found.kind, found.segment, found.model) == (kind, segment, named(body["model_version"]))
        assert (found.issued_at, found.is_fallback, found.is_degraded) == (int(clock.now.timestamp()), False, False)
        assert [source for source in found.sources if source] == [item["source"] for item in body["items"]]
        if user_id:
            assert verified(body["recommendation_id"], keys(), user_id="another", at=clock.now) is None


def test_the_id_of_a_ranking_says_so(trained: FlaskClient, clock: Clock) -> None:
    body = trained.post(f"{API}/rank", json={"user_id": "u", "event_ids": ["jazz_1"], "explain": False}).get_json()
    found = _provenance(body, "u", at=clock.now)
    assert (found.kind, set(found.sources)) == (ListKind.RANK, set() if not body["items"] else {""})


def test_the_id_of_a_list_without_a_model_says_that_it_is_a_fallback(client: FlaskClient) -> None:
    found = _provenance(_get(client, "/recommendations", user_id="new"), "new")
    assert (found.is_fallback, found.model) == (True, 0)


def test_lists_of_those_without_an_account_or_the_wish_to_be_profiled_say_so(
    wire: Wire, client: FlaskClient, store: Documents, clock: Clock
) -> None:
    store.users.allow_profiling("jazz_fan_0", allowed=False, now=clock.now)
    body = _get(client, "/recommendations", user_id="jazz_fan_0")
    assert _provenance(body, "jazz_fan_0").segment is Segment.UNPROFILED
    wire(require_auth=True)
    given = client.get(f"{API}/recommendations", headers={"Authorization": "Bearer anonymous:uid"}).get_json()
    assert _provenance(given, "uid").segment is Segment.VISITOR


def test_two_lists_of_a_second_have_ids_of_their_own(client: FlaskClient) -> None:
    assert len({_get(client, "/recommendations", user_id="u")["recommendation_id"] for _ in range(5)}) == 5


def test_a_list_is_answered_while_the_key_cannot_be_read(wire: Wire, client: FlaskClient, clock: Clock) -> None:
    wired = wire()
    outage = Outage(is_on=True)
    source = StoredKeys(FragileObjects(wired.objects, outage))
    serving = Serving(wired.documents, wired.objects, refresh_s=30, keys=source.made)
    with wiring.use(replace(wired, serving=serving)):
        body = _get(client, "/recommendations", user_id="u")
        assert (len(body["items"]), body["degraded"]) == (10, [])
        assert verified(body["recommendation_id"], keys(), user_id="u", at=clock.now) is None
        outage.is_on = False
        clock.forward()
        unmade = _get(client, "/recommendations", user_id="u")
        assert wired.objects.names("keys/") == []
        assert verified(unmade["recommendation_id"], source(), user_id="u", at=clock.now) is None
        clock.forward()
        after = _get(client, "/recommendations", user_id="u")
        assert verified(after["recommendation_id"], source(), user_id="u", at=clock.now)


COMMAS = ("food, drink", ",", "a,b,", r"back\, slash", "plain", "ends\\")


@pytest.mark.parametrize("name", COMMAS)
@pytest.mark.parametrize("form", ["repeated", "escaped"])
def test_tags_and_ids_with_commas_can_be_named(
    trained: FlaskClient, store: Documents, clock: Clock, name: str, form: str
) -> None:
    events = [an_event(f"id {number} {tag}", tags=(tag,)) for number in (1, 2) for tag in COMMAS]
    store.events.put(events, now=clock.now)
    clock.forward()
    first, second = f"id 1 {name}", f"id 2 {name}"
    given: Any = (lambda value: [value, value]) if form == "repeated" else (lambda value: value.replace(",", r"\,"))
    assert set(_ids(trained, "/events/popular", tags=given(name))) == {first, second}
    assert set(_ids(trained, "/events/popular", tags=given(name), exclude=given(first))) == {second}
    both = [name, COMMAS[0]] if form == "repeated" else ",".join(map(given, (COMMAS[0], name)))
    listed = _ids(trained, "/events/popular", tags=both)
    assert set(listed) == {f"id {number} {tag}" for number in (1, 2) for tag in (name, COMMAS[0])}
    found = trained.get(f"{API}/recommendations", query_string={"recent": given(first)})
    assert found.status_code == 200


@pytest.mark.parametrize("query", ["limit=5&limit=6", "when=week&when=week", "near=1&near=2&near=3", "tags=a&tags="])
def test_only_lists_are_repeated_and_within_their_limits(trained: FlaskClient, query: str) -> None:
    refused = trained.get(f"{API}/recommendations?{query}")
    assert refused.status_code == 400
    assert refused.get_json()["field"] == query.partition("=")[0]


@pytest.mark.parametrize("title", ["🎷 Jazz 👩🏽‍🚀 " * 70, "ü" * 1_000, "Rock &amp; Roll <b>Night</b> <3"])
def test_answers_and_reasons_carry_whole_titles(
    trained: FlaskClient, store: Documents, clock: Clock, title: str
) -> None:
    plain = "Rock & Roll Night <3" if "&" in title else title
    document = {"title": title, "organizer_id": "long", "tags": ["long"], "starts_at": NOW + 9 * DAY}
    for event_id in ("long_1", "long_2"):
        store.events.put([Event.from_document(event_id, document)], now=clock.now)
    book(store, "fan", "long_1", clock)
    clock.forward()
    items = {item["event_id"]: item for item in _get(trained, "/recommendations", user_id="fan", limit=100)["items"]}
    assert items["long_2"]["title"] == plain
    assert f"because you booked {plain}" in items["long_2"]["reasons"]


@pytest.mark.parametrize("path", LISTS)
def test_pagination_never_repeats_an_event(trained: FlaskClient, clock: Clock, path: str) -> None:
    whole, seen = _ids(trained, path), list[str]()
    cursor: str | None = ""
    for _ in range(1 + len(whole) // 4):
        page = _get(trained, path, limit=4, **({"cursor": cursor} if cursor else {}))
        seen += [item["event_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert cursor is None
    assert sorted(seen) == sorted(whole)
    if path != "/events/trending":
        assert seen == whole


@pytest.mark.parametrize("path", LISTS)
def test_filters_apply_to_every_list(trained: FlaskClient, path: str) -> None:
    jazz, yoga = ({name for name in ALL if name.startswith(kind)} - {"jazz_1"} for kind in ("jazz", "yoga"))
    everything = set(_ids(trained, path))
    for query, kind in (
        ({"near": "41.97,-87.66", "radius_km": 5}, jazz),
        ({"near": "41.79,-87.59", "radius_km": 5}, yoga),
        ({"category": "MUSIC"}, jazz),
        ({"tags": "calm,unheard of"}, yoga),
        ({"max_price": 8}, yoga),
        ({"city": "chicago"}, jazz | yoga),
        ({"city": "Boston"}, set()),
    ):
        assert set(_ids(trained, path, **query)) - {"jazz_1"} == kind & everything, query
    some = sorted(everything)[:3]
    assert set(_ids(trained, path, exclude=",".join(some))) == everything - set(some)
    soon = set(_ids(trained, path, from_="2026-05-01T12:00:00Z", to="2026-05-05T23:00:00Z"))
    assert soon - {"jazz_1"} == {name for name in everything if name[-1] in "01"} - {"jazz_1"}
    assert all(1 <= int(name[-1]) + 3 <= 6 for name in _ids(trained, path, when="week"))


@pytest.mark.parametrize("path", LISTS)
def test_consumed_and_dismissed_events_are_left_out_for_a_known_viewer(
    trained: FlaskClient, store: Documents, path: str
) -> None:
    store.users.remember([an_interaction("viewer", "yoga_3", InteractionType.DISMISS)])
    store.users.remember([an_interaction("viewer", "jazz_3", InteractionType.BOOKING)])
    before, after = set(_ids(trained, path)), set(_ids(trained, path, user_id="viewer"))
    assert before - after == before & {"yoga_3", "jazz_3"}
    assert after < before


@pytest.mark.parametrize("path", LISTS)
def test_explain_false_leaves_out_source_and_reasons(trained: FlaskClient, path: str) -> None:
    for item in _get(trained, path, explain="false")["items"]:
        assert (item["source"], item["reasons"]) == (None, [])


def test_session_events_change_the_list_of_a_cold_start_user_at_once(trained: FlaskClient) -> None:
    first = _get(trained, "/recommendations", recent="yoga_0,yoga_1", limit=3)["items"]
    assert {item["event_id"].partition("_")[0] for item in first} == {"yoga"}
    assert first[0]["reasons"][0].startswith("because you looked at Yoga")
    assert _get(trained, "/recommendations", recent="unknown")["items"] == _get(trained, "/recommendations")["items"]


def test_per_organizer_caps_and_diversity_mixes_lists(trained: FlaskClient) -> None:
    query = {"user_id": "jazz_fan_0", "limit": 4}
    assert len(_get(trained, "/recommendations", per_organizer=1, **query)["items"]) == 4
    best, mixed = (
        {name.partition("_")[0] for name in _ids(trained, "/recommendations", **query | {"diversity": diversity})}
        for diversity in (0, 0.9)
    )
    assert (best, mixed) == ({"jazz"}, {"jazz", "yoga"})


def test_similar_events_share_attributes_and_name_the_reason(trained: FlaskClient) -> None:
    for event_id in ("yoga_1", "yoga_12"):
        items = _get(trained, f"/events/{event_id}/similar", limit=5)["items"]
        assert {item["event_id"].partition("_")[0] for item in items} == {"yoga"}
        assert event_id not in {item["event_id"] for item in items}
        assert {item["source"] for item in items} == {"content"}


def test_an_event_unknown_to_the_instance_has_similar_events(trained: FlaskClient, store: Documents) -> None:
    fresh = replace(laws.city().events[0], event_id="fresh", status=laws.city().events[0].status)
    store.events.put([fresh], now=NOW)
    items = _get(trained, "/events/fresh/similar", limit=5)["items"]
    assert {item["event_id"].partition("_")[0] for item in items} == {"jazz"}


def test_similar_events_of_a_missing_event_are_not_found(trained: FlaskClient, wire: Wire, store: Documents) -> None:
    response = trained.get(f"{API}/events/unknown/similar")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert "'unknown'" in response.get_json(force=True)["detail"]
    wire(fragile(store, events=Outage(is_on=True)))
    assert trained.get(f"{API}/events/unknown/similar").status_code == 503


def test_popular_events_follow_recent_counts(trained: FlaskClient, store: Documents, clock: Clock) -> None:
    for number in range(8):
        book(store, f"u{number}", "yoga_9", clock)
    clock.forward()
    for window in ("day", "week", "month"):
        assert _ids(trained, "/events/popular", window=window)[0] == "yoga_9"
        trend = _get(trained, "/events/trending", window=window)["items"]
        assert (trend[0]["event_id"], trend[0]["source"]) == ("yoga_9", "trending")


def _rank(client: FlaskClient, **body: Any) -> dict[str, Any]:
    response = client.post(f"{API}/rank", json=body)
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def test_rank_orders_the_caller_s_events_for_the_user(trained: FlaskClient) -> None:
    ids = [f"{kind}_{number}" for number in range(10) for kind in ("jazz", "yoga")]
    answer = _rank(trained, event_ids=[*ids, "jazz_11", "unknown"], user_id="yoga_fan_0")
    ranked = [item["event_id"] for item in answer["items"]]
    taken = laws.seen(laws.city(), "yoga_fan_0")
    assert set(ranked) == set(ids) - taken
    assert set(answer["left_out"]) == (taken & {*ids, "jazz_11"}) | {"jazz_11", "unknown"}
    assert ranked[0].startswith("yoga")
    best = _ids(trained, "/recommendations", user_id="yoga_fan_0")
    assert ranked == [name for name in best if name in ranked]


def test_rank_ignores_repeated_ids(trained: FlaskClient) -> None:
    assert len(_rank(trained, event_ids=["jazz_1", "jazz_1"])["items"]) == 1


def test_organizers_are_not_recommended_their_own_events(wire: Wire, trained: FlaskClient) -> None:
    wire(require_auth=True)
    for path in LISTS:
        headers = {"Authorization": "Bearer user:olga:jazz_club_0"}
        response = trained.get(f"{API}{path}?limit=100", headers=headers)
        shown = {item["event_id"] for item in response.get_json()["items"]}
        everything = {item["event_id"] for item in trained.get(f"{API}{path}?limit=100").get_json()["items"]}
        assert everything - shown == {name for name in everything if name in {f"jazz_{n}" for n in range(0, 10, 2)}}


def test_organizer_ids_are_known_for_the_token_s_own_user_only() -> None:
    call = Call(Caller("root", is_admin=True, organizer_ids=("club",)), {"user_id": "alice"}, None, "203.0.113.7")
    assert (call.acting_user(), call.organizer_ids("alice"), call.organizer_ids("root")) == ("alice", (), ("club",))


def test_rules_take_effect_after_the_next_refresh(trained: FlaskClient, clock: Clock) -> None:
    rules = {
        "pinned": [{"event_id": "yoga_5"}],
        "blocked_events": ["jazz_0"],
        "blocked_organizers": ["yoga_club_0"],
        "max_per_organizer": 3,
    }
    assert trained.put(f"{API}/rules", json=rules).get_json() == rules
    assert trained.get(f"{API}/rules").get_json() == rules
    clock.forward()
    answer = _get(trained, "/recommendations", user_id="jazz_fan_0", limit=100)["items"]
    assert (answer[0]["event_id"], answer[0]["source"]) == ("yoga_5", "pinned")
    assert len(answer) <= 9
    for path in LISTS:
        blocked = {"jazz_0", *(f"yoga_{number}" for number in range(0, 10, 2))}
        assert not blocked & set(_ids(trained, path))


def test_a_preview_shows_both_lists_and_changes_neither_rules_nor_figures(trained: FlaskClient, clock: Clock) -> None:
    in_force = {"blocked_events": ["jazz_1"]}
    trained.put(f"{API}/rules", json=in_force)
    clock.forward()
    now = _ids(trained, "/recommendations", user_id="jazz_fan_0", limit=5)
    body = {
        "rules": {"pinned": [{"event_id": "yoga_5"}], "blocked_events": [now[0]]},
        "user_id": "jazz_fan_0",
        "limit": 5,
    }
    found = trained.post(f"{API}/rules:preview", json=body).get_json()
    assert [item["event_id"] for item in found["before"]] == now
    after = [item["event_id"] for item in found["after"]]
    assert (after[0], found["after"][0]["source"]) == ("yoga_5", "pinned")
    assert now[0] not in after
    assert len(after) == 5
    assert trained.get(f"{API}/rules").get_json() == in_force
    # The rules that are tried take effect as they will when they are stored.
    trained.put(f"{API}/rules", json=body["rules"])
    clock.forward()
    assert _ids(trained, "/recommendations", user_id="jazz_fan_0", limit=5) == after


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "rules"),
        ({"rules": {"pinned": [{}]}}, "event_id"),
        ({"rules": {}, "limit": 101}, "limit"),
        ({"rules": {}, "user_id": "a/b"}, "user_id"),
        ({"rules": {}, "k": 1}, "k"),
    ],
)
def test_an_invalid_preview_is_refused_by_field(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    response = client.post(f"{API}/rules:preview", json=body)
    assert (response.status_code, response.get_json(force=True)["field"]) == (400, field)


def test_invalid_rules_are_refused_by_field(client: FlaskClient) -> None:
    for rules, field in (
        ({"pinned": [{}]}, "event_id"),
        ({"max_per_organizer": 0}, "max_per_organizer"),
        ({"x": 1}, "x"),
    ):
        response = client.put(f"{API}/rules", json=rules)
        assert (response.status_code, response.get_json(force=True)["field"]) == (400, field)


def test_a_rule_whose_time_never_comes_is_refused_unless_it_is_stored(trained: FlaskClient, clock: Clock) -> None:
    ends = (clock.now + timedelta(seconds=1)).isoformat()
    boosted = {"boosted_events": [{"event_id": "jazz_1", "strength": 2.0, "ends_at": ends}]}
    stored = trained.put(f"{API}/rules", json=boosted).get_json()
    clock.forward()
    changed = {**stored, "max_per_organizer": 3}
    assert trained.post(f"{API}/rules:preview", json={"rules": changed}).status_code == 200
    kept = trained.put(f"{API}/rules", json=changed)
    assert (kept.status_code, trained.get(f"{API}/rules").get_json()) == (200, changed)
    later = [(clock.now + timedelta(days=days)).isoformat() for days in (1, 2)]
    for times in ({"ends_at": ends}, {"starts_at": later[1], "ends_at": later[0]}):
        for kind in ("pinned", "boosted_events"):
            rules = {kind: [{"event_id": "jazz_2", **times}]}
            for response in (
                trained.put(f"{API}/rules", json=rules),
                trained.post(f"{API}/rules:preview", json={"rules": rules}),
            ):
                assert (response.status_code, response.get_json(force=True)["field"]) == (400, "ends_at")
    assert trained.get(f"{API}/rules").get_json()["boosted_events"] == stored["boosted_events"]


@pytest.mark.parametrize("dates", ["overlaps", "starts"])
@pytest.mark.parametrize("path", LISTS)
def test_limits_in_the_wrong_order_are_refused_by_field(trained: FlaskClient, path: str, dates: str) -> None:
    period = {"from": "2026-05-03T00:00:00Z", "dates": dates}
    for until in ("2026-05-03T02:00:00+02:00", "2026-05-03T03:00:00+02:00"):
        assert trained.get(API + path, query_string={**period, "to": until}).status_code == 200
    for until in ("2026-05-02T23:59:59Z", "2026-05-03T01:00:00+02:00"):
        response = trained.get(API + path, query_string={**period, "to": until})
        assert (response.status_code, response.get_json(force=True)["field"]) == (400, "to")


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("user:alice", 403), ("admin:root", 200)])
def test_rules_are_for_admins(wire: Wire, client: FlaskClient, token: str | None, status: int) -> None:
    wire(require_auth=True)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert client.get(f"{API}/rules", headers=headers).status_code == status
    assert client.put(f"{API}/rules", headers=headers, json={}).status_code == status
    assert client.post(f"{API}/rules:preview", headers=headers, json={"rules": {}}).status_code == status


def test_similar_events_of_an_unreadable_event_are_not_found(trained: FlaskClient, store: Documents) -> None:
    _get(trained, "/events/popular")  # refreshes, so that the next request does not
    store.events.put([an_event("odd", starts_at=NOW + DAY)], now=NOW)
    assert isinstance(store.events, SqliteEvents)
    with store.events._database.transaction() as connection:
        connection.execute("""UPDATE events SET document = '{"starts_at": "soon"}' WHERE event_id = 'odd'""")
    assert trained.get(f"{API}/events/odd/similar").status_code == 404


def _audience(client: FlaskClient, token: str | None, event_id: str = "jazz_1", **query: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.get(f"{API}/events/{event_id}/audience", query_string=query, headers=headers)


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (None, 401),
        ("user:olga", 403),
        ("user:olga:yoga_club_1", 403),
        ("user:olga:jazz_club_1", 200),
        ("admin:root", 200),
    ],
)
def test_an_audience_is_for_the_organizer_and_admins(
    wire: Wire, trained: FlaskClient, token: str | None, status: int
) -> None:
    wire(require_auth=True)
    assert _audience(trained, token).status_code == status


def test_an_audience_ranks_matching_users_first_and_leaves_out_attendees(trained: FlaskClient) -> None:
    body = _audience(trained, None, limit=100).get_json()
    guests = [guest["user_id"] for guest in body["users"]]
    coming = {interaction.user_id for interaction in laws.city().interactions if interaction.event_id == "jazz_1"}
    assert body["considered"] == len(guests) + len(coming)
    assert not coming & set(guests)
    kinds = [guest.partition("_")[0] for guest in guests]
    assert {"jazz"} <= set(kinds[:5]) <= {"jazz", "omnivore"}
    assert [guest["user_id"] for guest in _audience(trained, None, limit=2).get_json()["users"]] == guests[:2]


CONSUMING = [kind for kind in InteractionType if kind.meaning.takes_event or kind.meaning.hides_event]


def _act(
    store: Documents,
    user_id: str,
    *kinds: InteractionType,
    event_id: str = "jazz_1",
    at: datetime,
    is_former: bool = False,
) -> None:
    for minute, kind in enumerate(kinds):
        now = at + timedelta(minutes=minute)
        entry = an_interaction(user_id, event_id, kind, occurred_at=now)
        store.interactions.append([replace(entry, interaction_id=former_id(entry)) if is_former else entry], now=now)


@pytest.mark.parametrize("ids", ["current", "former"])
@pytest.mark.parametrize("age", [31 * DAY, 400 * DAY])
def test_an_audience_is_without_those_who_took_the_event_long_ago(
    trained: FlaskClient, store: Documents, age: timedelta, ids: str
) -> None:
    is_former = ids == "former"
    before = _audience(trained, None, limit=100).get_json()
    guests = [guest["user_id"] for guest in before["users"]]
    gone = dict(zip(guests, CONSUMING, strict=False))
    undone = dict(zip(guests[len(gone) :], (InteractionType.CANCEL, InteractionType.UNDISMISS), strict=False))
    for user_id, kind in gone.items():
        _act(store, user_id, kind, at=NOW - age, is_former=is_former)
    for user_id, kind in undone.items():
        undone_kind = InteractionType(kind.family)
        _act(store, user_id, undone_kind, at=NOW - age, is_former=is_former)
        _act(store, user_id, kind, at=NOW - age + DAY)
    if is_former:
        store.bookmarks.move(FORMER_IDS, NOW)
        # Earlier versions gave one id to different users and events.
        other = replace(
            an_interaction(guests[-2], "y", occurred_at=NOW - age), interaction_id=f"{guests[-1]}_jazz_1_booking"
        )
        store.interactions.append([other], now=NOW - age)
    after = _audience(trained, None, limit=100).get_json()
    assert [guest["user_id"] for guest in after["users"]] == [user for user in guests if user not in gone]
    assert after["considered"] == before["considered"]
    for limit in (1, 2, 5):
        few = _audience(trained, None, limit=limit).get_json()["users"]
        assert [guest["user_id"] for guest in few] == guests[len(gone) : len(gone) + limit]


def test_an_audience_is_without_visitors_and_anonymous_accounts(
    wire: Wire, trained: FlaskClient, store: Documents, clock: Clock
) -> None:
    wire(require_auth=True)
    admin = {"Authorization": "Bearer admin:root"}
    before = trained.get(f"{API}/events/jazz_1/audience?limit=100", headers=admin).get_json()
    batch = {"interactions": [{"type": "view", "event_id": f"jazz_{n}"} for n in range(3)]}
    for _ in range(2):
        for n in range(5):
            visit = batch | {"anonymous_id": f"visitor-{n:010}"}
            assert trained.post(f"{API}/interactions", json=visit).status_code == 200
            unsigned = {"Authorization": f"Bearer anonymous:account_{n}"}
            assert trained.post(f"{API}/interactions", json=batch, headers=unsigned).status_code == 200
        clock.forward(DAY)
    after = trained.get(f"{API}/events/jazz_1/audience?limit=100", headers=admin).get_json()
    assert {guest["user_id"] for guest in after["users"]} == {guest["user_id"] for guest in before["users"]}
    assert after["considered"] == before["considered"]
    signed = {"Authorization": "Bearer user:account_0"}
    assert trained.post(f"{API}/interactions", json=batch, headers=signed).status_code == 200
    now_known = trained.get(f"{API}/events/jazz_1/audience?limit=100", headers=admin).get_json()
    assert now_known["considered"] == before["considered"] + 1


def test_an_audience_is_empty_when_nobody_knows_who_took_the_event(
    wire: Wire, trained: FlaskClient, store: Documents
) -> None:
    def get(_: object) -> dict[str, Any]:
        raise StoreUnavailable("the store is down")

    log = store.interactions
    members: dict[str, Any] = {name: getattr(log, name) for name in dir(log) if not name.startswith("_")}
    wire(replace(store, interactions=SimpleNamespace(**members | {"get": get})))
    body = _audience(trained, None).get_json()
    assert (body["users"], "history" in body["degraded"]) == ([], True)


def test_an_audience_of_a_missing_event_is_not_found(trained: FlaskClient) -> None:
    assert _audience(trained, None, "unknown").status_code == 404


def test_an_audience_is_without_users_who_do_not_wish_to_be_profiled(trained: FlaskClient, store: Documents) -> None:
    before = _audience(trained, None, limit=100).get_json()
    guests = [guest["user_id"] for guest in before["users"]]
    store.users.allow_profiling(guests[0], allowed=False, now=NOW)
    after = _audience(trained, None, limit=100).get_json()
    assert after["considered"] == before["considered"] - 1
    assert [guest["user_id"] for guest in after["users"]] == guests[1:]


def test_an_audience_is_empty_when_the_wishes_of_its_users_are_unknown(
    wire: Wire, trained: FlaskClient, store: Documents
) -> None:
    wire(fragile(store, users=Outage(is_on=True)))
    body = _audience(trained, None).get_json()
    assert (body["users"], body["considered"]) == ([], 0)
    assert "history" in body["degraded"]


FAN = "yoga_fan_0"
RECENT = ["yoga_3", "yoga_4"]


def _every_list(client: FlaskClient, user_id: str, *, is_recent: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Items of every list for a user, "" for a cold-start user."""
    given: dict[str, Any] = {"user_id": user_id} if user_id else {}
    recent = {"recent": RECENT} if is_recent else {}
    found = {path: _get(client, path, limit=100, **given)["items"] for path in LISTS}
    query = {name: ",".join(ids) for name, ids in recent.items()}
    found["recommendations with filters"] = _get(client, "/recommendations", category="sport", **given, **query)[
        "items"
    ]
    found["recommendations"] = _get(client, "/recommendations", limit=100, **given, **query)["items"]
    ranked = client.post(f"{API}/rank", json={"event_ids": sorted(ALL), **given, **recent})
    assert ranked.status_code == 200, ranked.text
    found["rank"] = ranked.get_json()["items"]
    return found


def test_lists_of_a_user_who_does_not_wish_to_be_profiled_are_those_of_a_cold_start_user(
    trained: FlaskClient, store: Documents, clock: Clock
) -> None:
    book(store, FAN, "jazz_2", clock)
    store.users.put([replace(store.users.profile(FAN, timeout_s=1).user, city="Chicago")], now=clock.now)
    personal, cold_start = _every_list(trained, FAN, is_recent=True), _every_list(trained, "")
    taken = {entry.event_id for entry in store.users.profile(FAN, timeout_s=1).history if entry.type == "booking"}
    expected = {name: [item for item in items if item["event_id"] not in taken] for name, items in cold_start.items()}
    assert "jazz_2" in taken
    for name in ("/recommendations", "recommendations", "recommendations with filters", "rank"):
        assert personal[name] != expected[name]
    assert trained.put(f"{API}/users/{FAN}/profiling", json={"allowed": False}).status_code == 200
    assert _every_list(trained, FAN, is_recent=True) == _every_list(trained, FAN) == expected
    assert trained.put(f"{API}/users/{FAN}/profiling", json={"allowed": True}).status_code == 200
    assert _every_list(trained, FAN, is_recent=True) == personal


def test_organizers_who_do_not_wish_to_be_profiled_are_not_recommended_their_own_events(
    trained: FlaskClient, store: Documents
) -> None:
    store.users.allow_profiling("jazz_club_0", allowed=False, now=NOW)
    shown = {item["event_id"] for items in _every_list(trained, "jazz_club_0").values() for item in items}
    organizers = {event.event_id: event.organizer_id for event in laws.city().events}
    assert {organizers[event_id] for event_id in shown} == {"jazz_club_1", "yoga_club_0", "yoga_club_1"}
