"""Forecasts of weekly counts against series whose future is known."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from shared.monitoring.forecast import COVERAGE, HORIZON, forecast

COUNTS = arrays.arrays(
    np.float64, st.tuples(st.integers(0, 4), st.integers(0, 130)), elements=st.integers(0, 1_000).map(float)
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_a_constant_series_goes_on_with_an_interval_that_closes() -> None:
    made = forecast(np.full((2, 60), 7.0))
    assert made.mean == pytest.approx(7.0)
    assert made.low == pytest.approx(7.0)
    assert made.high == pytest.approx(7.0)


def test_the_level_follows_a_series_that_jumped_and_rests_on_one_that_is_only_noisy(rng: np.random.Generator) -> None:
    jumped = np.repeat([10.0, 30.0], [80, 12])
    noisy = rng.poisson(20, 92).astype(float)
    made = forecast(np.stack([jumped, noisy]))
    assert made.mean[0] == pytest.approx(30, abs=2)
    assert made.mean[1] == pytest.approx(20, abs=2.5)


def test_the_season_of_past_years_is_expected_again(rng: np.random.Generator) -> None:
    weeks = np.arange(52 * 4 - 2)
    # Each Christmas, four times the bookings for ten weeks, of which the last two and the next are to come.
    is_high = (weeks % 52) >= 46
    counts = rng.poisson(np.where(is_high, 80, 20), (6, len(weeks))).astype(float)
    in_season, before = forecast(counts), forecast(counts[:, :-5])
    assert before.mean.mean() > 1.3 * counts[:, -17:-5].mean()
    assert in_season.mean[:, 3].mean() < in_season.mean[:, 0].mean()


def test_a_single_year_has_no_season() -> None:
    counts = np.tile(np.arange(51.0), (3, 1))
    made = forecast(counts)
    assert np.ptp(made.mean, axis=1) == pytest.approx(0)


def test_four_fifths_of_the_counts_lie_inside(rng: np.random.Generator) -> None:
    rates = np.exp(rng.normal(1.0, 1.2, 300))[:, None]
    counts = rng.poisson(rates, (300, 120)).astype(float)
    made, came = forecast(counts[:, :-HORIZON]), counts[:, -HORIZON:]
    inside = ((came >= made.low) & (came <= made.high)).mean()
    assert COVERAGE - 0.05 < inside < COVERAGE + 0.1


@given(COUNTS)
def test_forecasts_of_any_counts_are_finite_and_ordered(counts: NDArray[np.float64]) -> None:
    made = forecast(counts)
    for numbers in (made.mean, made.low, made.high):
        assert numbers.shape == (len(counts), HORIZON)
        assert np.isfinite(numbers).all()
    assert (made.low >= 0).all()
    assert (made.low <= made.mean).all()
    assert (made.mean <= made.high).all()


@given(COUNTS.filter(lambda counts: len(counts) > 1))
def test_the_order_of_series_has_no_effect(counts: NDArray[np.float64]) -> None:
    assert forecast(counts[::-1]).mean == pytest.approx(forecast(counts).mean[::-1])


def test_a_thousand_series_of_five_years_take_less_than_two_seconds_of_a_processor(rng: np.random.Generator) -> None:
    counts = rng.poisson(3.0, (1_000, 260)).astype(float)
    began = time.process_time()
    forecast(counts)
    assert time.process_time() - began < 2
