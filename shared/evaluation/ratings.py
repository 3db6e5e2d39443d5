"""Rating prediction: the baseline predictor of stars from the mean, an event bias and a user bias."""

from dataclasses import asdict
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.evaluation.metrics import RatingMetrics, rating_metrics
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import CODES

MIN_STARS, MAX_STARS = 1.0, 5.0
"""Range of stars that a rating may give."""


class BiasedMean:
    """Baseline predictor of ratings: stars ≈ μ + b_event + b_user, each bias shrunk towards 0.

    b_event = Σ (stars − μ) / (n_event + λ₁), then b_user = Σ (stars − μ − b_event) / (n_user + λ₂).
    (Koren: "Factor in the neighbors: scalable and accurate collaborative filtering", TKDD 2010, section 2.1.)

    Parameters
    ----------
    event_damping, user_damping : λ₁ and λ₂, in ratings, above 0.

    Attributes
    ----------
    mean_ : mean stars μ, 3 without any rating.
    event_biases_ : float64 of shape (n_events,).
    user_biases_ : float64 of shape (n_users,).
    """

    def __init__(self, *, event_damping: float = 25.0, user_damping: float = 10.0) -> None:
        self.event_damping = event_damping
        self.user_damping = user_damping

    def fit(
        self,
        user_rows: NDArray[np.integer],
        event_rows: NDArray[np.integer],
        stars: NDArray[np.floating],
        *,
        n_users: int,
        n_events: int,
    ) -> Self:
        """Fit the mean and the biases to n ratings.

        Parameters
        ----------
        user_rows, event_rows : int of shape (n,), in 0..n_users-1 and 0..n_events-1.
        stars : float of shape (n,), 1..5.
        """
        self.mean_ = float(stars.mean()) if len(stars) else (MIN_STARS + MAX_STARS) / 2
        rest = stars - self.mean_
        self.event_biases_ = _damped_mean(event_rows, rest, n_events, self.event_damping)
        rest = rest - self.event_biases_[event_rows]
        self.user_biases_ = _damped_mean(user_rows, rest, n_users, self.user_damping)
        return self

    def predict(self, user_rows: NDArray[np.integer], event_rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Predicted stars of n pairs of user and event, float64 of shape (n,), 1..5; unknown rows (-1) have bias 0."""
        events = np.append(self.event_biases_, 0.0)[event_rows]
        users = np.append(self.user_biases_, 0.0)[user_rows]
        predicted: NDArray[np.float64] = np.clip(self.mean_ + events + users, MIN_STARS, MAX_STARS)
        return predicted


def _damped_mean(
    rows: NDArray[np.integer], values: NDArray[np.floating], size: int, damping: float
) -> NDArray[np.float64]:
    sums = np.bincount(rows, weights=values, minlength=size)
    means: NDArray[np.float64] = sums / (np.bincount(rows, minlength=size) + damping)
    return means


def evaluate_ratings(table: InteractionTable, n_events: int, *, share: float = 0.2) -> dict[str, float]:
    """Rating metrics of `BiasedMean` on the latest `share` of the ratings, trained on the earlier ones.

    Returns
    -------
    The fields of `RatingMetrics` by name.
    """
    rated = table.where((table.codes == CODES[InteractionType.RATING]) & (table.event_rows >= 0))
    n_holdout = int(np.ceil(len(rated) * share))
    is_past = np.arange(len(rated)) < len(rated) - n_holdout
    past, late = rated.where(is_past), rated.where(~is_past)
    model = BiasedMean().fit(past.user_rows, past.event_rows, past.values, n_users=len(table.users), n_events=n_events)
    metrics: RatingMetrics = rating_metrics(late.values, model.predict(late.user_rows, late.event_rows))
    return {name: float(value) for name, value in asdict(metrics).items()}
