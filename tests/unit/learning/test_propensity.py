"""Examination propensities: positions are told from what stands at them."""

import numpy as np
import pytest

from shared.learning.propensity import MIN_CLICKS, POSITIONS, examination


def log(rng: np.random.Generator, theta: np.ndarray, n: int, *, sorted_by_worth: float = 0.0) -> tuple[np.ndarray, ...]:
    """Log of n exposures of 40 events; the better ones stand higher where lists are sorted by worth."""
    worth = rng.beta(2, 6, 40)
    events = rng.integers(len(worth), size=n)
    by_worth = np.argsort(np.argsort(-worth))[events] * len(theta) // len(worth)
    is_sorted = rng.random(n) < sorted_by_worth
    positions = np.where(is_sorted, by_worth, rng.integers(len(theta), size=n))
    return events, positions, rng.random(n) < theta[positions] * worth[events]


@pytest.mark.parametrize("bias", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sorted_by_worth", [0.0, 0.6])
def test_the_truth_is_found_also_where_better_events_stand_higher(bias: float, sorted_by_worth: float) -> None:
    theta = (1.0 + np.arange(10)) ** -bias
    events, positions, clicked = log(np.random.default_rng(3), theta, 60_000, sorted_by_worth=sorted_by_worth)
    found = examination(events, positions, clicked)
    assert found is not None
    np.testing.assert_allclose(found[:10], theta, atol=0.13)
    assert not found[10:].any()


def test_few_clicks_tell_nothing() -> None:
    events = np.zeros(5_000, np.int64)
    clicked = np.arange(5_000) < MIN_CLICKS - 1
    assert examination(events, events, clicked) is None
    assert examination(events[:0], events[:0], clicked[:0]) is None


def test_a_position_that_is_rarely_shown_counts_little_and_far_ones_are_one() -> None:
    events, positions, clicked = log(np.random.default_rng(3), np.ones(2), 20_000)
    far = np.append(positions, [POSITIONS + 7, 10**6])
    found = examination(np.append(events, [0, 1]), far, np.append(clicked, [True, True]))
    assert found is not None
    assert found.shape == (POSITIONS,)
    assert 0 < found[-1] < 0.5
