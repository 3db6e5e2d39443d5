"""Paired differences of two models and their bootstrap intervals over users."""

import numpy as np
import pytest

from shared.selection.gate import Difference, difference


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_the_difference_without_users_is_zero() -> None:
    assert difference(np.zeros(0), np.zeros(0)) == Difference(0, 0.0, 0.0, 0.0)


def test_an_equal_lead_for_every_user_has_an_interval_of_width_zero() -> None:
    lead = difference(np.full(30, 0.75), np.full(30, 0.5))
    assert (lead.users, lead.mean, lead.low, lead.high) == (30, 0.25, 0.25, 0.25)


def test_the_interval_agrees_with_the_standard_error(rng: np.random.Generator) -> None:
    paired = rng.normal(0.1, 1.0, 400)
    lead = difference(paired, np.zeros(400))
    error = paired.std(ddof=1) / np.sqrt(400)
    assert lead.mean == pytest.approx(paired.mean())
    assert lead.low == pytest.approx(paired.mean() - 1.96 * error, abs=0.2 * error)
    assert lead.high == pytest.approx(paired.mean() + 1.96 * error, abs=0.2 * error)


def test_repeated_cases_of_the_same_users_do_not_narrow_the_interval(rng: np.random.Generator) -> None:
    paired = rng.normal(0.1, 1.0, 100)
    repeated, zeros = np.tile(paired, 4), np.zeros(400)
    single = difference(paired, np.zeros(100))
    by_user = difference(repeated, zeros, owners=np.tile(np.arange(100), 4))
    assert by_user.users == 100
    assert (by_user.mean, by_user.low, by_user.high) == pytest.approx((single.mean, single.low, single.high))
    by_case = difference(repeated, zeros)
    assert by_case.high - by_case.low < 0.7 * (single.high - single.low)


def test_users_weigh_by_their_number_of_cases() -> None:
    lead = difference(np.array([1.0, 1.0, 1.0, 0.0]), np.zeros(4), owners=np.array([0, 0, 0, 1]))
    # Of two users drawn, the mean is 1, 3/4 or 0.
    assert (lead.users, lead.mean, lead.low, lead.high) == (2, 0.75, 0.0, 1.0)
