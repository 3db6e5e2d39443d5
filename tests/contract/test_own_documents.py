"""Documents of an app's own in Firestore: other collections, fields and types, and nothing of the app's is touched."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from functions import wiring
from functions.event import event as event_trigger
from functions.interaction import interaction as interaction_trigger
from jobs import load
from jobs.survey.proposal import written
from shared.adapters.cloudevent import encode_change
from shared.adapters.firestore import Database, FirestoreEvents
from shared.adapters.firestore.histories import Histories
from shared.adapters.stores import open_documents
from shared.entities import Event, InteractionType, Location, Status, User
from shared.errors import InvalidField
from shared.ports import Documents, Written
from shared.schema import Schema
from shared.services.ingest.inspection import inspect
from tests.contract import test_events, test_friends, test_personal, test_users
from tests.contract.app import APP
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_EVENT, FULL_USER, NOW, SECOND, event
from tests.deployment import Clock, delivered
from tests.deployment import wire as wired
from tests.examples import an_interaction
from tests.stores import keys

pytestmark = pytest.mark.emulator
LAWS: Final[tuple[Callable[[Stores], None], ...]] = (
    test_events.test_every_field_of_an_event_survives,
    test_events.test_put_reports_written_and_unchanged_events,
    test_events.test_put_replaces_the_whole_document,
    test_events.test_live_events_are_published_dated_and_not_over,
    test_events.test_changed_since_gives_an_unreadable_event_as_hidden,
    test_events.test_changed_since_includes_the_moment_and_is_ordered_by_time_then_id,
    test_users.test_every_field_of_a_user_survives,
    test_users.test_put_reports_written_and_unchanged_profiles,
    test_users.test_changed_since_includes_the_moment_and_is_ordered_by_time_then_id,
    test_users.test_full_lists_continue_after_an_id,
    test_users.test_the_wish_not_to_be_profiled_changes_one_field,
    test_users.test_put_keeps_the_wish_not_to_be_profiled,
    test_users.test_unprofiled_finds_the_users_with_the_wish,
    test_personal.test_erase_deletes_a_user_s_documents_and_keeps_all_others,
    test_personal.test_notes_of_erasures_end,
    test_personal.test_uncounted_leaves_out_interactions_that_their_writer_counted,
)
OF_FRIENDS: Final[tuple[Callable[[Documents], None], ...]] = (
    test_friends.test_a_friendship_that_only_one_has_declared_tells_nobody_anything,
    test_friends.test_erasure_takes_back_what_friends_were_told_and_what_the_user_was_told,
    test_friends.test_plans_expire_with_the_interactions,
    test_friends.test_users_with_friends_are_those_who_declare_some,
)
MEMBERS: Final = Schema.parse("""
[firestore]
prefix = "marquee_"
[events]
starts_at = "startsAt"
ends_at = "times.end"
status = { published = "isLive" }
[users]
collection = "members"
city = "town"
friends = "buddies"
updated_at = "changedAt"
""")
"""Schema of an app whose users are Marquee's profiles, too."""


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__.removeprefix("test_"))
def test_a_store_keeps_its_promises_under_an_app_s_names(app_stores: Stores, law: Callable[[Stores], None]) -> None:
    law(app_stores)
    collections = {found.id for found in _database(app_stores.documents).client.collections()}
    assert all(name in ("shows", "tastes", "deeds") or name.startswith("marquee_") for name in collections)


@pytest.mark.parametrize("law", OF_FRIENDS, ids=lambda law: law.__name__.removeprefix("test_"))
def test_friends_are_told_under_an_app_s_names(app_stores: Stores, law: Callable[[Documents], None]) -> None:
    app_stores.documents.users.put(test_friends.FRIENDS, now=NOW)
    law(app_stores.documents)


def _database(documents: Documents) -> Database:
    assert isinstance(documents.events, FirestoreEvents)
    return documents.events._database


def _raw(database: Database, collection: str) -> dict[str, Any]:
    return {found.id: found.to_dict() for found in database.client.collection(collection).stream()}


def _forms(moment: datetime) -> dict[str, object]:
    """Values of all types that mean a time, the local ones in Berlin."""
    local = moment.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
    return {
        "timestamp": moment,
        "seconds": int(moment.timestamp()),
        "seconds as a double": moment.timestamp(),
        "milliseconds": int(moment.timestamp()) * 1_000,
        "milliseconds as a double": moment.timestamp() * 1_000,
        "UTC": moment.isoformat(),
        "local": local.isoformat(),
        "local minutes": f"{local:%Y-%m-%d %H:%M}",
    }


@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
@pytest.mark.parametrize("schema", [Schema(), APP], ids=["own", "app"])
def test_events_are_live_whatever_the_type_of_their_times(firestore_project: str, schema: Schema, field: str) -> None:
    database = Database(firestore_project, keys, schema, "Europe/Berlin")
    now = NOW.replace(second=0, microsecond=0)
    moments = [now + timedelta(hours=hours) for hours in (-9_000, -26, -24, -1, 1, 30, 9_000)]
    times = {
        f"{moment:%Y%m%d%H} {form}": (moment, value) for moment in moments for form, value in _forms(moment).items()
    }
    batch = database.client.batch()
    for key, (_, value) in times.items():
        state = {"status": "published"} if schema == Schema() else {"state": "live"}
        batch.set(database.document("events", key), state)
        batch.update(database.document("events", key), {database.names.path("events", field): value})
    batch.commit()
    events = FirestoreEvents(database)
    stored = {found.event_id: found for found in events.changed_since(None)}
    assert stored.keys() == times.keys()
    assert {key: getattr(found, field) for key, found in stored.items()} == {key: at for key, (at, _) in times.items()}
    assert all(not found.mended for found in stored.values())
    expected = {key for key, found in stored.items() if (over_by := found.over_by()) and over_by > now}
    live = [found.event_id for found in events.live(now)]
    assert len(live) == len(set(live))
    assert set(live) == expected
    assert 0 < len(expected) < len(times)
    database.close()


def test_a_load_changes_marquee_s_fields_of_an_app_s_event_alone(app_stores: Stores) -> None:
    from google.cloud.firestore import GeoPoint

    events, database = app_stores.documents.events, _database(app_stores.documents)
    moment = NOW.replace(microsecond=0) + DAY
    written: dict[str, Any] = {
        "name": "Jazz",
        "starts_at": "not Marquee's",
        "status": {"of": "something else"},
        "place": {"town": "Bern", "zip": "3011", "position": GeoPoint(46.9, 7.4)},
        "when": {"begins at": int(moment.timestamp()) * 1_000, "doors": "19:00"},
        "promoter": database.document("promoters", "jazz_club"),
        "state": "on_sale",
        "seats": 100,
        "seo": ["a", {"b": 1}],
    }
    reference = database.document("events", "show")
    reference.set(written)
    same = Event(
        event_id="show",
        title="Jazz",
        city="Bern",
        location=Location(46.9, 7.4),
        starts_at=moment,
        organizer_id="jazz_club",
        capacity=100,
    )
    assert events.get("show") == same
    assert events.put([same], now=NOW) == Written(unchanged=1)
    assert _raw(database, "shows") == {"show": written}
    changed = replace(same, city="Basel", capacity=None, price=12.0, status=Status.CANCELLED)
    assert events.put([changed], now=NOW) == Written(loaded=1)
    written |= {"place": {**written["place"], "town": "Basel"}, "ticket": {"amount": 12.0}, "state": "off"}
    del written["seats"]
    assert _raw(database, "shows") == {"show": {**written, "modifiedAt": NOW}}
    assert events.get("show") == replace(changed, updated_at=NOW)
    assert [found.event_id for found in events.changed_since(NOW)] == ["show"]


def test_the_app_s_users_are_read_and_neither_exported_nor_erased(firestore_project: str) -> None:
    store = open_documents(f"firestore:{firestore_project}", keys, MEMBERS)
    database = _database(store)
    members: dict[str, dict[str, Any]] = {
        "ann": {"town": "Bern", "buddies": [database.document("members", "bob")], "secret": 1},
        "bob": {"buddies": ["ann"], "mail": "bob@example.org"},
    }
    for key, member in members.items():
        database.document("users", key).set(member)
    assert store.users.profile("ann", timeout_s=10).user == User(user_id="ann", city="Bern", friends=("bob",))
    booked = an_interaction("bob", "party", InteractionType.BOOKING, occurred_at=NOW - SECOND, recorded_at=NOW)
    store.interactions.append([booked], now=NOW)
    store.users.remember([booked])
    store.users.share_plans(["bob"])
    assert dict(store.users.profile("ann", timeout_s=10).friends_going) == {"party": 1}
    assert {document.collection for document in store.personal.of("bob")} == {"histories", "interactions"}
    store.personal.mark("bob", at=NOW + SECOND)
    store.personal.erase("bob", now=NOW + SECOND)
    assert list(store.personal.of("bob")) == []
    assert dict(store.users.profile("ann", timeout_s=10).friends_going) == {}
    assert _raw(database, "members") == {key: database.document("users", key).get().to_dict() for key in members}
    assert {
        key: {**member, "buddies": len(member["buddies"])} for key, member in _raw(database, "members").items()
    } == {
        "ann": {**members["ann"], "buddies": 1},
        "bob": {**members["bob"], "buddies": 1},
    }
    assert "marquee_forgotten" in {found.id for found in database.client.collections()}
    store.close()


def test_declared_interests_are_exported_whole_and_erased_and_the_app_s_users_are_never_read(
    app_stores: Stores,
) -> None:
    store, database = app_stores.documents, _database(app_stores.documents)
    host = {"born": 1990, "friends": [FULL_USER.user_id], "name": "x"}
    for key in (FULL_USER.user_id, "other"):
        database.client.collection("users").document(key).set(host)
    store.users.put([FULL_USER, User(user_id="other", friends=(FULL_USER.user_id, "z"))], now=NOW)
    app_stores.spoil("users", FULL_USER.user_id, {"theme": "dark"})
    [exported] = store.personal.of(FULL_USER.user_id)
    assert exported.collection == "users"
    assert (exported.fields["theme"], exported.fields["born"]) == ("dark", 1990)
    store.personal.erase(FULL_USER.user_id, now=NOW)
    assert _raw(database, "tastes") == {"other": {"buddies": ["z"], "modifiedAt": NOW}}
    assert _raw(database, "users") == {FULL_USER.user_id: host, "other": host}


def test_changed_profiles_of_the_app_are_found_by_a_stamp_of_any_type(firestore_project: str) -> None:
    store = open_documents(f"firestore:{firestore_project}", keys, MEMBERS, "Europe/Berlin")
    database = _database(store)
    since = NOW.replace(second=0, microsecond=0)
    cases = list(product((-300, -1, 0, 1, 300), _forms(since)))
    for number, (hours, form) in enumerate(cases):
        stamp = _forms(since + timedelta(hours=hours))[form]
        database.document("users", f"{number:03}").set({"town": "Bern", "changedAt": stamp})
    database.document("users", "unstamped").set({"town": "Bern"})
    found = list(store.users.changed_since(since))
    assert {user.user_id for user in found} == {f"{n:03}" for n, (hours, _) in enumerate(cases) if hours >= 0}
    stamps = [user.updated_at for user in found]
    assert stamps == sorted(stamp for stamp in stamps if stamp)
    assert len(list(store.users.changed_since(None))) == len(cases) + 1
    store.close()


def test_triggers_read_documents_as_the_store_does(app_stores: Stores, tmp_path: Path) -> None:
    store = app_stores.documents
    show: Mapping[str, Any] = {"state": "live", "when": {"begins at": int((NOW + DAY).timestamp() * 1_000)}}
    with wiring.use(wired(store, tmp_path, Clock())):
        event_trigger(delivered(encode_change("shows", "good", show)))
        event_trigger(delivered(encode_change("shows", "bad", {**show, "when": {"begins at": "soon"}})))
        saved = an_interaction("ann", "good", InteractionType.SAVE, occurred_at=NOW - SECOND, recorded_at=NOW)
        document = saved.to_document()
        interaction_trigger(delivered(encode_change("deeds", saved.interaction_id, document)))
        interaction_trigger(delivered(encode_change("deeds", "bad", {**document, "type": "yawn"})))
    letters = {(letter.collection, letter.document_id): letter.reason for letter in store.dead_letters.since(NOW - DAY)}
    assert letters.keys() == {("events", "bad"), ("interactions", "bad")}
    assert letters["events", "bad"].startswith("starts_at (when.begins at): expected an ISO 8601 time")
    assert [entry.event_id for entry in store.users.profile("ann", timeout_s=10).history] == ["good"]
    assert {found.event_id for found in store.events.changed_since(NOW - DAY)} == {"good", "bad"}


def test_errors_and_logs_name_the_app_s_field(app_stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    store = app_stores.documents
    store.events.put([event("bad"), FULL_EVENT], now=NOW)
    app_stores.spoil("events", "bad", {"ends_at": "soon"})
    with pytest.raises(InvalidField, match=r"^ends_at \(when\.ends at\): expected an ISO 8601 time"):
        store.events.get("bad")
    assert [found.status for found in store.events.changed_since(None) if found.event_id == "bad"] == [Status.HIDDEN]
    assert [vars(record)["field"] for record in caplog.records] == ["ends_at (when.ends at)"]
    app_stores.spoil("events", FULL_EVENT.event_id, {"price": "12"})
    store.users.put([FULL_USER], now=NOW)
    app_stores.spoil("users", FULL_USER.user_id, {"gender": 1})
    report = inspect(store, now=NOW)
    assert (report.events.mended, report.events.dropped) == (
        {"price (ticket.amount)": 1},
        {"ends_at (when.ends at)": 1},
    )
    assert [told["field"] for told in report.events.hidden.events] == ["ends_at (when.ends at)"]
    assert report.users.dropped == {"gender (sex)": 1}


def test_histories_forget_events_that_are_over_under_an_app_s_names(app_stores: Stores) -> None:
    store, database = app_stores.documents, _database(app_stores.documents)
    now = datetime.now(UTC)
    store.events.put(
        [event("over", starts_at=now - 3 * DAY), event("on", starts_at=now - DAY, ends_at=now + DAY)], now=now
    )
    assert Histories(database)._over("ann", ["over", "on", "gone"]) == {"over", "gone"}


def test_a_load_writes_an_app_s_names_and_loading_again_changes_nothing(
    firestore_project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARQUEE_CONFIG", str(tmp_path / "app.toml"))
    (tmp_path / "app.toml").write_text(written(MEMBERS))
    data = tmp_path / "data"
    data.mkdir()
    (data / "events.csv").write_text(
        "event_id,title,starts_at,status\na,Jazz,2026-05-02T19:00:00Z,published\nb,Off,,hidden\n"
    )
    (data / "users.csv").write_text("user_id,city\nann,Bern\n")
    (data / "interactions.csv").write_text("user_id,event_id,type,occurred_at\nann,a,save,2026-05-01T19:00:00Z\n")
    database = Database(firestore_project, keys, MEMBERS)
    database.document("events", "a").set({"slug": "jazz", "isLive": False})
    database.document("users", "ann").set({"mail": "ann@example.org"})
    command = [str(data), "--store", f"firestore:{firestore_project}", "--objects", f"folder:{tmp_path / 'objects'}"]
    assert load.main(command) == 0
    capsys.readouterr()
    stored = {name: _raw(database, name) for name in ("events", "members", "marquee_interactions")}
    start = datetime(2026, 5, 2, 19, tzinfo=UTC)
    stamp = stored["events"]["a"].pop("updated_at")
    assert stored["events"]["a"] == {"slug": "jazz", "isLive": True, "title": "Jazz", "startsAt": start}
    assert stored["events"]["b"].items() >= {"isLive": False, "title": "Off"}.items()
    assert stored["members"]["ann"].items() >= {"mail": "ann@example.org", "town": "Bern"}.items()
    assert len(stored["marquee_interactions"]) == 1
    assert load.main(command) == 0
    assert re.findall(r"csv +0 +[0-9]+ +0", capsys.readouterr().err) != []
    assert _raw(database, "events")["a"]["updated_at"] == stamp
    database.close()
