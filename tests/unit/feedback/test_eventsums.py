"""Integer sums: how far they are from floating-point popularity, and that nothing is rounded twice."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.feedback import eventsums
from shared.feedback.eventsums import EventSums, sums_of, weights
from shared.feedback.interactions import InteractionColumns, InteractionTable
from shared.feedback.popularity import raw_weights
from shared.feedback.trends import Popularity
from shared.feedback.weights import CODES
from tests.examples import NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event("a"), an_event("b")])


def test_the_weights_of_all_types_and_of_whole_and_half_stars_are_exact() -> None:
    stars = [None, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    codes = np.repeat(np.arange(len(CODES), dtype=np.int8), len(stars))
    values = np.array([np.nan if value is None else value for value in stars] * len(CODES), np.float32)
    assert weights(codes, values) / eventsums.WEIGHT == pytest.approx(raw_weights(codes, values), abs=1e-7)


def test_growth_within_a_half_life_goes_from_one_to_two() -> None:
    units = eventsums.growth_units()
    assert len(units) == 20_160
    assert np.all(np.diff(units) > 0)
    assert eventsums.GROWTH < units[0] < units[-1] < 2 * eventsums.GROWTH


def test_popularity_is_as_close_as_it_says() -> None:
    rng = np.random.default_rng(3)
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    given = [
        an_interaction(
            f"u{number}",
            "ab"[number % 2],
            InteractionType.VIEW,
            occurred_at=begin + timedelta(seconds=float(rng.uniform(0, (NOW - begin).total_seconds() - 1))),
        )
        for number in range(2_000)
    ]
    columns = InteractionColumns.of(given)
    event_ids, half_lives, sums = sums_of(columns, [NOW], NOW)
    rows = columns.events.rows_of_keys(event_ids)
    found = EventSums(columns.events, rows, half_lives, [NOW], sums).popularity(NOW, CATALOG.events)
    expected = Popularity.of(InteractionTable.of(given, CATALOG).before(NOW), len(CATALOG), NOW)
    np.testing.assert_allclose(found.sums, expected.sums, rtol=eventsums.QUANTISATION)
    np.testing.assert_allclose(found.before, expected.before, rtol=eventsums.QUANTISATION)


def test_no_interactions_give_no_sums() -> None:
    event_ids, half_lives, sums = sums_of(InteractionColumns.of([]), [NOW], NOW)
    assert len(event_ids) == len(half_lives) == sum(map(len, sums.values())) == 0
