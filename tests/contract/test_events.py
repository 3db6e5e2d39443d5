from dataclasses import replace
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


def test_an_event_that_is_not_there_is_none(stores: Stores) -> None:
    assert stores.documents.events.get("nobody") is None


def test_put_counts_what_it_wrote_and_what_was_there(stores: Stores) -> None:
    events = stores.documents.events
    assert events.put([event("a"), event("b"), FULL_EVENT], now=NOW) == Written(loaded=3, unchanged=0)
    again = [event("a"), event("b", title="other"), event("c"), FULL_EVENT]
    assert events.put(again, now=NOW + SECOND) == Written(loaded=2, unchanged=2)
    stamps = {one.event_id: one.updated_at for one in events.changed_since(None)}
    assert stamps == {"a": NOW, FULL_EVENT.event_id: NOW, "b": NOW + SECOND, "c": NOW + SECOND}
    assert events.put([], now=NOW) == Written()


def test_put_replaces_the_whole_document(stores: Stores) -> None:
    stores.documents.events.put([event("a", city="Bern", price=3.0)], now=NOW)
    stores.documents.events.put([event("a")], now=NOW)
    assert stores.documents.events.get("a") == event("a", updated_at=NOW)


def test_of_two_events_with_one_id_the_last_is_put(stores: Stores) -> None:
    assert stores.documents.events.put([event("a", title="1"), event("a", title="2")], now=NOW) == Written(loaded=1)
    assert stores.documents.events.get("a") == event("a", title="2", updated_at=NOW)


def test_live_are_published_dated_events_that_are_not_over(stores: Stores) -> None:
    moments = (None, NOW - DAY, NOW, NOW + SECOND / 1_000_000, NOW + DAY)
    cases = [
        Event(event_id=f"{number:03}", starts_at=starts_at, ends_at=ends_at, status=status)
        for number, (starts_at, ends_at, status) in enumerate(product(moments, moments, Status))
        if not (starts_at and ends_at and ends_at < starts_at)
    ]
    stores.documents.events.put(cases, now=NOW)
    expected = []
    for one in cases:
        deciding = one.starts_at if one.ends_at is None else one.ends_at
        if one.status == "published" and deciding is not None and deciding > NOW:
            expected.append(one.event_id)
    assert len(expected) == 11
    assert sorted(one.event_id for one in stores.documents.events.live(NOW)) == expected


def test_unreadable_events_are_logged_and_left_out(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    events = stores.documents.events
    events.put([event("bad"), event("good")], now=NOW)
    stores.spoil("events", "bad", {"price": -1})
    assert [one.event_id for one in events.live(NOW)] == ["good"]
    assert [(record.document_id, record.field) for record in caplog.records] == [("bad", "price")]
    assert [one.event_id for one in events.changed_since(None)] == ["good"]
    with pytest.raises(InvalidField, match=r"^price: expected a number in 0"):
        events.get("bad")


def test_an_event_that_became_unreadable_is_told_as_a_hidden_one(stores: Stores) -> None:
    events = stores.documents.events
    events.put([event("bad"), event("good")], now=NOW)
    stores.spoil("events", "bad", {"price": -1})
    events.touch("bad", now=NOW + SECOND)
    assert list(events.changed_since(NOW)) == [
        event("good", updated_at=NOW),
        Event(event_id="bad", status=Status.HIDDEN, updated_at=NOW + SECOND),
    ]


def test_a_touched_event_counts_as_changed_and_stays_as_it_is(stores: Stores) -> None:
    events = stores.documents.events
    events.put([event("a"), event("b")], now=NOW)
    events.touch("a", now=NOW + DAY)
    assert list(events.changed_since(NOW + SECOND)) == [event("a", updated_at=NOW + DAY)]
    assert list(events.live(NOW)) != []


def test_put_mends_an_unreadable_event(stores: Stores) -> None:
    stores.documents.events.put([event("a")], now=NOW)
    stores.spoil("events", "a", {"price": -1})
    assert stores.documents.events.put([event("a")], now=NOW) == Written(loaded=1)
    assert stores.documents.events.get("a") == event("a", updated_at=NOW)


def test_changed_since_begins_at_the_moment_and_goes_by_time_then_id(stores: Stores) -> None:
    events = stores.documents.events
    events.put([event("d"), event("b")], now=NOW + SECOND)
    events.put([event("c")], now=NOW)
    events.put([event("a")], now=NOW + 2 * SECOND)
    events.put([event("old")], now=NOW - SECOND)
    assert [one.event_id for one in events.changed_since(NOW)] == ["c", "b", "d", "a"]
    assert [one.event_id for one in events.changed_since(NOW + SECOND)] == ["b", "d", "a"]
    assert [one.event_id for one in events.changed_since(NOW + 3 * SECOND)] == []
    assert {one.event_id for one in events.changed_since(None)} == {"a", "b", "c", "d", "old"}


def test_lists_longer_than_a_page_hold_each_event_once(stores: Stores) -> None:
    ids = [f"event_{number:04}" for number in range(1_010)]
    assert stores.documents.events.put([event(one) for one in ids], now=NOW) == Written(loaded=len(ids))
    assert [one.event_id for one in stores.documents.events.changed_since(NOW)] == ids
    assert sorted(one.event_id for one in stores.documents.events.changed_since(None)) == ids
    assert sorted(one.event_id for one in stores.documents.events.live(NOW)) == ids
