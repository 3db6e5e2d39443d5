"""Loss of a rate against the days before, by an e-process: a test that holds however often a running day is looked at.

Hits of a day are Poisson with a rate that varies from day to day (gamma, so they are negative binomial). The ratio of
the likelihoods of lower rates and of the usual one, averaged over the lower rates, is a martingale while the rate is
usual. By Ville's inequality, it reaches 1 / α at any time of the day with a chance of at most α (Ramdas, Grünwald,
Vovk, Shafer: "Game-theoretic statistics and safe anytime-valid inference", 2023).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final

FALSE_ALARM: Final = 0.01
"""Chance α a day to claim a loss that is not there, where rates vary from day to day as they did before."""
MIN_DAYS: Final = 3
"""Days from which their variation can be told."""
MIN_VARIATION: Final = 0.05
"""Relative standard deviation of daily rates that is always expected: a few equal days do not tell that all will be."""
_STEPS: Final = 100
"""Resolution of losses: hundredths."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Tally of a day: `hits` of `trials`, 0 ≤ hits ≤ trials."""

    hits: int
    trials: int


def certain_loss(day: Tally, before: Sequence[Tally], *, alpha: float = FALSE_ALARM) -> float | None:
    """Relative loss of a day's rate that is certain, 0..0.99; None where the days before are too few to compare with.

    The greatest δ for which the rates usual in the days before, each lessened by δ, are refuted by the day.

    >>> week = [Tally(105, 1_000), Tally(95, 1_000), Tally(100, 1_000)]
    >>> [certain_loss(Tally(hits, 1_000), week) for hits in (100, 50, 10)]
    [0.0, 0.13, 0.73]
    """
    earlier = [each for each in before if each.trials]
    hits, trials = sum(each.hits for each in earlier), sum(each.trials for each in earlier)
    if len(earlier) < MIN_DAYS or not hits:
        return None
    shape, expected = 1 / variance(earlier), day.trials * hits / trials
    refuted = (step / _STEPS for step in range(_STEPS - 1, 0, -1))
    return next((loss for loss in refuted if evidence(day.hits, (1 - loss) * expected, shape) >= 1 / alpha), 0.0)


def variance(days: Sequence[Tally]) -> float:
    """Relative variance of the rate of another day around that of some days together, which have hits.

    What the hits of days vary more than chance would have it (method of moments), and the error of their mean.
    """
    hits, trials = sum(day.hits for day in days), sum(day.trials for day in days)
    rate, mean = hits / trials, hits / len(days)
    chi = sum((day.hits - rate * day.trials) ** 2 / (rate * day.trials) for day in days) / (len(days) - 1)
    between = max((chi - 1) / mean, MIN_VARIATION**2)
    return between + (between + 1 / mean) / len(days)


def evidence(hits: int, expected: float, shape: float) -> float:
    """E-value against the expected hits for fewer: the mean likelihood ratio of 1 % to 99 % of them.

    Parameters
    ----------
    shape : of the gamma distribution of the rate, the inverse of its relative variance.
    """

    def ratio(share: float) -> float:
        return hits * log(share) - (shape + hits) * log((shape + share * expected) / (shape + expected))

    return sum(exp(ratio(step / _STEPS)) for step in range(1, _STEPS)) / (_STEPS - 1)
