"""Decides whether a trained model may replace the one in service.

Differences of two models are taken user by user on the same window, and their mean gets an interval by the bootstrap
(Efron: "Bootstrap methods: another look at the jackknife", 1979; Sakai: "Evaluating evaluation metrics based on the
bootstrap", SIGIR 2006).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.selection.judging import SEGMENTS, Scores

MIN_USERS: Final = 20
"""With fewer users an interval says nothing, so nothing is refused for it."""
_RESAMPLES: Final = 1_000
_LOW, _HIGH = 2.5, 97.5


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of candidate − other over users, with its 95 % interval."""

    users: int
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} ({self.low:+.4f} to {self.high:+.4f}, {self.users} users)"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to publish, and why.

    Attributes
    ----------
    differences : "served warm", "popularity all" and so on → the difference there.
    """

    publish: bool
    reason: str
    differences: Mapping[str, Difference] = field(default_factory=dict)

    def comparisons(self) -> dict[str, Any]:
        """The differences as plain values."""
        return {name: asdict(one) for name, one in self.differences.items()}


def difference(
    candidate: NDArray[np.float64],
    other: NDArray[np.float64],
    *,
    owners: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> Difference:
    """The paired difference of two models.

    Parameters
    ----------
    candidate, other : of shape (n,) – in the same order.
    owners : int of shape (n,) – the user that each belongs to, 0..u-1, all of which occur; None when each has its own.
        Users are drawn as a whole, since what is measured of one user several times is not independent.
    """
    paired = candidate - other
    if not len(paired):
        return Difference(0, 0.0, 0.0, 0.0)
    owners = np.arange(len(paired)) if owners is None else owners
    sums, counts = np.bincount(owners, weights=paired), np.bincount(owners)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (_LOW, _HIGH))
    return Difference(len(sums), float(paired.mean()), float(low), float(high))


def decide(candidate: Scores, *, served: Scores | None, popular: Scores | None) -> Verdict:
    """Publish what is in no segment worse than the model in service beyond the interval, and beats popularity.

    `served` is None when nothing is in service, `popular` when the candidate is popularity itself.
    """
    differences = {
        f"{name} {segment}": difference(candidate.ndcg[segment], other.ndcg[segment])
        for name, other in (("served", served), ("popularity", popular))
        if other is not None
        for segment in SEGMENTS
    }
    judged = len(candidate.ndcg["all"])
    if judged < MIN_USERS:
        why = f"only {judged} users can be judged, of at least {MIN_USERS}, so nothing speaks against it"
        return Verdict(publish=True, reason=why, differences=differences)
    for segment in SEGMENTS:
        lost = differences.get(f"served {segment}")
        if lost and lost.users >= MIN_USERS and lost.high < 0:
            why = f"worse than the model in service, {segment.replace('_', ' ')}: {lost}"
            return Verdict(publish=False, reason=why, differences=differences)
    won = differences.get("popularity all")
    if won and won.mean <= 0:
        return Verdict(publish=False, reason=f"does not beat popularity: {won}", differences=differences)
    against = [f"{name}: {one}" for name, one in differences.items() if name.endswith(" all")]
    return Verdict(publish=True, reason="; ".join(["passed", *against]), differences=differences)
