"""Cards of events against the events themselves, through changes and the arrays of an artifact."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.catalog import Catalog, moment
from shared.entities import Event, Status
from shared.ranking.cards import NO_CARD, Card, Cards
from tests.examples import NOW, an_event

NAMES = st.sampled_from(["", "Jazz & Blues", "jazz", "Zürich", "🎷"])
EVENTS = st.builds(
    an_event,
    st.sampled_from([f"event_{number}" for number in range(6)]),
    starts_at=st.sampled_from([None, NOW + timedelta(hours=5)]),
    timezone=st.sampled_from(["", "Europe/Zurich"]),
    category=NAMES,
    city=NAMES,
    venue_id=st.sampled_from(["", "hall"]),
    organizer_id=st.sampled_from(["", "club"]),
    price=st.none() | st.floats(0, 10_000_000),
    currency=st.sampled_from(["", "CHF", "EUR"]),
    image_url=st.sampled_from(["", "https://example.org/1.jpg", "https://example.org/" + "ü" * 900]),
    status=st.sampled_from(Status),
).flatmap(lambda event: st.sampled_from([event, replace(event, ends_at=event.starts_at and NOW + timedelta(hours=6))]))
LISTS = st.lists(EVENTS, max_size=6)


def _expected(event: Event) -> Card:
    """Card that an event has, read from the entity."""
    names = ("timezone", "category", "city", "venue_id", "currency", "image_url", "organizer_id")
    return Card(ends_at=event.ends_at, price=event.price, **{name: getattr(event, name) or None for name in names})


def _found(cards: Cards, catalog: Catalog) -> dict[str, Card]:
    return dict(zip(catalog.events.ids(), cards.at(catalog, np.arange(len(catalog))), strict=True))


@given(LISTS, st.lists(LISTS, max_size=3))
def test_cards_are_those_of_the_latest_events_after_any_changes(first: list[Event], changes: list[list[Event]]) -> None:
    catalog = Catalog.of(first, mentioned=["mentioned"])
    cards = Cards.of(first, catalog.events)
    known = {event.event_id: event for event in first}
    for changed in changes:
        catalog, merge = catalog.with_changes(changed)
        cards = cards.with_changes(changed, merge)
        known |= {event.event_id: event for event in changed}
    found = _found(cards, catalog)
    assert _found(Cards.from_arrays(cards.to_arrays(), catalog.events), catalog) == found
    assert found.pop("mentioned") == NO_CARD
    assert found.keys() == known.keys()
    on_sale = {key: card for key, card in found.items() if known[key].is_on_sale()}
    assert on_sale == {key: _expected(known[key]) for key in on_sale}


@given(LISTS, LISTS, st.lists(st.integers(0, 5), max_size=8))
def test_listed_events_are_those_of_their_catalog_however_often_they_are_listed(
    first: list[Event], changed: list[Event], picked: list[int]
) -> None:
    catalog = Catalog.of(first)
    cards = Cards.of(first, catalog.events)
    for _ in range(2):
        rows = np.array([row for row in picked if row < len(catalog)], np.int64)
        for _ in range(2):
            listed = cards.listed(catalog, rows)
            assert [event.event_id for event in listed] == catalog.events.ids(rows)
            assert [event.title for event in listed] == [catalog.title(row) for row in rows]
            assert [event.starts_at for event in listed] == [moment(start) for start in catalog.starts_at[rows]]
            assert [event.card for event in listed] == cards.at(catalog, rows)
        catalog, merge = catalog.with_changes(changed)
        cards = cards.with_changes(changed, merge)


def test_a_model_of_an_earlier_version_has_empty_cards_until_events_change() -> None:
    event = an_event("jazz_1", category="Music", image_url="https://example.org/1.jpg", venue_id="hall")
    catalog = Catalog.of([event])
    cards = Cards.from_arrays(catalog.to_arrays(), catalog.events)
    [card] = cards.at(catalog, np.arange(1))
    # What the catalog has been keeping all along is known.
    known = {name for name, value in card._asdict().items() if value is not None}
    assert known <= {"venue_id", "organizer_id", "timezone"}
    catalog, merge = catalog.with_changes([event])
    assert cards.with_changes([event], merge).at(catalog, np.arange(1)) == [_expected(event)]


def test_a_change_of_something_else_copies_no_column() -> None:
    events = [an_event(f"event_{number}", category="Music", price=5.0) for number in range(40)]
    catalog = Catalog.of(events)
    cards = Cards.of(events, catalog.events)
    changed = [replace(events[3], booked=5)]
    after = cards.with_changes(changed, catalog.with_changes(changed)[1])
    assert after.price is cards.price
    assert after.has_end is cards.has_end
    assert all(after.names[name] is cards.names[name] for name in cards.names)
    assert after.images.texts is cards.images.texts
