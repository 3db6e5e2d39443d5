"""Documents with odd values: all listings, single reads and the trigger agree on what becomes of them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pytest

from shared.adapters.cloudevent import changed_document, encode_change
from shared.adapters.firestore import Database
from shared.adapters.firestore.events import FirestoreEvents
from shared.adapters.sqlite.events import SqliteEvents
from shared.entities import Event, Status, User
from shared.entities.event import TREATMENTS as OF_EVENTS
from shared.entities.user import TREATMENTS as OF_USERS
from shared.errors import InvalidField
from shared.ports import Names
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_EVENT, FULL_USER, NOW, event

HIDING = ("status", "starts_at", "ends_at")
JSON: Final[tuple[object, ...]] = (
    True,
    -1,
    25,
    1764331200000,
    2.5,
    "25",
    "odd, indeed",
    "x" * 3_000,
    [None, 7, "one", {"a": 1}],
    [[]],
    {"a": "b"},
)
"""Odd values that JSON can hold; for some fields a few of them are not odd."""


def _of(stores: Stores) -> tuple[object, ...]:
    events = stores.documents.events
    return _values(events._database)[::2] if isinstance(events, FirestoreEvents) else JSON


def _values(database: Database) -> tuple[object, ...]:
    from google.cloud.firestore import GeoPoint

    nested = tuple(value for value in JSON if value != [[]])  # Firestore has no lists within lists
    return (
        *nested,
        float("nan"),
        float("inf"),
        b"bytes",
        NOW,
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        GeoPoint(46.9, 7.4),
        database.document("organizers", "jazz_club"),
        [database.document("users", "bob"), "two"],
    )


def _strictly(stores: Stores, of: type[Event] | type[User], field: str, value: object) -> bool:
    """Whether a strict reader refuses the value, once it is read as what it is in the store."""
    whole, kind = (FULL_EVENT, "events") if of is Event else (FULL_USER, "users")
    try:
        of.from_document("a", stores.documents.names.read(kind, {**whole.to_document(), field: value}))
    except InvalidField:
        return True
    return False


def test_events_with_odd_values_are_read_alike_by_all_listings(stores: Stores) -> None:
    events = stores.documents.events
    fields = [field for field in OF_EVENTS if field != "event_id"]
    if isinstance(events, SqliteEvents):
        # The table has a column for it.
        fields.remove("updated_at")
    cases = {f"{field}-{number:02}": (field, value) for field in fields for number, value in enumerate(_of(stores))}
    whole = {key: event(key, starts_at=NOW + DAY, ends_at=NOW + 2 * DAY) for key in cases}
    events.put([*whole.values()], now=NOW)
    for key, (field, value) in cases.items():
        stores.spoil("events", key, {field: value})
    live = {found.event_id: found for found in events.live(NOW)}
    whole_read = {found.event_id: found for found in events.changed_since(None)}
    changed = {found.event_id: found for found in events.changed_since(NOW)}
    assert whole_read.keys() == changed.keys() == cases.keys()
    hidden = set[str]()
    for key, (field, value) in cases.items():
        is_odd = _strictly(stores, Event, field, value)
        first, then = whole_read[key], changed[key]
        assert (first.mended, first.dropped) == (then.mended, then.dropped)
        assert then.updated_at == NOW
        if field in HIDING:
            if is_odd:
                hidden.add(key)
                assert (first.status, first.dropped) == (Status.HIDDEN, (field,)), key
                with pytest.raises(InvalidField, match=f"^{field}: "):
                    events.get(key)
            continue
        assert [*first.mended, *first.dropped] == ([field] if is_odd else []), key
        assert live[key] == first == events.get(key), key
        assert first.starts_at == NOW + DAY
    assert hidden
    assert not hidden & live.keys()


def _written(moment: datetime) -> list[str]:
    """Forms of ISO 8601 that a reader accepts, in three time zones."""
    local = [moment.astimezone(timezone(timedelta(hours=hours))) for hours in (-12, 0, 14)]
    year, week, day = moment.isocalendar()
    return [
        *(each.isoformat() for each in local),
        *(f"{each:%Y%m%dT%H%M%S%z}" for each in local),
        f"{moment:%Y-%m-%d %H:%MZ}",
        f"{year}-W{week:02}-{day}T{moment:%H:%M}Z",
        f"{year}W{week:02}{day}T{moment:%H%M}Z",
    ]


@pytest.mark.emulator
@pytest.mark.parametrize("now", [NOW, datetime(2027, 1, 3, 12, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_events_whose_times_are_texts_are_live_like_others(database: Database, now: datetime, field: str) -> None:
    now = now.replace(second=0, microsecond=0)
    moments = [now + timedelta(hours=hours) for hours in (-400, -26, -24, -1, 1, 30, 200, 9_000)]
    texts = {text: moment for moment in moments for text in _written(moment)}
    batch = database.client.batch()
    for number, text in enumerate(texts):
        batch.set(database.document("events", f"{number:03}"), {field: text})
    batch.commit()
    events = FirestoreEvents(database)
    stored = list(events.changed_since(None))
    assert [getattr(event, field) for event in stored] == [*texts.values()]
    expected = [event.event_id for event in stored if (over_by := event.over_by()) and over_by > now]
    assert 0 < len(expected) < len(texts)
    assert sorted(event.event_id for event in events.live(now)) == expected


@pytest.mark.emulator
def test_the_trigger_reads_odd_values_as_the_listings_do(database: Database) -> None:
    fields = [field for field in OF_EVENTS if field not in ("event_id", *HIDING)]
    values = _values(database)
    cases = {f"{field}-{number:02}": {field: value} for field in fields for number, value in enumerate(values)}
    batch = database.client.batch()
    for key, document in cases.items():
        batch.set(database.document("events", key), document)
    batch.commit()
    names = Names(database.names.kind, database.names.read)
    raw = database.snapshots(database.document("events", key) for key in cases)
    for stored in FirestoreEvents(database).changed_since(None):
        payload = encode_change("events", stored.event_id, raw["events", stored.event_id].to_dict() or {})
        told = Event.read(stored.event_id, changed_document(payload, names).fields or {})
        assert (told, told.mended, told.dropped) == (stored, stored.mended, stored.dropped)
        assert {*told.mended, *told.dropped} <= {*cases[stored.event_id]}
    assert raw.keys() == {("events", key) for key in cases}


def test_profiles_with_odd_values_are_read_alike_at_a_request_and_in_trainings(stores: Stores) -> None:
    users = stores.documents.users
    fields = [field for field in OF_USERS if field not in ("user_id", "updated_at")]
    cases = {f"{field}-{number:02}": (field, value) for field in fields for number, value in enumerate(_of(stores))}
    users.put([User(user_id=key, city="Bern", birth_year=1980) for key in cases], now=NOW)
    for key, (field, value) in cases.items():
        stores.spoil("users", key, {field: value})
    trained = {user.user_id: user for user in users.changed_since(None)}
    assert trained.keys() == cases.keys()
    unprofiled = users.unprofiled([*cases])
    for key, (field, value) in cases.items():
        user, is_odd = trained[key], _strictly(stores, User, field, value)
        asked = users.profile(key, timeout_s=10).user
        assert (asked, asked.mended, asked.dropped) == (user, user.mended, user.dropped)
        assert [*user.mended, *user.dropped] == ([field] if is_odd else []), key
        assert user.profiling != (key in unprofiled)
        assert field == "city" or user.city == "Bern"
        assert field == "birth_year" or user.birth_year == 1980


@pytest.mark.parametrize("length", [128, 129])
def test_an_id_that_no_event_has_stops_no_listing(stores: Stores, length: int) -> None:
    events, long = stores.documents.events, "x" * length
    events.put([event("good"), event(long)], now=NOW)
    expected = ["good", long][: 1 if length > 128 else 2]
    assert [found.event_id for found in events.changed_since(NOW)] == expected
    assert [found.event_id for found in events.changed_since(None)] == expected
    assert sorted(found.event_id for found in events.live(NOW)) == expected
