"""Publication gate: decides if a challenger, a newly trained model, may replace the incumbent, the model in service.

Differences of two models are paired by user on the same holdout, and their mean gets an interval by the bootstrap
(Efron: "Bootstrap methods: another look at the jackknife", 1979; Sakai: "Evaluating evaluation metrics based on the
bootstrap", SIGIR 2006).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.selection.judging import REPORTED, SEGMENTS, Scores

MIN_USERS: Final = 20
"""Smallest segment on which a challenger can be refused; with fewer users the interval is too wide to decide."""

_RESAMPLES: Final = 1_000
_LOW, _HIGH = 2.5, 97.5
"""Percentiles of the bootstrap means that bound the 95 % interval."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Paired mean difference of two models' metric, challenger − baseline, with its 95 % bootstrap interval."""

    users: int
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} ({self.low:+.4f} to {self.high:+.4f}, {self.users} users)"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Decision of the gate.

    Attributes
    ----------
    publish : True if the challenger may serve.
    reason : text for the run document.
    differences : differences of NDCG by baseline and name in `judging.REPORTED`, such as "served warm" or "popularity
        known_candidates".
    """

    publish: bool
    reason: str
    differences: Mapping[str, Difference] = field(default_factory=dict)

    def comparisons(self) -> dict[str, Any]:
        """Differences as plain values, for the run document."""
        return {name: asdict(found) for name, found in self.differences.items()}


def difference(
    challenger: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    owners: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> Difference:
    """Paired mean difference of two models with a bootstrap interval over users.

    Parameters
    ----------
    challenger, baseline : float64 of shape (n,) – metric values of the same cases, in the same order.
    owners : int of shape (n,) – the user of each case, 0..u-1, all of which occur; None for one case a user. Users are
        resampled with all their cases, since several measurements of one user are not independent.
    seed : of the resampling.
    """
    paired = challenger - baseline
    if not len(paired):
        return Difference(0, 0.0, 0.0, 0.0)
    owners = np.arange(len(paired)) if owners is None else owners
    sums, counts = np.bincount(owners, weights=paired), np.bincount(owners)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (_LOW, _HIGH))
    return Difference(len(sums), float(paired.mean()), float(low), float(high))


def decide(challenger: Scores, *, served: Scores | None, popular: Scores | None) -> Verdict:
    """Verdict on a challenger: publish unless it is significantly worse than the incumbent or fails to beat popularity.

    It is refused if in any segment of at least `MIN_USERS` users the whole interval of its difference to the incumbent
    lies below 0, or if its mean NDCG over all users does not exceed that of popularity. With fewer than `MIN_USERS`
    users in all it is published. Known and new candidates apart are reported; they decide nothing.

    Parameters
    ----------
    served : scores of the incumbent, None if no model is in service.
    popular : scores of the popularity model, None if the challenger is that model.
    """
    differences = {
        f"{name} {segment}": difference(challenger.ndcg[segment], baseline.ndcg[segment])
        for name, baseline in (("served", served), ("popularity", popular))
        if baseline is not None
        for segment in REPORTED
    }
    judged = len(challenger.ndcg["all"])
    if judged < MIN_USERS:
        reason = f"only {judged} users can be judged, of at least {MIN_USERS}, so nothing speaks against it"
        return Verdict(publish=True, reason=reason, differences=differences)
    for segment in SEGMENTS:
        lost = differences.get(f"served {segment}")
        if lost and lost.users >= MIN_USERS and lost.high < 0:
            reason = f"worse than the model in service, {segment.replace('_', ' ')}: {lost}"
            return Verdict(publish=False, reason=reason, differences=differences)
    won = differences.get("popularity all")
    if won and won.mean <= 0:
        return Verdict(publish=False, reason=f"does not beat popularity: {won}", differences=differences)
    overall = [f"{name}: {found}" for name, found in differences.items() if name.endswith(" all")]
    return Verdict(publish=True, reason="; ".join(["passed", *overall]), differences=differences)
