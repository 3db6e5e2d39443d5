"""Ratio metrics of an arm, with errors clustered by user.

A metric is a sum over users divided by another, such as clicks by impressions. The acts of one user are not
independent, so the user is the unit: the error is that of the delta method over users (Deng, Knoblich, Lu: "Applying
the delta method in metric analytics", KDD 2018).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratio metric of an arm.

    Attributes
    ----------
    value : the ratio of the sums; 0 for a denominator of 0.
    error : its standard error; infinite for fewer than two users or a denominator of 0.
    numerator, denominator : the sums.
    """

    value: float
    error: float
    numerator: float
    denominator: float


def ratio(numerators: NDArray[np.floating], denominators: NDArray[np.floating]) -> Ratio:
    """Ratio of two sums over n users, each float of shape (n,).

    >>> found = ratio(np.array([1.0, 0.0, 2.0]), np.array([4.0, 2.0, 2.0]))
    >>> found.value, round(found.error, 4)
    (0.375, 0.2359)
    """
    n, above, below = len(numerators), float(numerators.sum()), float(denominators.sum())
    if n < 2 or below <= 0:
        return Ratio(above / below if below > 0 else 0.0, float("inf"), above, below)
    value = above / below
    residuals = numerators - value * denominators
    error = float(np.sqrt(n / (n - 1) * (residuals**2).sum()) / below)
    return Ratio(value, error, above, below)
