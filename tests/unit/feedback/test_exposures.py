"""Exposures: what users were shown, from entities and from files alike."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.entities import Interaction, InteractionType
from shared.feedback.exposures import ExposureColumns, Exposures
from shared.feedback.interactions import InteractionTable
from shared.ledger import parquet
from shared.ledger.index import INTERACTIONS
from tests.examples import DAY, NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event(f"e{number}") for number in range(6)])
PEOPLE = ("u0", "u1", "u2")


def page(user_id: str, *event_ids: str, position: int | None = 0, hours_ago: float = 5) -> Interaction:
    return an_interaction(
        user_id,
        event_id="",
        kind=InteractionType.IMPRESSION,
        event_ids=event_ids,
        position=position,
        recommendation_id="list",
        occurred_at=NOW - timedelta(hours=hours_ago),
    )


def single(user_id: str, event_id: str, position: int | None, hours_ago: float = 5) -> Interaction:
    return an_interaction(
        user_id,
        event_id,
        InteractionType.IMPRESSION,
        position=position,
        occurred_at=NOW - timedelta(hours=hours_ago),
    )


def rows(columns: ExposureColumns) -> list[tuple[str, str, int, float]]:
    users, events = columns.users.ids(columns.user_rows), columns.events.ids(columns.event_rows)
    return sorted(zip(users, events, columns.positions.tolist(), columns.shown_at.tolist(), strict=True))


events = st.integers(0, 7).map("e{}".format)
hours = st.integers(1, 100).map(float)
places = st.none() | st.integers(0, 60)
impressions = st.builds(
    lambda user_id, ids, position, hours_ago: page(user_id, *ids, position=position, hours_ago=hours_ago),
    st.sampled_from(PEOPLE),
    st.lists(events, min_size=1, max_size=5),
    places,
    hours,
) | st.builds(single, st.sampled_from(PEOPLE), events, places, hours)
bookings = st.builds(an_interaction, st.sampled_from(PEOPLE), events)


@given(st.lists(st.lists(impressions | bookings, max_size=6), max_size=3), st.sets(st.sampled_from(PEOPLE)))
def test_files_say_what_entities_say(parts: list[list[Interaction]], some: set[str]) -> None:
    files = [(f"{number}.parquet", parquet.encode(INTERACTIONS, part)) for number, part in enumerate(parts)]
    since = NOW - 3 * DAY
    found = parquet.exposures(files, Vocabulary.of(some), since=since, until=NOW - DAY / 24)
    expected = [
        entry
        for part in parts
        for entry in part
        if entry.user_id in some and since <= entry.occurred_at < NOW - DAY / 24
    ]
    assert rows(found) == rows(ExposureColumns.of(expected))


def test_a_page_is_an_exposure_of_each_of_its_events_and_a_single_one_needs_its_position() -> None:
    given = [
        page("u0", "e3", "e1", position=10),
        single("u0", "e2", 4),
        single("u0", "e4", None),
        an_interaction("u0", "e5"),
    ]
    assert [row[:3] for row in rows(ExposureColumns.of(given))] == [("u0", "e1", 11), ("u0", "e2", 4), ("u0", "e3", 10)]


def test_nothing_is_kept_of_users_and_events_that_are_not_learned_from() -> None:
    table = InteractionTable.of([an_interaction("u0", "e0"), an_interaction("u1", "e0")], CATALOG)
    table = table.where(table.user_rows == table.users.row("u0"))
    shown = [page("u0", "e1", "unknown", "e2"), page("u1", "e1"), page("u2", "e1")]
    exposures = Exposures.of_columns(ExposureColumns.of(shown), table, CATALOG)
    assert exposures.user_rows.tolist() == [table.users.row("u0")] * 2
    assert CATALOG.events.ids(exposures.event_rows) == ["e1", "e2"]
    assert exposures.positions.tolist() == [0, 2]


def test_a_click_counts_for_what_was_shown_to_that_user_on_that_day() -> None:
    at = NOW.replace(hour=12)
    hours_ago = (NOW - at) / timedelta(hours=1)
    clicks = [
        an_interaction("u0", "e1", InteractionType.CLICK, occurred_at=at + timedelta(hours=2)),
        an_interaction("u1", "e2", InteractionType.CLICK, occurred_at=at + DAY),
        an_interaction("u1", "e3", InteractionType.VIEW, occurred_at=at),
        an_interaction("u1", "e0", InteractionType.CLICK, occurred_at=at - 400 * DAY),
    ]
    table = InteractionTable.of(clicks, CATALOG)
    shown = [page(user_id, "e0", "e1", "e2", "e3", hours_ago=hours_ago) for user_id in ("u0", "u1")]
    exposures = Exposures.of_columns(ExposureColumns.of(shown), table, CATALOG)
    clicked = exposures.clicked(table, len(CATALOG))
    assert exposures.user_rows[clicked].tolist() == [0]
    assert CATALOG.events.ids(exposures.event_rows[clicked]) == ["e1"]
