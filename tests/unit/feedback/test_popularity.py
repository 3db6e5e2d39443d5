"""Popularity with forward decay."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.catalog import Catalog
from shared.entities import EventCounts, Interaction, InteractionType
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import HALF_LIFE_DAYS, LANDMARK, counts_of, decayed, growth, popularity
from tests.examples import NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event(name) for name in "abc"])
HALF_LIFE = timedelta(days=HALF_LIFE_DAYS)

interactions = st.lists(
    st.builds(
        an_interaction,
        st.sampled_from(["u1", "u2"]),
        st.sampled_from(["a", "b", "unknown"]),
        st.sampled_from(InteractionType),
        occurred_at=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # Hypothesis wants bounds without a zone
        value=st.sampled_from([None, 1.0, 4.0, 5.0]),
    ),
    unique_by=lambda interaction: interaction.interaction_id,
)


def _popularity(given: list[Interaction]) -> np.ndarray:
    return popularity(InteractionTable.of(given, CATALOG), len(CATALOG))


def test_decayed_sums_of_three_interactions_are_those_computed_by_hand() -> None:
    given = [
        an_interaction("u1", "a", InteractionType.BOOKING, occurred_at=LANDMARK),
        an_interaction("u2", "a", InteractionType.CLICK, occurred_at=LANDMARK + HALF_LIFE),
        an_interaction("u3", "b", InteractionType.BOOKING, occurred_at=LANDMARK - 2 * HALF_LIFE),
    ]
    assert _popularity(given) == pytest.approx([1 + 0.2 * 2, 0.25, 0])


def test_a_booking_outweighs_three_that_are_two_half_lives_older() -> None:
    given = [
        an_interaction("u1", "a", occurred_at=NOW),
        *(an_interaction(f"v{i}", "b", occurred_at=NOW - 2 * HALF_LIFE) for i in range(3)),
    ]
    a, b, _ = _popularity(given)
    assert b == pytest.approx(0.75 * a)


@given(given=interactions, seed=st.integers(0, 9))
def test_popularity_does_not_depend_on_the_order(given: list[Interaction], seed: int) -> None:
    shuffled = random.Random(seed).sample(given, len(given))
    assert np.array_equal(_popularity(shuffled), _popularity(given))


@given(given=interactions)
def test_sums_of_triggers_equal_the_popularity_of_training(given: list[Interaction]) -> None:
    sums = {
        event_id: EventCounts.total(counts_of(interaction) for interaction in given if interaction.event_id == event_id)
        for event_id in CATALOG.events.ids()
    }
    assert _popularity(given) == pytest.approx([counts.popularity for counts in sums.values()], rel=1e-5)


@given(given=interactions, seed=st.integers(0, 9))
def test_rolling_sums_are_exactly_equal_in_any_order(given: list[Interaction], seed: int) -> None:
    shuffled = random.Random(seed).sample(given, len(given))
    assert EventCounts.total(map(counts_of, shuffled)) == EventCounts.total(map(counts_of, given))


def test_the_landmark_rolls_every_ten_half_lives() -> None:
    units = [
        decayed(an_interaction(occurred_at=LANDMARK + half_lives * HALF_LIFE)) for half_lives in (-1, 0, 1, 9, 10, 25)
    ]
    unit = 2**20
    assert units == [{-1: 512 * unit}, {0: unit}, {0: 2 * unit}, {0: 512 * unit}, {1: unit}, {2: 32 * unit}]


def test_counts_and_their_negative_sum_to_zero() -> None:
    counts = counts_of(an_interaction())
    assert bool(counts)
    assert EventCounts.total([counts, counts.negative()]) == EventCounts()
    assert not EventCounts({InteractionType.SAVE: 0}, {3: 0})


@pytest.mark.parametrize(
    ("kind", "value"), [("dismiss", None), ("cancel", None), ("rating", 1.0), ("rating", 3.0), ("impression", None)]
)
def test_negative_and_neutral_interactions_add_no_popularity(kind: str, value: float | None) -> None:
    assert decayed(an_interaction(kind=InteractionType(kind), value=value)) == {}


def test_growth_doubles_with_each_half_life() -> None:
    times = np.array([(LANDMARK + n * HALF_LIFE).timestamp() for n in (-1, 0, 1, 10)])
    assert growth(times).tolist() == [0.5, 1.0, 2.0, 1024.0]


def test_growth_of_all_valid_times_is_finite() -> None:
    times = np.array([datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1970, 2199)])
    assert np.isfinite(growth(times)).all()
    assert (growth(times) > 0).all()
