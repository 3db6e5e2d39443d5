"""Personal data over HTTP: export and erasure, visitors who sign in, and the rate limit of interactions."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from pyarrow import parquet

from functions import wiring
from functions.interaction import interaction
from functions.wiring import (
    MAX_SENT,
    MAX_SENT_BY_ADDRESS,
    MAX_SENT_BY_HOSTING,
    MAX_SENT_BY_VISITORS,
    SENT_IN,
    Services,
)
from shared.adapters.cloudevent import encode_change
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.sqlite.events import SqliteEvents
from shared.entities import InteractionType, User
from shared.errors import InvalidField, TooMany
from shared.ports import Documents
from shared.services.ingest.bulk_load import load_interactions
from shared.services.ingest.erasure import export
from shared.services.ingest.quota import Quota, VisitorQuota
from tests import laws
from tests.deployment import Clock, created, delivered
from tests.examples import DAY, NOW, an_interaction

Wire = Callable[..., Services]
INTERACTIONS = "/api/v1/interactions"
VISITOR = "0b8c8f9f-5f5c-4f0e-9d4e"
GONE = "gone_user"
ACCOUNT = "mG1bqXw3vNRkZc9tYh2sPq7LdUe4"
TOKEN = {"Authorization": f"Bearer user:{GONE}"}


def click(event_id: str, **given: Any) -> dict[str, Any]:
    return {"type": "click", "event_id": event_id} | given


def deliver_all(store: Documents) -> None:
    """Deliver every document to the trigger, in any order and repeatedly, as Firestore does."""
    for stored in store.interactions.uncounted(NOW):
        interaction(created(stored.interaction_id, stored.to_document()))


@pytest.fixture
def signed_in(wire: Wire, client: FlaskClient) -> FlaskClient:
    wire(require_auth=True)
    return client


def everything(store: Documents, folder: Path) -> str:
    """Contents of all tables and objects as text, with the compressed files of the ledger decoded."""
    assert isinstance(store.events, SqliteEvents)
    database = store.events._database
    tables = [name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'", ())]
    rows = [database.rows(f"SELECT * FROM {table}", ()) for table in tables]  # noqa: S608  # names of the schema
    objects = FolderObjects(folder)
    blobs = {name: blob.data for name in objects.names("") if (blob := objects.read(name))}
    tables = [
        parquet.read_table(pa.BufferReader(data)).to_pylist() for name, data in blobs.items() if "parquet" in name
    ]
    return repr((rows, blobs, tables))


def test_an_erased_user_leaves_no_data(signed_in: FlaskClient, store: Documents, tmp_path: Path, clock: Clock) -> None:
    store.users.put([User(user_id=GONE, city="Bern"), User(user_id="friend", friends=(GONE,))], now=NOW)
    entries = [click("jazz_1"), {"type": "booking", "event_id": "jazz_2"}, {"type": "dismiss", "event_id": "yoga_1"}]
    entries += [{"type": "search", "query": "jazz"}]
    assert signed_in.post(INTERACTIONS, json={"interactions": entries}, headers=TOKEN).status_code == 200
    late = [(stored.interaction_id, stored.to_document()) for stored in store.interactions.uncounted(NOW)]
    deliver_all(store)
    interaction(created(f"{GONE}_x", {"user_id": GONE, "type": "dance"}))
    assert signed_in.post("/retrain").status_code == 200
    assert len(everything(store, tmp_path).split(GONE)) > 20
    assert "parquet" in everything(store, tmp_path)
    assert [event_id for event_id, counts, _ in store.counters.changed_since(NOW) if counts] == ["jazz_2", "yoga_1"]

    clock.forward()
    answer = signed_in.delete(f"/api/v1/users/{GONE}", headers=TOKEN)
    assert (answer.status_code, answer.get_json()["erased"]) == (200, 8)
    for key, fields in late:
        interaction(created(key, fields))
    clock.forward(timedelta(days=1))
    assert signed_in.post("/retrain").status_code == 200
    assert GONE not in everything(store, tmp_path)
    # States are taken back, so that an account gains nothing by starting again.
    assert not any(counts for _, counts, _ in store.counters.changed_since(NOW))
    assert signed_in.delete(f"/api/v1/users/{GONE}", headers=TOKEN).get_json()["erased"] == 0
    assert not any(counts for _, counts, _ in store.counters.changed_since(NOW))


def test_a_user_who_was_active_only_before_the_limit_leaves_no_data(
    client: FlaskClient, wire: Wire, store: Documents, tmp_path: Path, clock: Clock
) -> None:
    wire(model="blend", challengers_s=0.0)
    long_ago = NOW - 200 * DAY
    kinds = (InteractionType.BOOKING, InteractionType.SAVE, InteractionType.VIEW, InteractionType.SEARCH)
    done = [an_interaction(GONE, "jazz_2", kind, occurred_at=long_ago, query="jazz") for kind in kinds]
    load_interactions(store, done, now=NOW - DAY)
    assert client.post("/retrain").get_json()["decision"] == "published"
    assert GONE in everything(store, tmp_path)
    counts = [counts for event_id, counts, _ in store.counters.changed_since(None) if event_id == "jazz_2"]
    deletions = [(entry.interaction_id, entry.to_document()) for entry in store.interactions.since(None)]

    clock.forward(timedelta(hours=1))
    wire(model="blend", challengers_s=0.0, keep_days=199)
    assert client.post("/monitor").get_json()["expired"] == len(done)
    for key, fields in deletions:
        if key in {entry.interaction_id for entry in done}:
            interaction(delivered(encode_change("interactions", key, None, fields)))
    assert client.post("/retrain").get_json()["decision"] == "published"
    assert GONE not in everything(store, tmp_path)
    assert counts == [counts for event_id, counts, _ in store.counters.changed_since(None) if event_id == "jazz_2"]


def test_an_erased_user_is_a_cold_start_user_and_may_start_again(
    signed_in: FlaskClient, store: Documents, clock: Clock
) -> None:
    signed_in.post("/retrain")
    clock.forward()

    def items() -> list[dict[str, Any]]:
        return list(signed_in.get("/api/v1/recommendations", headers=TOKEN).get_json()["items"])

    cold_start = signed_in.get("/api/v1/recommendations").get_json()["items"]
    signed_in.post(INTERACTIONS, json={"interactions": [{"type": "booking", "event_id": "jazz_1"}]}, headers=TOKEN)
    deliver_all(store)
    assert items() != cold_start
    signed_in.delete(f"/api/v1/users/{GONE}", headers=TOKEN)
    assert items() == cold_start
    clock.forward(timedelta(minutes=2))
    signed_in.post(INTERACTIONS, json={"interactions": [{"type": "save", "event_id": "jazz_1"}]}, headers=TOKEN)
    deliver_all(store)
    assert [entry.type for entry in store.users.profile(GONE, timeout_s=1).history] == [InteractionType.SAVE]


def test_an_export_contains_all_documents_about_the_user(signed_in: FlaskClient, store: Documents) -> None:
    store.users.put([User(user_id=GONE, city="Bern")], now=NOW)
    signed_in.post(INTERACTIONS, json={"interactions": [click("jazz_1"), click("jazz_2")]}, headers=TOKEN)
    deliver_all(store)
    answer = signed_in.get(f"/api/v1/users/{GONE}/data", headers=TOKEN)
    body = json.loads(answer.text)
    assert (body["user_id"], body["cursor"]) == (GONE, None)
    collections = [document["collection"] for document in body["documents"]]
    assert collections == ["users", "histories", "interactions", "interactions"]
    assert body["documents"][2]["fields"]["event_id"] == "jazz_1"
    refused = signed_in.get(f"/api/v1/users/{GONE}/data?cursor=elsewhere/none", headers=TOKEN)
    assert (refused.status_code, refused.get_json()["field"]) == (400, "cursor")


def test_a_paginated_export_contains_every_document_once(store: Documents) -> None:
    store.users.put([User(user_id=GONE)], now=NOW)
    done = [an_interaction(GONE, f"e{n}") for n in range(7)]
    store.interactions.append(done, now=NOW)
    store.users.remember(done)
    found: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        part = export(store.personal, user_id=GONE, cursor=cursor, page=2)
        found += [(document["collection"], document["id"]) for document in part.documents]
        cursor = part.cursor
    assert found == [(held.collection, held.document_id) for held in store.personal.of(GONE)]
    assert len(found) == 9
    with pytest.raises(InvalidField, match=r"^cursor: "):
        export(store.personal, user_id=GONE, cursor="elsewhere/x")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("delete", f"/users/{GONE}", None),
        ("get", f"/users/{GONE}/data", None),
        ("put", f"/users/{GONE}/profiling", {"allowed": False}),
    ],
)
def test_only_the_user_and_admins_may_export_erase_and_refuse_profiling(
    signed_in: FlaskClient, method: str, path: str, body: dict[str, bool] | None
) -> None:
    for token, status in (("", 401), ("user:other", 403), ("admin:root", 200), (f"user:{GONE}", 200)):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert signed_in.open(f"/api/v1{path}", method=method.upper(), json=body, headers=headers).status_code == status


def test_a_visitor_s_interactions_move_to_the_user_who_signs_in(
    signed_in: FlaskClient, store: Documents, clock: Clock
) -> None:
    visit = {"anonymous_id": VISITOR, "interactions": [click("jazz_1"), {"type": "save", "event_id": "jazz_2"}]}
    assert len(signed_in.post(INTERACTIONS, json=visit).get_json()["accepted"]) == 2
    deliver_all(store)
    assert list(store.counters.changed_since(None)) == []
    signing_in = {"anonymous_id": VISITOR, "interactions": [click("jazz_3")]}
    for _ in range(2):
        clock.forward()
        assert signed_in.post(INTERACTIONS, json=signing_in, headers=TOKEN).status_code == 200
        deliver_all(store)
    ids = {stored.interaction_id for stored in store.interactions.uncounted(NOW)}
    assert ids == {
        f"click:{len(GONE)}:{GONE}:20260501:jazz_1",
        f"save:{len(GONE)}:{GONE}:jazz_2",
        f"click:{len(GONE)}:{GONE}:20260501:jazz_3",
    }
    assert len(store.users.profile(GONE, timeout_s=1).history) == 3
    assert list(store.personal.of(f"~{VISITOR}")) == []
    ((event_id, counts, _),) = store.counters.changed_since(None)
    assert (event_id, counts.by_type) == ("jazz_2", {InteractionType.SAVE: 1})


def test_what_a_visitor_did_long_ago_counts_at_once_when_they_sign_in(
    signed_in: FlaskClient, store: Documents, clock: Clock
) -> None:
    visit = {"anonymous_id": VISITOR, "interactions": [{"type": "booking", "event_id": "jazz_2"}]}
    signed_in.post(INTERACTIONS, json=visit)
    clock.forward(8 * DAY)
    joining = {"anonymous_id": VISITOR, "interactions": [click("jazz_3")]}
    assert signed_in.post(INTERACTIONS, json=joining, headers=TOKEN).get_json()["joined"] == 1
    deliver_all(store)
    ((event_id, counts, _),) = store.counters.changed_since(None)
    assert (event_id, counts.by_type) == ("jazz_2", {InteractionType.BOOKING: 1})
    clock.forward(timedelta(minutes=30))
    assert signed_in.post("/monitor").get_json()["lost"] == 0


@pytest.mark.parametrize(
    ("port", "method"),
    [("personal", "of"), ("interactions", "append"), ("personal", "mark"), ("personal", "discard")],
)
def test_what_a_visitor_does_during_the_sign_in_becomes_the_user_s(
    signed_in: FlaskClient,
    store: Documents,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    port: str,
    method: str,
) -> None:
    inner = type(getattr(store, port))
    original = getattr(inner, method)
    waiting = [{"anonymous_id": VISITOR, "interactions": [click("jazz_3"), {"type": "booking", "event_id": "jazz_4"}]}]

    def met(*given: Any, **options: Any) -> Any:
        result = original(*given, **options)
        # Read to the end before the other request comes.
        result = iter(list(result)) if method == "of" else result
        while waiting:
            answer = signed_in.post(INTERACTIONS, json=waiting.pop())
            assert len(answer.get_json()["accepted"]) == 2
        return result

    signed_in.post(INTERACTIONS, json={"anonymous_id": VISITOR, "interactions": [click("jazz_1")]})
    monkeypatch.setattr(inner, method, met)
    joining = {"anonymous_id": VISITOR, "interactions": [click("jazz_2")]}
    assert signed_in.post(INTERACTIONS, json=joining, headers=TOKEN).get_json()["joined"] == 3
    deliver_all(store)
    done = [entry for entry in store.interactions.since(None) if entry.user_id == GONE]
    assert {entry.event_id for entry in done} == {"jazz_1", "jazz_2", "jazz_3", "jazz_4"}


def test_what_another_tab_sends_after_the_sign_in_stays_the_visitor_s_until_the_next(
    signed_in: FlaskClient, store: Documents, clock: Clock
) -> None:
    joining = {"anonymous_id": VISITOR, "interactions": [click("jazz_2")]}
    signed_in.post(INTERACTIONS, json={"anonymous_id": VISITOR, "interactions": [click("jazz_1")]})
    signed_in.post(INTERACTIONS, json=joining, headers=TOKEN)
    late = [click("jazz_3"), {"type": "booking", "event_id": "jazz_4"}]
    for seconds in (0, 20):
        clock.forward(timedelta(seconds=seconds))
        answer = signed_in.post(INTERACTIONS, json={"anonymous_id": VISITOR, "interactions": late})
        assert answer.status_code == 200
        assert len(answer.get_json()["accepted"]) == 2
        deliver_all(store)
        kept = {entry.event_id for entry in store.interactions.since(None) if entry.user_id == f"~{VISITOR}"}
        assert kept == {"jazz_3", "jazz_4"}
    assert signed_in.post(INTERACTIONS, json=joining, headers=TOKEN).get_json()["joined"] == 2
    deliver_all(store)
    assert {entry.user_id for entry in store.interactions.uncounted(NOW)} == {GONE}


def test_a_delivery_that_comes_long_after_the_sign_in_leaves_nothing_of_the_visitor(
    signed_in: FlaskClient, store: Documents, clock: Clock
) -> None:
    signed_in.post(INTERACTIONS, json={"anonymous_id": VISITOR, "interactions": [click("jazz_1")]})
    [done] = store.interactions.uncounted(NOW)
    clock.forward(timedelta(minutes=2))
    signed_in.post(INTERACTIONS, json={"anonymous_id": VISITOR, "interactions": [click("jazz_2")]}, headers=TOKEN)
    interaction(created(done.interaction_id, done.to_document()))
    assert list(store.personal.of(f"~{VISITOR}")) == []


def test_a_user_id_cannot_name_a_visitor(client: FlaskClient) -> None:
    answer = client.post(INTERACTIONS, json={"user_id": f"~{VISITOR}", "interactions": [click("e")]})
    assert (answer.status_code, answer.get_json()["field"]) == (400, "user_id")


def test_a_sign_in_needs_no_interaction_of_its_own(signed_in: FlaskClient) -> None:
    signed_in.post(INTERACTIONS, json={"anonymous_id": VISITOR, "interactions": [click("jazz_1")]})
    joining = {"anonymous_id": VISITOR, "interactions": []}
    answer = signed_in.post(INTERACTIONS, json=joining, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["accepted"], answer.get_json()["joined"]) == ([], 1)


@pytest.mark.parametrize(("headers", "who"), [(TOKEN, {}), ({}, {"anonymous_id": VISITOR})])
def test_nothing_is_refused_where_nothing_is_joined(
    signed_in: FlaskClient, headers: dict[str, str], who: dict[str, str]
) -> None:
    answer = signed_in.post(INTERACTIONS, json={"interactions": [], **who}, headers=headers)
    assert (answer.status_code, answer.get_json()["field"]) == (400, "interactions")


@pytest.mark.parametrize("anonymous_id", ["short", "x" * 65, "with space in it !", 5])
def test_a_malformed_anonymous_id_is_refused(client: FlaskClient, anonymous_id: object) -> None:
    answer = client.post(INTERACTIONS, json={"anonymous_id": anonymous_id, "interactions": [click("e")]})
    assert (answer.status_code, answer.get_json()["field"]) == (400, "anonymous_id")


def test_a_token_in_the_body_is_accepted(signed_in: FlaskClient) -> None:
    beacon = json.dumps({"id_token": f"user:{GONE}", "interactions": [click("e")]})
    answer = signed_in.post(INTERACTIONS, data=beacon, content_type="text/plain;charset=UTF-8")
    assert answer.get_json()["accepted"] == [f"click:{len(GONE)}:{GONE}:20260501:e"]
    forged = json.dumps({"id_token": "forged", "interactions": [click("e")]})
    assert signed_in.post(INTERACTIONS, data=forged).status_code == 401


def test_exceeding_the_rate_limit_gives_429_with_retry_after(signed_in: FlaskClient, clock: Clock) -> None:
    batch = {"interactions": [click("e")] * 500}
    for _ in range(MAX_SENT // 500):
        assert signed_in.post(INTERACTIONS, json=batch, headers=TOKEN).status_code == 200
    refused = signed_in.post(INTERACTIONS, json=batch, headers=TOKEN)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
    another_user = {"Authorization": "Bearer user:other"}
    assert signed_in.post(INTERACTIONS, json=batch, headers=another_user).status_code == 200
    clock.forward(timedelta(minutes=10))
    assert signed_in.post(INTERACTIONS, json=batch, headers=TOKEN).status_code == 200


def test_a_rate_limit_is_per_sender_and_period() -> None:
    quota = Quota(10, timedelta(minutes=1))
    quota.take("a", 10, now=NOW)
    quota.take("b", 4, now=NOW)
    with pytest.raises(TooMany) as refused:
        quota.take("b", 7, now=NOW + timedelta(seconds=30))
    assert refused.value.retry_after_s == 30
    quota.take("b", 6, now=NOW + timedelta(seconds=59))
    quota.take("a", 10, now=NOW + timedelta(minutes=1))


def test_refused_senders_take_no_place_of_others() -> None:
    quota = Quota(10, timedelta(minutes=1), max_senders=3)
    quota.take("a", 10, now=NOW)
    for number in range(20):
        with pytest.raises(TooMany):
            quota.take(f"refused_{number}", 11, now=NOW)
    with pytest.raises(TooMany):
        quota.take("a", 1, now=NOW)


def test_what_one_quota_of_a_visitor_refuses_counts_in_none() -> None:
    quota = VisitorQuota(4, 6, 8, 10, timedelta(minutes=1))
    quota.take("a", "1", 4, now=NOW)
    for visitor, address, amount in (("a", "1", 1), ("b", "1", 3), ("a", "2", 1), ("b", "", 11)):
        with pytest.raises(TooMany):
            quota.take(visitor, address, amount, now=NOW)
    quota.take("b", "1", 2, now=NOW)
    quota.take("b", "", 2, now=NOW)
    quota.take("c", "2", 2, now=NOW)
    with pytest.raises(TooMany):
        quota.take("d", "3", 1, now=NOW)
    quota.take("d", "3", 1, now=NOW + timedelta(minutes=1))


def test_visitors_cannot_reset_the_quota_of_a_user(signed_in: FlaskClient) -> None:
    few = replace(wiring.services(), quota=Quota(4, SENT_IN, max_senders=5))
    mine = {"interactions": [click("e")] * 4}
    with wiring.use(few):
        assert signed_in.post(INTERACTIONS, json=mine, headers=TOKEN).status_code == 200
        visits = [signed_in.post(INTERACTIONS, json=_visit(number, 2)).status_code for number in range(10)]
        unsigned = [
            signed_in.post(INTERACTIONS, json=mine, headers={"Authorization": f"Bearer anonymous:a{n}"}).status_code
            for n in range(10)
        ]
        assert set(visits) | set(unsigned) == {200}
        assert signed_in.post(INTERACTIONS, json=mine, headers=TOKEN).status_code == 429


def _visit(number: int, size: int = 500) -> dict[str, Any]:
    return {"anonymous_id": f"visitor-{number:010}", "interactions": [click("e")] * size}


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({}, MAX_SENT_BY_ADDRESS),
        ({"X-Forwarded-For": "203.0.113.7"}, MAX_SENT_BY_ADDRESS),
        ({"Fastly-Client-IP": "203.0.113.7", "X-Forwarded-For": "198.51.100.1"}, MAX_SENT_BY_HOSTING),
    ],
)
def test_new_visitor_ids_do_not_widen_the_budget_of_an_address(
    signed_in: FlaskClient, headers: dict[str, str], limit: int
) -> None:
    for number in range(limit // 500):
        assert signed_in.post(INTERACTIONS, json=_visit(number), headers=headers).status_code == 200
    refused = signed_in.post(INTERACTIONS, json=_visit(10_000), headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
    assert signed_in.post(INTERACTIONS, json=_visit(1), headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200
    assert signed_in.post(INTERACTIONS, json={"interactions": [click("e")]}, headers=TOKEN | headers).status_code == 200


def test_forged_addresses_before_the_last_one_do_not_widen_the_budget(signed_in: FlaskClient) -> None:
    answers = [
        signed_in.post(
            INTERACTIONS, json=_visit(n), headers={"X-Forwarded-For": f"10.0.0.{n}, 203.0.113.7"}
        ).status_code
        for n in range(MAX_SENT_BY_ADDRESS // 500 + 1)
    ]
    assert answers == [200] * (len(answers) - 1) + [429]


def test_many_addresses_share_the_budget_of_an_instance(signed_in: FlaskClient) -> None:
    answers = [
        signed_in.post(
            INTERACTIONS, json=_visit(n), headers={"X-Forwarded-For": f"10.0.{n // 250}.{n % 250}"}
        ).status_code
        for n in range(MAX_SENT_BY_VISITORS // 500 + 1)
    ]
    assert answers == [200] * (len(answers) - 1) + [429]


def test_an_anonymous_account_has_the_budget_of_its_address(signed_in: FlaskClient) -> None:
    answers = [
        signed_in.post(
            INTERACTIONS, json={"interactions": [click("e")] * 500}, headers={"Authorization": f"Bearer anonymous:a{n}"}
        ).status_code
        for n in range(MAX_SENT_BY_ADDRESS // 500 + 1)
    ]
    assert answers == [200] * (len(answers) - 1) + [429]


def test_an_anonymous_account_counts_for_its_own_lists_alone_until_somebody_signs_up(
    signed_in: FlaskClient, store: Documents, clock: Clock
) -> None:
    entries = [click("jazz_1"), {"type": "booking", "event_id": "jazz_2"}]
    unsigned, signed = ({"Authorization": f"Bearer {role}:{ACCOUNT}"} for role in ("anonymous", "user"))
    assert signed_in.post(INTERACTIONS, json={"interactions": entries}, headers=unsigned).status_code == 200
    deliver_all(store)
    clock.forward(timedelta(minutes=30))
    signed_in.post("/monitor")
    assert list(store.counters.changed_since(None)) == []
    assert len(store.users.profile(ACCOUNT, timeout_s=1).history) == 2
    join = {"anonymous_id": ACCOUNT, "interactions": [click("jazz_3")]}
    assert signed_in.post(INTERACTIONS, json=join, headers=unsigned).get_json()["joined"] == 0
    assert signed_in.post(INTERACTIONS, json=join, headers=signed).get_json()["joined"] == 3
    deliver_all(store)
    clock.forward(timedelta(minutes=30))
    signed_in.post("/monitor")
    counted = {event_id: sum(counts.by_type.values()) for event_id, counts, _ in store.counters.changed_since(None)}
    assert counted == {"jazz_1": 1, "jazz_2": 1, "jazz_3": 1}
    assert signed_in.post(INTERACTIONS, json=join, headers=signed).get_json()["joined"] == 0


def shown(client: FlaskClient) -> set[str]:
    """Events of the whole list of the user who is signed in."""
    answer = client.get("/api/v1/recommendations?limit=100", headers=TOKEN).get_json()
    return {item["event_id"] for item in answer["items"]}


@pytest.mark.parametrize("kind", ["booking", "attend", "dismiss"])
def test_what_is_taken_stays_taken_whatever_is_done_later(
    signed_in: FlaskClient, store: Documents, clock: Clock, kind: str
) -> None:
    signed_in.post(INTERACTIONS, json={"interactions": [{"type": kind, "event_id": "yoga_9"}]}, headers=TOKEN)
    deliver_all(store)
    later = [
        an_interaction(GONE, f"e{n}", what, occurred_at=NOW + n * timedelta(seconds=1))
        for n in range(3_000)
        for what in map(InteractionType, ("click", "save", "booking", "attend", "dismiss"))
    ]
    store.users.remember(later)
    store.users.trim_histories(later)
    assert "yoga_9" not in shown(signed_in)
    if kind != "attend":
        undo = {"booking": "cancel", "dismiss": "undismiss"}[kind]
        clock.forward()
        signed_in.post(INTERACTIONS, json={"interactions": [{"type": undo, "event_id": "yoga_9"}]}, headers=TOKEN)
        deliver_all(store)
        assert "yoga_9" in shown(signed_in)


def test_a_dismissed_event_stays_hidden(signed_in: FlaskClient, store: Documents, clock: Clock) -> None:
    assert "yoga_9" in shown(signed_in)
    entries: list[dict[str, Any]] = [{"type": "dismiss", "event_id": "yoga_9"}]
    signed_in.post(INTERACTIONS, json={"interactions": entries}, headers=TOKEN)
    deliver_all(store)
    assert "yoga_9" not in shown(signed_in)
    store.users.remember([an_interaction(GONE, f"e{n}", InteractionType.VIEW, occurred_at=NOW) for n in range(900)])
    assert "yoga_9" not in shown(signed_in)
    assert laws.city().events


def test_a_refused_profiling_is_stored_in_the_profile_and_exported(
    signed_in: FlaskClient, store: Documents, clock: Clock
) -> None:
    store.users.put([User(user_id=GONE, city="Bern")], now=NOW)
    clock.forward()
    answer = signed_in.put(f"/api/v1/users/{GONE}/profiling", json={"allowed": False}, headers=TOKEN)
    assert (answer.status_code, answer.get_json()) == (200, {"allowed": False})
    (stored,) = store.users.changed_since(clock.now)
    assert stored == User(user_id=GONE, city="Bern", profiling=False)
    exported = json.loads(signed_in.get(f"/api/v1/users/{GONE}/data", headers=TOKEN).text)
    assert exported["documents"][0]["fields"]["profiling"] is False
    signed_in.delete(f"/api/v1/users/{GONE}", headers=TOKEN)
    assert store.users.profile(GONE, timeout_s=1).user == User(user_id=GONE)


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "allowed"), ({"allowed": "no"}, "allowed"), ({"allowed": 0}, "allowed"), ({"allowed": True, "x": 1}, "x")],
)
def test_the_wish_not_to_be_profiled_is_a_truth_value(
    signed_in: FlaskClient, store: Documents, body: dict[str, Any], field: str
) -> None:
    refused = signed_in.put(f"/api/v1/users/{GONE}/profiling", json=body, headers=TOKEN)
    assert (refused.status_code, refused.get_json()["field"]) == (400, field)
    assert GONE not in {user.user_id for user in store.users.changed_since(None)}
