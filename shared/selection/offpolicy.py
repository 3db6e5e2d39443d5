"""Off-policy evaluation: what users would do if another model chose the events of explored slots.

Explored slots were filled by chance, with known propensities. Those whose event the model would have chosen as well
tell, weighted, what its choices are worth: the self-normalized inverse propensity score (Swaminathan, Joachims: "The
self-normalized estimator for counterfactual learning", NeurIPS 2015), with an interval by the jackknife over users
(Miller: "The jackknife – a review", Biometrika 1974), whose slots are not independent.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.selection.gate import Difference

CHOSEN: Final = 5
"""Events of which a model's policy shows one, all with the same chance: its best. One alone is seldom drawn."""
MIN_SLOTS: Final = 50
"""Slots with a weight below which there is no estimate: the sum of fewer is not nearly normal."""
_NORMAL: Final = 1.96
"""Standard errors on either side of a mean that bound its 95 % interval."""


@dataclass(frozen=True, slots=True)
class LoggedSlots:
    """Explored slots that users saw, n of them.

    Attributes
    ----------
    owners : int64 of shape (n,) – number of the user of each, 0..u-1.
    rewards : float64 of shape (n,) – 1 where the user clicked the event, else 0.
    propensities : float64 of shape (n,) – chance with which the event was drawn, above 0 up to 1.
    """

    owners: NDArray[np.int64]
    rewards: NDArray[np.float64]
    propensities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.owners)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """Slots that a mask of shape (n,) keeps."""
        return type(self)(self.owners[mask], self.rewards[mask], self.propensities[mask])


def chosen_probability(
    scores: NDArray[np.floating], drawn: NDArray[np.integer], allowed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Chance that a model's policy shows the event that was drawn, float64 of shape (n,): 1 / `CHOSEN` or 0.

    The policy shows one of the best `CHOSEN` of the events that could have been drawn.

    Parameters
    ----------
    scores : float of shape (n, m) – the model's scores of m events for the user of each slot.
    drawn : int of shape (n,) – column of the event that was drawn.
    allowed : bool of shape (n, m) – events that could have been drawn, that which was among them.

    >>> chosen_probability(np.array([[3.0, 2, 1, 0, -1, -2]]), np.array([4]), np.ones((1, 6), np.bool_)).tolist()
    [0.2]
    """
    rows = np.arange(len(drawn))
    own = scores[rows, drawn]
    # Ties are broken by the column, as if the events came in that order.
    is_before = (scores > own[:, None]) | ((scores == own[:, None]) & (np.arange(scores.shape[1]) < drawn[:, None]))
    ranks = (is_before & allowed).sum(axis=1)
    return np.where(ranks < CHOSEN, 1.0 / np.clip(allowed.sum(axis=1), 1, CHOSEN), 0.0)


def snips(slots: LoggedSlots, chances: NDArray[np.float64]) -> Difference | None:
    """Estimated reward of a slot under a policy, with its 95 % interval; None with fewer than `MIN_SLOTS`.

    Parameters
    ----------
    chances : float64 of shape (n,) – chance that the policy shows the event of each slot.
    """
    return _estimate(slots, chances, None)


def snips_difference(
    slots: LoggedSlots, chances: NDArray[np.float64], baseline: NDArray[np.float64]
) -> Difference | None:
    """Estimated difference of the rewards of two policies on the same slots, with its 95 % interval; see `snips`."""
    return _estimate(slots, chances, baseline)


def _estimate(
    slots: LoggedSlots, chances: NDArray[np.float64], baseline: NDArray[np.float64] | None
) -> Difference | None:
    policies = [each for each in (chances, baseline) if each is not None]
    if any(np.count_nonzero(each) < MIN_SLOTS for each in policies):
        return None
    (value, without), *others = (_value(slots, each) for each in policies)
    for other, of_other in others:
        value, without = value - other, without - of_other
    n = len(without)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return Difference(n, value, value - _NORMAL * error, value + _NORMAL * error)


def _value(slots: LoggedSlots, chances: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Self-normalized estimate, and that without each of u users, float64 of shape (u,)."""
    weights = chances / slots.propensities
    _, owners = np.unique(slots.owners, return_inverse=True)
    rewards, totals = np.bincount(owners, weights=weights * slots.rewards), np.bincount(owners, weights=weights)
    left = totals.sum() - totals
    value = float(rewards.sum() / totals.sum())
    # Without the only user of whom a policy shows anything, nothing is known; the mean changes nothing.
    return value, np.where(left > 0, (rewards.sum() - rewards) / np.where(left > 0, left, 1.0), value)
