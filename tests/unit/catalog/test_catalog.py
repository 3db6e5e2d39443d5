"""Catalog of events as columns."""

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog.attributes import TfIdfAttribute
from shared.catalog.calendar import Calendar
from shared.catalog.catalog import BAGS, Catalog, moment, seconds
from shared.entities import Event, Location, Status
from tests.examples import DAY, NOW, EventFields, an_event

times = st.none() | st.integers(-5, 5).map(lambda days: NOW + days * DAY)


@st.composite
def events(draw: st.DrawFn) -> Event:
    starts_at, length = draw(times), draw(st.none() | st.integers(0, 5))
    return Event(
        event_id=draw(st.sampled_from("abcdefghé")),
        title=draw(st.text("aé\0 ", max_size=60)),
        category=draw(st.sampled_from(["", "Music", "sport"])),
        tags=draw(st.sampled_from([(), ("live",), ("Night", "live"), ("calm", "calm", "night")])),
        organizer_id=draw(st.sampled_from(["", "o1", "o2", "o3"])),
        location=draw(st.sampled_from([None, Location(41.9, -87.6), Location(55.0, 83.0)])),
        price=draw(st.sampled_from([None, 0.0, 19.99])),
        created_at=draw(times),
        starts_at=starts_at,
        ends_at=None if length is None else (starts_at or NOW) + length * DAY,
        status=draw(st.sampled_from(Status)),
        capacity=draw(st.sampled_from([None, 0, 10])),
        booked=draw(st.sampled_from([None, 0, 9, 10])),
    )


EVENTS = st.lists(events(), max_size=6)
NUMBERS = ("starts_at", "ends_at", "created_at", "on_sale", "visible", "lat", "lng", "price")


def _readable(catalog: Catalog) -> dict[str, list[object]]:
    """Columns with names instead of codes, so that catalogs with different vocabularies can be compared."""
    columns: dict[str, list[object]] = {"events": list(catalog.events.ids())}
    columns |= {name: getattr(catalog, name).tolist() for name in NUMBERS}
    columns["titles"] = [catalog.title(row) for row in range(len(catalog))]
    for name, field in catalog.fields.items():
        names = [*field.names.ids(), ""]
        columns[name] = [names[code] for code in field.codes]
    return {name: [repr(value) for value in column] for name, column in columns.items()}


def _rows(bag: TfIdfAttribute) -> list[dict[str, float]]:
    """TF-IDF weights of each event by name."""
    names = bag.names.ids()
    matrix = bag.matrix.joined()
    columns, weights = matrix.values
    owned = [slice(*pair) for pair in pairwise(matrix.starts)]
    return [{names[c]: float(w) for c, w in zip(columns[o], weights[o], strict=True)} for o in owned]


@settings(max_examples=30)
@given(old=EVENTS, new=EVENTS, mentioned=st.lists(st.sampled_from("abxy")))
def test_merging_equals_the_catalog_of_the_union(old: list[Event], new: list[Event], mentioned: list[str]) -> None:
    merged = Catalog.of(old, mentioned=mentioned).merged(new)
    union = Catalog.of([*old, *new], mentioned=mentioned)
    assert _readable(merged) == _readable(union)
    assert _readable(merged.merged(new)) == _readable(merged)


@settings(max_examples=30)
@given(old=EVENTS, new=EVENTS, mentioned=st.lists(st.sampled_from("abxy")))
def test_merging_keeps_the_rows_of_training(old: list[Event], new: list[Event], mentioned: list[str]) -> None:
    before = Catalog.of(old, mentioned=mentioned)
    merged = before.merged(new).merged(new)
    assert merged.trained.tolist() == before.events.rows(merged.events.ids()).tolist()
    for name, field in merged.fields.items():
        assert field.trained.tolist() == before.fields[name].names.rows(field.names.ids()).tolist()


@settings(max_examples=30)
@given(old=EVENTS, new=EVENTS)
def test_merging_keeps_the_tf_idf_weights_of_training(old: list[Event], new: list[Event]) -> None:
    before, by_id = Catalog.of(old), {event.event_id: event for event in new}
    merged = before.merged(new)
    for name, read in BAGS.items():
        trained = before.bags[name]
        assert merged.bags[name].names.ids() == trained.names.ids()
        assert merged.bags[name].idf.tolist() == trained.idf.tolist()
        kept = dict(zip(before.events.ids(), _rows(before.bags[name]), strict=True))
        for event_id, row in zip(merged.events.ids(), _rows(merged.bags[name]), strict=True):
            changed = by_id.get(event_id)
            (expected,) = [kept[event_id]] if changed is None else _rows(trained.with_rows([read(changed)]))
            assert row == expected


@given(given=st.lists(events(), unique_by=lambda event: event.event_id), now=times.filter(bool))
def test_live_is_published_not_full_and_not_over(given: list[Event], now: datetime) -> None:
    catalog = Catalog.of(given)
    live = set(np.array(catalog.events.ids())[catalog.live(now)]) if given else set()
    expected = {
        event.event_id
        for event in given
        if event.status is Status.PUBLISHED
        and not (event.capacity is not None and event.booked is not None and event.booked >= event.capacity)
        and (over_at := Calendar().over_at(event)) is not None
        and over_at > now
    }
    assert live == expected


def test_an_event_is_over_exactly_at_its_end() -> None:
    catalog = Catalog.of([an_event(starts_at=NOW - DAY, ends_at=NOW)])
    assert not catalog.live(NOW).any()
    assert catalog.live(NOW - timedelta(microseconds=1)).all()


def test_events_named_only_by_interactions_are_never_live_until_they_are_merged() -> None:
    catalog = Catalog.of([an_event("a")], mentioned=["a", "b"])
    assert catalog.events.ids() == ["a", "b"]
    assert catalog.live(datetime.min.replace(year=1971, tzinfo=NOW.tzinfo)).tolist() == [True, False]
    assert catalog.merged([an_event("b")]).live(NOW).tolist() == [True, True]


def test_merging_does_not_change_the_catalog_itself() -> None:
    catalog = Catalog.of([an_event("b", title="Old")])
    merged = catalog.merged([an_event("a"), an_event("b", title="A much longer title")])
    assert (catalog.title(0), merged.title(1)) == ("Old", "A much longer title")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_titles_are_whole_and_fall_back_to_the_id(titles: list[str]) -> None:
    ids = [f"e{number:03}" for number in range(len(titles))]
    catalog = Catalog.of(an_event(event_id, title=title) for event_id, title in zip(ids, titles, strict=True))
    again = Catalog.from_arrays(catalog.to_arrays())
    expected = [title or event_id for event_id, title in zip(ids, titles, strict=True)]
    assert [catalog.title(row) for row in range(len(ids))] == expected
    assert [again.title(row) for row in range(len(ids))] == expected


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("x" * 99, "x" * 99),
        ("é" * 49, "é" * 49),
        ("x" * 98 + "é", "x" * 98 + "…"),
        ("x" * 99 + "é", "x" * 98 + "…"),
        ("x" * 97 + "🎷", "x" * 96 + "…"),
        ("x" * 89 + "👩🏽‍🚀", "x" * 89 + "…"),
    ],
)
def test_titles_that_an_earlier_version_cut_end_at_a_grapheme_with_an_ellipsis(title: str, shown: str) -> None:
    catalog = Catalog.of([an_event("a", title=title)])
    arrays = {name: array for name, array in catalog.to_arrays().items() if not name.startswith("catalog.titles.")}
    former = Catalog.from_arrays({**arrays, "catalog.titles": np.array([title.encode()[:100]])})
    assert former.title(0) == shown
    assert former.merged([an_event("b", title="🎷" * 100)]).title(1) == "🎷" * 100


@pytest.mark.parametrize(
    "given",
    [[], [an_event("a", organizer_id="o", title="")], [an_event("a", tags=("x",)), an_event("b", tags=("x", "y"))]],
)
def test_a_catalog_survives_a_round_trip_through_arrays(given: list[Event]) -> None:
    catalog = Catalog.of(given, mentioned=["z"])
    again = Catalog.from_arrays(catalog.to_arrays())
    assert _readable(again) == _readable(catalog)
    assert again.trained.tolist() == catalog.trained.tolist()
    for name, field in catalog.fields.items():
        assert again.fields[name].names.ids() == field.names.ids()
        assert again.fields[name].trained.tolist() == field.trained.tolist()
    for name, bag in catalog.bags.items():
        assert _rows(again.bags[name]) == _rows(bag)
        assert again.bags[name].idf.tolist() == bag.idf.tolist()


@pytest.mark.parametrize("time", [NOW, NOW + timedelta(microseconds=1), None])
def test_seconds_and_moment_are_inverse(time: datetime | None) -> None:
    assert moment(seconds(time)) == time


@pytest.mark.parametrize(
    ("field", "fields", "expected"),
    [
        ("organizer", {"organizer_id": "O"}, "O"),
        ("venue", {"venue_id": "V"}, "V"),
        ("category", {"category": "Live Music"}, "live music"),
        ("subcategory", {"subcategory": "JAZZ"}, "jazz"),
        ("city", {"city": "Chicago"}, "chicago"),
        ("district", {"location": Location(41.97, -87.66)}, "839,-1754"),
        ("block", {"location": Location(41.97, -87.66)}, "4197,-8766"),
        # Fridays, three hours a slot: noon in Greenwich is the afternoon in Novosibirsk and the morning in Chicago.
        ("slot", {"starts_at": NOW}, "44"),
        ("slot", {"starts_at": NOW, "location": Location(55.0, 83.0)}, "45"),
        ("slot", {"starts_at": NOW, "location": Location(41.9, -87.6)}, "42"),
    ],
)
def test_an_attribute_is_read_from_the_event(field: str, fields: EventFields, expected: str) -> None:
    catalog = Catalog.of([an_event(**fields)])
    assert catalog.fields[field].names.ids() == [expected]
    assert Catalog.of([Event(event_id="bare")]).fields[field].names.ids() == []


def test_events_of_equal_organizer_and_title_or_time_of_the_week_form_a_series() -> None:
    def series(*events: Event) -> list[int]:
        codes = Catalog.of(events).fields["series"].codes
        return [int(code) for code in codes]

    same, again, other, nobody = series(
        an_event("a", title="Jam", organizer_id="o"),
        an_event("b", title="JAM", organizer_id="o"),
        an_event("c", title="Jam", organizer_id="p"),
        an_event("d", title="Jam"),
    )
    assert same == again != other
    assert nobody == -1
    at_venue, again, elsewhere, untitled_there = series(
        an_event("a", title="Jam", venue_id="v"),
        an_event("b", title="jam ", venue_id="v"),
        an_event("c", title="Jam", venue_id="w"),
        an_event("d", title="", venue_id="v"),
    )
    assert at_venue == again != elsewhere
    assert untitled_there == -1
    # An organizer and a venue may have the same id.
    organized, held = series(an_event("a", title="Jam", organizer_id="v"), an_event("b", title="Jam", venue_id="v"))
    assert organized != held
    untitled = [
        an_event(f"{n}", title="", organizer_id="o", venue_id="v", starts_at=NOW + days * DAY)
        for n, days in enumerate((0, 7, 1))
    ]
    first, next_week, tomorrow = series(*untitled)
    assert first == next_week != tomorrow
