"""Sample-ratio mismatch: a test, valid at every look, that as many users are in each arm as the shares say.

More or fewer users than the assignment gives mean that the arms do not compare: users of one leave, or its lists are
not counted. The test is a Bayes factor of counts under a Dirichlet prior around the shares against the shares
themselves (Lindon, Malek: "Anytime-valid inference for multinomial count data", NeurIPS 2022).
"""

from collections.abc import Sequence
from math import exp, lgamma
from typing import Final

import numpy as np
from numpy.typing import NDArray

ALPHA: Final = 0.01
"""Chance of a false alarm in all looks together: a mismatch voids an experiment, so it is named when it is certain."""
_CONCENTRATION: Final = 100.0
"""Sum of the prior's parameters: shares off by some 5 of 100 are likely, which a few hundred users can show."""


def log_bayes_factor(counts: NDArray[np.integer], shares: Sequence[float]) -> NDArray[np.float64]:
    """Logarithm of the Bayes factor against the shares, float64 of shape (t,).

    Parameters
    ----------
    counts : int of shape (t, k) – numbers of users of each of k arms at each of t looks.
    shares : shares of the arms, above 0; relative to each other.
    """
    expected = np.asarray(shares) / np.sum(shares)
    prior = _CONCENTRATION * expected
    total = counts.sum(axis=1)
    fitted = _log_gamma(prior + counts).sum(axis=1) - _log_gamma(prior).sum()
    evidence = _log_gamma(prior.sum()) - _log_gamma(prior.sum() + total) + fitted
    return np.asarray(evidence - counts @ np.log(expected))


def mismatch_p_value(counts: NDArray[np.integer], shares: Sequence[float]) -> float:
    """Always-valid p-value that the users are assigned by the shares, 0..1, after the looks of `log_bayes_factor`.

    >>> mismatch_p_value(np.array([[500, 510]]), [0.5, 0.5])
    1.0
    >>> mismatch_p_value(np.array([[5_000, 5_600]]), [0.5, 0.5]) < 0.001
    True
    """
    if not len(counts):
        return 1.0
    return exp(-max(float(log_bayes_factor(counts, shares).max()), 0.0))


_log_gamma = np.vectorize(lgamma, otypes=[np.float64])
