"""Statistics of experiments: they hold however often one looks, and find what they say they find."""

import numpy as np
import pytest

from benchmarks.experiments import SimulatedArm, simulated
from shared.experiments.confidence import detectable, needed_error, p_value, power, radius
from shared.experiments.ratios import ratio
from shared.experiments.sampleratio import mismatch_p_value

RUNS = 500


def test_looking_every_day_raises_no_more_false_alarms_than_stated() -> None:
    """500 tests of two equal variants for 30 days: at most 5 % of them ever raise an alarm."""
    outcomes = [simulated(seed, users=300, days=30, lift=0.0, effect=0.1) for seed in range(RUNS)]
    assert np.mean([each.is_found for each in outcomes]) <= 0.05
    assert np.mean([each.has_mismatch for each in outcomes]) <= 0.01


def test_looks_at_independent_days_raise_no_more_false_alarms_than_stated() -> None:
    """Random walks, for which the sequence is made: of those, some would leave an ordinary interval."""
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(4_000, 300))
    means = np.cumsum(steps, axis=1) / np.arange(1, 301)
    widths = np.array([radius(1 / np.sqrt(n), 0.3, alpha=0.05) for n in range(1, 301)])
    assert 0.01 < np.mean((np.abs(means) > widths).any(axis=1)) <= 0.05
    assert np.mean((np.abs(means) > 1.96 / np.sqrt(np.arange(1, 301))).any(axis=1)) > 0.3


def test_power_is_at_least_what_is_stated() -> None:
    """The stated power is that of the last look; earlier ones find some more."""
    outcomes = [simulated(seed, users=500, days=30, lift=0.25, effect=0.2) for seed in range(200)]
    found, stated = (np.mean([getattr(each, name) for each in outcomes]) for name in ("is_found", "stated"))
    assert 0.5 < stated <= found <= stated + 0.15


def test_the_p_value_and_the_interval_agree() -> None:
    for error, scale in ((0.1, 0.3), (0.3, 0.1), (0.1, 0.1)):
        for alpha in (0.05, 0.01):
            assert p_value(radius(error, scale, alpha=alpha), error, scale) == pytest.approx(alpha)
    assert p_value(1.0, float("inf"), 1.0) == p_value(1.0, 0.1, 0.0) == 1.0
    assert radius(float("inf"), 1.0, alpha=0.05) == radius(0.1, 0.0, alpha=0.05) == float("inf")


def test_the_interval_is_narrowest_for_the_effect_that_matters() -> None:
    error = needed_error(0.1, 0.1, alpha=0.05)
    assert detectable(error, 0.1, alpha=0.05) == pytest.approx(0.1)
    assert power(0.1, error, 0.1, alpha=0.05) == pytest.approx(0.8, abs=1e-6)
    for other in (0.02, 0.5):
        assert radius(error, other, alpha=0.05) > radius(error, 0.1, alpha=0.05)


def test_errors_are_those_of_users_not_of_impressions() -> None:
    """The error of the rate of an arm is the spread of that rate over arms of other users."""
    looks = [list(SimulatedArm.of(np.random.default_rng(seed), users=400, days=5).looks())[-1] for seed in range(300)]
    spread = np.std([look.value for look in looks])
    assert np.mean([look.error for look in looks]) == pytest.approx(spread, rel=0.1)
    naive = np.sqrt(looks[0].value * (1 - looks[0].value) / looks[0].denominator)
    assert spread > 1.2 * naive


def test_a_ratio_of_nothing_has_no_error() -> None:
    empty = np.zeros(0)
    assert ratio(empty, empty).error == float("inf")
    assert ratio(np.ones(3), np.zeros(3)).value == 0.0


def test_a_sample_ratio_mismatch_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(2)
    arrivals = rng.random((500, 30, 200))
    fair = np.cumsum((arrivals < 0.5).sum(axis=2), axis=1)
    total = np.broadcast_to(np.arange(1, 31) * 200, fair.shape)
    p_values = [
        mismatch_p_value(np.stack([ones, alls - ones], axis=1), [1, 1]) for ones, alls in zip(fair, total, strict=True)
    ]
    assert np.mean(np.array(p_values) < 0.01) <= 0.01
    lost = np.cumsum((arrivals < 0.47).sum(axis=2), axis=1)
    p_values = [
        mismatch_p_value(np.stack([ones, alls - ones], axis=1), [1, 1]) for ones, alls in zip(lost, total, strict=True)
    ]
    assert np.mean(np.array(p_values) < 0.01) > 0.8
    assert mismatch_p_value(np.zeros((0, 2), np.int64), [1, 1]) == 1.0
