"""Confidence sequences of a difference: intervals that hold at all times at once, so that one may look every day.

The mixture sequential probability ratio test (mSPRT) of a normal mean with a normal mixture (Robbins: "Statistical
methods related to the law of the iterated logarithm", 1970; Johari, Koomen, Pekelis, Walsh: "Always valid inference:
continuous monitoring of A/B tests", Operations Research 2022). With estimated errors it holds asymptotically
(Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: "Time-uniform central limit theory and asymptotic confidence sequences",
Annals of Statistics 2024).
"""

from math import erf, exp, isfinite, log, sqrt
from typing import Final

POWER: Final = 0.8
"""Chance to find an effect by which the effects that can be detected are stated."""
_QUANTILE: Final = 0.8416212335729143
"""Quantile of the standard normal distribution at `POWER`."""
_STEPS: Final = 60
"""Bisections: the result is exact to the last digit that anybody reads."""


def radius(error: float, scale: float, *, alpha: float) -> float:
    """Half width of the interval of a difference; infinite without an error or a scale.

    With V the squared error and τ² the squared scale: √(2 V (V + τ²) / τ² · log(√((V + τ²) / V) / α)).

    Parameters
    ----------
    error : standard error of the difference now.
    scale : standard deviation of the differences for which intervals are narrowest, that which matters.
    alpha : chance, 0..1, that any of all intervals ever misses the truth.

    >>> round(radius(1.0, 3.0, alpha=0.05), 3)
    3.036
    """
    if not (isfinite(error) and error > 0 and scale > 0):
        return float("inf")
    x = (scale / error) ** 2
    return error * sqrt(2 * (1 + x) / x * log(sqrt(1 + x) / alpha))


def p_value(difference: float, error: float, scale: float) -> float:
    """Always-valid p-value of a difference, 0..1: without an effect, 5 % of tests ever have one below .05.

    >>> round(p_value(3.036, 1.0, 3.0), 3)
    0.05
    """
    if not (isfinite(error) and error > 0 and scale > 0):
        return 1.0
    x = (scale / error) ** 2
    exponent = (difference / error) ** 2 * x / (2 * (1 + x))
    return min(1.0, sqrt(1 + x) * exp(-min(exponent, 700.0)))


def detectable(error: float, scale: float, *, alpha: float) -> float:
    """Difference that an interval with this error excludes 0 for with chance `POWER`."""
    return radius(error, scale, alpha=alpha) + _QUANTILE * error


def needed_error(difference: float, scale: float, *, alpha: float) -> float:
    """Greatest standard error at which a difference above 0 is `detectable`, its inverse."""
    low, high = 0.0, difference
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if detectable(middle, scale, alpha=alpha) <= difference:
            low = middle
        else:
            high = middle
    return low


def power(difference: float, error: float, scale: float, *, alpha: float) -> float:
    """Chance, 0..1, that the interval of one look with this error excludes 0 if the difference is true."""
    width = radius(error, scale, alpha=alpha)
    if not isfinite(width):
        return 0.0
    return _normal((difference - width) / error) + _normal((-difference - width) / error)


def _normal(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2
