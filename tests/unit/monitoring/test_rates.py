"""Loss of a rate: false alarms of days that are looked at hour by hour, and losses that are found."""

from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.monitoring.rates import FALSE_ALARM, Tally, certain_loss, evidence, variance

HOURS: Final = 14
DAYS: Final = 1_000
TRIALS: Final = 50
"""Trials of an hour."""


def looks(rng: np.random.Generator, rates: NDArray[np.float64]) -> NDArray[np.int64]:
    """Hits up to each hour of days with these rates, int64 of shape (days, hours)."""
    return rng.poisson(TRIALS * rates[:, None], (len(rates), HOURS)).cumsum(1)


def test_usual_days_are_seldom_refuted_at_any_hour() -> None:
    rng, shape = np.random.default_rng(1), 50.0
    days = looks(rng, 0.1 * rng.gamma(shape, 1 / shape, DAYS))
    expected = 0.1 * TRIALS * np.arange(1, HOURS + 1)
    refuted = [
        any(evidence(hits, usual, shape) >= 1 / FALSE_ALARM for hits, usual in zip(day, expected, strict=True))
        for day in days.tolist()
    ]
    assert sum(refuted) / DAYS <= FALSE_ALARM


def test_the_evidence_of_a_usual_day_is_one_on_average() -> None:
    rng, shape = np.random.default_rng(2), 20.0
    hits = rng.poisson(30 * rng.gamma(shape, 1 / shape, 20_000))
    found = [evidence(each, 30.0, shape) for each in hits.tolist()]
    assert np.mean(found) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("loss", "found"), [(0.0, 0.0), (0.3, 0.05), (0.5, 0.3), (0.8, 0.65)])
def test_a_large_loss_of_a_large_day_is_certain_and_never_overstated(loss: float, found: float) -> None:
    week = [Tally(1_000 + 20 * number, 10_000) for number in range(-3, 4)]
    certain = certain_loss(Tally(round(1_000 * (1 - loss)), 10_000), week)
    assert certain is not None
    assert found <= certain <= loss


def test_the_loss_of_a_small_day_is_not_certain() -> None:
    week = [Tally(2, 20)] * 7
    assert certain_loss(Tally(0, 20), week) == 0.0
    assert certain_loss(Tally(0, 200), week) == pytest.approx(0.6, abs=0.3)


def test_days_that_vary_let_more_pass() -> None:
    steady, varied = [Tally(100, 1_000)] * 6, [Tally(60, 1_000), Tally(140, 1_000)] * 3
    assert variance(varied) > 10 * variance(steady)
    lost = Tally(50, 1_000)
    assert (certain_loss(lost, steady) or 0.0) > 0.1
    assert certain_loss(lost, varied) == 0.0


@pytest.mark.parametrize("before", [[], [Tally(10, 100)] * 2, [Tally(0, 100)] * 7, [Tally(0, 0)] * 7])
def test_too_little_before_says_nothing(before: list[Tally]) -> None:
    assert certain_loss(Tally(0, 1_000), before) is None
