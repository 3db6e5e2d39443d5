from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from shared.entities import Event, Status
from shared.errors import InvalidField
from shared.ports import Written
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_EVENT, NOW, SECOND, event


def test_every_field_of_an_event_survives(stores: Stores) -> None:
    stores.documents.events.put([FULL_EVENT], now=NOW)
    assert stores.documents.events.get(FULL_EVENT.event_id) == replace(FULL_EVENT, updated_at=NOW)


def test_a_missing_event_is_none(stores: Stores) -> None:
    assert stores.documents.events.get("nobody") is None


def test_put_reports_written_and_unchanged_events(stores: Stores) -> None:
    events = stores.documents.events
    assert events.put([event("a"), event("b"), FULL_EVENT], now=NOW) == Written(loaded=3, unchanged=0)
    again = [event("a"), event("b", title="other"), event("c"), FULL_EVENT]
    assert events.put(again, now=NOW + SECOND) == Written(loaded=2, unchanged=2)
    stamps = {stored.event_id: stored.updated_at for stored in events.changed_since(None)}
    assert stamps == {"a": NOW, FULL_EVENT.event_id: NOW, "b": NOW + SECOND, "c": NOW + SECOND}
    assert events.put([], now=NOW) == Written()


def test_put_replaces_the_whole_document(stores: Stores) -> None:
    stores.documents.events.put([event("a", city="Bern", price=3.0)], now=NOW)
    stores.documents.events.put([event("a")], now=NOW)
    assert stores.documents.events.get("a") == event("a", updated_at=NOW)


def test_put_keeps_the_last_of_two_events_with_the_same_id(stores: Stores) -> None:
    assert stores.documents.events.put([event("a", title="1"), event("a", title="2")], now=NOW) == Written(loaded=1)
    assert stores.documents.events.get("a") == event("a", title="2", updated_at=NOW)


def test_live_events_are_published_dated_and_not_over(stores: Stores) -> None:
    tick = SECOND / 1_000_000
    moments = (
        None,
        NOW - 2 * DAY,
        NOW - timedelta(hours=25),
        NOW - timedelta(hours=25) + tick,
        NOW,
        NOW + tick,
        NOW + DAY,
    )
    cases = [
        Event(event_id=f"{number:03}", starts_at=starts_at, ends_at=ends_at, status=status)
        for number, (starts_at, ends_at, status) in enumerate(product(moments, moments, Status))
        if not (starts_at and ends_at and ends_at < starts_at)
    ]
    stores.documents.events.put(cases, now=NOW)
    expected = []
    for case in cases:
        # Without an end an event may last for the longest day.
        latest = case.ends_at or (case.starts_at and case.starts_at + timedelta(hours=25))
        if case.status == "published" and latest is not None and latest > NOW:
            expected.append(case.event_id)
    assert 11 < len(expected) < len(cases) / len(Status)
    assert sorted(stored.event_id for stored in stores.documents.events.live(NOW)) == expected


def test_unreadable_events_are_logged_and_left_out(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    events = stores.documents.events
    events.put([event("bad"), event("good")], now=NOW)
    stores.spoil("events", "bad", {"status": "gone"})
    assert [stored.event_id for stored in events.live(NOW)] == ["good"]
    assert [(vars(record)["document_id"], vars(record)["field"]) for record in caplog.records] == [("bad", "status")]
    with pytest.raises(InvalidField, match=r"^status: expected one of published"):
        events.get("bad")


def test_changed_since_gives_an_unreadable_event_as_hidden(stores: Stores) -> None:
    events = stores.documents.events
    events.put([event("bad"), event("good")], now=NOW)
    stores.spoil("events", "bad", {"ends_at": "tomorrow"})
    bad, good = events.changed_since(None)
    assert (bad.event_id, bad.status, bad.dropped) == ("bad", Status.HIDDEN, ("ends_at",))
    assert good == event("good", updated_at=NOW)
    events.touch("bad", now=NOW + SECOND)
    found = list(events.changed_since(NOW))
    assert found == [
        event("good", updated_at=NOW),
        Event(event_id="bad", status=Status.HIDDEN, updated_at=NOW + SECOND),
    ]
    assert [each.dropped for each in found] == [(), ("ends_at",)]


def test_touch_marks_an_event_as_changed_and_leaves_its_document(stores: Stores) -> None:
    events = stores.documents.events
    events.put([event("a"), event("b")], now=NOW)
    events.touch("a", now=NOW + DAY)
    assert list(events.changed_since(NOW + SECOND)) == [event("a", updated_at=NOW + DAY)]
    assert list(events.live(NOW)) != []


def test_put_replaces_an_unreadable_event(stores: Stores) -> None:
    stores.documents.events.put([event("a")], now=NOW)
    stores.spoil("events", "a", {"status": "gone"})
    assert stores.documents.events.put([event("a")], now=NOW) == Written(loaded=1)
    assert stores.documents.events.get("a") == event("a", updated_at=NOW)


def test_changed_since_includes_the_moment_and_is_ordered_by_time_then_id(stores: Stores) -> None:
    events = stores.documents.events
    events.put([event("d"), event("b")], now=NOW + SECOND)
    events.put([event("c")], now=NOW)
    events.put([event("a")], now=NOW + 2 * SECOND)
    events.put([event("old")], now=NOW - SECOND)
    assert [stored.event_id for stored in events.changed_since(NOW)] == ["c", "b", "d", "a"]
    assert [stored.event_id for stored in events.changed_since(NOW + SECOND)] == ["b", "d", "a"]
    assert [stored.event_id for stored in events.changed_since(NOW + 3 * SECOND)] == []
    assert {stored.event_id for stored in events.changed_since(None)} == {"a", "b", "c", "d", "old"}


def test_pagination_lists_each_event_once(stores: Stores) -> None:
    ids = [f"event_{number:04}" for number in range(1_010)]
    assert stores.documents.events.put([event(key) for key in ids], now=NOW) == Written(loaded=len(ids))
    assert [stored.event_id for stored in stores.documents.events.changed_since(NOW)] == ids
    assert sorted(stored.event_id for stored in stores.documents.events.changed_since(None)) == ids
    assert sorted(stored.event_id for stored in stores.documents.events.live(NOW)) == ids
