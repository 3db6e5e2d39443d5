"""Off-policy estimates: they find the worth of a policy that was never in service, and their intervals hold."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.selection.offpolicy import CHOSEN, LoggedSlots, chosen_probability, snips, snips_difference

EVENTS = 20


@dataclass
class World:
    """Users who like some of the events that exploration draws, and a model that knows a part of what they like."""

    slots: LoggedSlots
    good: NDArray[np.float64]
    bad: NDArray[np.float64]
    truth: float
    of_bad: float


def world(seed: int, *, users: int = 600) -> World:
    rng = np.random.default_rng(seed)
    visits = rng.poisson(4, users)
    owners = np.repeat(np.arange(users), visits)
    tastes = rng.normal(size=(users, EVENTS)) + rng.normal(size=(users, 1))
    rates = 1 / (1 + np.exp(2 - tastes))
    drawn = rng.integers(EVENTS, size=len(owners))
    rewards = (rng.random(len(owners)) < rates[owners, drawn]).astype(np.float64)
    scores, noise = tastes + 0.5 * rng.normal(size=tastes.shape), rng.normal(size=tastes.shape)
    allowed = np.ones((len(owners), EVENTS), np.bool_)
    slots = LoggedSlots(owners, rewards, np.full(len(owners), 1 / EVENTS))
    good, bad = (chosen_probability(each[owners], drawn, allowed) for each in (scores, noise))
    # Over the users as they visit, and over all of them, since the interval is about users like these.
    truth, of_bad = (_worth(each) for each in ("good", "bad"))
    return World(slots, good, bad, truth, of_bad)


def _worth(kind: str) -> float:
    """Mean click-through rate of a policy, by a great number of users."""
    if kind not in _WORTH:
        rng = np.random.default_rng(12345)
        tastes = rng.normal(size=(200_000, EVENTS)) + rng.normal(size=(200_000, 1))
        scores = tastes + 0.5 * rng.normal(size=tastes.shape) if kind == "good" else rng.normal(size=tastes.shape)
        best = np.argsort(-scores, axis=1)[:, :CHOSEN]
        _WORTH[kind] = float((1 / (1 + np.exp(2 - np.take_along_axis(tastes, best, axis=1)))).mean())
    return _WORTH[kind]


_WORTH: dict[str, float] = {}


def test_intervals_cover_the_truth_in_ninety_five_of_a_hundred_seeds() -> None:
    covered = []
    for seed in range(100):
        made = world(seed)
        found = snips(made.slots, made.good)
        difference = snips_difference(made.slots, made.good, made.bad)
        assert found is not None
        assert difference is not None
        truths = ((found, made.truth), (difference, made.truth - made.of_bad))
        covered.append([each.low <= truth <= each.high for each, truth in truths])
        assert difference.low > 0
    of_estimate, of_difference = np.mean(covered, axis=0)
    assert of_estimate >= 0.95
    # Of 1,000 seeds 94.5 % are covered; of a hundred, 90 to 98.
    assert of_difference >= 0.9


def test_the_estimate_is_near_the_truth_and_not_the_mean_of_what_was_drawn() -> None:
    made = world(1, users=20_000)
    found = snips(made.slots, made.good)
    assert found is not None
    assert found.mean == pytest.approx(made.truth, abs=0.01)
    assert found.mean > 1.3 * made.slots.rewards.mean()


def test_different_propensities_are_weighted() -> None:
    rng = np.random.default_rng(1)
    is_first = rng.random(20_000) < 0.9
    rewards = (rng.random(20_000) < np.where(is_first, 0.1, 0.5)).astype(np.float64)
    slots = LoggedSlots(np.arange(20_000), rewards, np.where(is_first, 0.9, 0.1))
    found = snips(slots, np.full(20_000, 0.5))
    assert found is not None
    assert found.mean == pytest.approx(0.3, abs=0.02)
    assert found.low < 0.3 < found.high


def test_too_few_slots_give_no_estimate() -> None:
    made = world(1, users=20)
    few = np.where(np.arange(len(made.slots)) < 49, 1.0, 0.0)
    assert snips(made.slots, few) is None
    assert snips_difference(made.slots, np.ones(len(made.slots)), few) is None
    nothing = LoggedSlots(np.empty(0, np.int64), np.empty(0), np.empty(0))
    assert snips(nothing, np.empty(0)) is None


def test_a_policy_shows_one_of_the_best_that_could_have_been_drawn() -> None:
    scores = np.array([[5.0, 4, 4, 3, 2, 1, 0]] * 3)
    allowed = np.ones((3, 7), np.bool_)
    assert chosen_probability(scores, np.array([4, 5, 2]), allowed).tolist() == [0.2, 0.0, 0.2]
    allowed[:, [0, 1]] = False
    assert chosen_probability(scores, np.array([4, 5, 6]), allowed).tolist() == [0.2, 0.2, 0.2]
    allowed[:, [2, 3]] = False
    assert chosen_probability(scores, np.array([4, 5, 6]), allowed).tolist() == pytest.approx([1 / 3] * 3)
