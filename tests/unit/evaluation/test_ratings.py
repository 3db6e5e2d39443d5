"""Rating prediction with the biased mean."""

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.evaluation.ratings import BiasedMean, evaluate_ratings
from shared.feedback.interactions import InteractionTable
from tests.examples import DAY, NOW, an_event, an_interaction

USERS, EVENTS, STARS = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([5.0, 3.0, 4.0])


def test_biases_are_those_computed_by_hand() -> None:
    model = BiasedMean(event_damping=1.0, user_damping=2.0).fit(USERS, EVENTS, STARS, n_users=3, n_events=3)
    assert model.mean_ == 4
    # Event 0: (1 + 0) / (2 + 1); event 1: -1 / (1 + 1); event 2 has no ratings.
    assert model.event_biases_ == pytest.approx([1 / 3, -1 / 2, 0])
    # User 0: (1 - 1/3 + -1 + 1/2) / (2 + 2); user 1: (0 - 1/3) / (1 + 2); user 2 has no ratings.
    assert model.user_biases_ == pytest.approx([1 / 24, -1 / 9, 0])
    predicted = model.predict(np.array([0, 1, -1, 2]), np.array([0, -1, 1, 2]))
    assert predicted == pytest.approx([4 + 1 / 3 + 1 / 24, 4 - 1 / 9, 3.5, 4])


def test_predictions_stay_between_1_and_5_stars() -> None:
    users, events = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    model = BiasedMean(event_damping=1e-6, user_damping=1e-6)
    model.fit(users, events, np.array([5.0, 5.0, 1.0, 1.0]), n_users=2, n_events=2)
    model.event_biases_ *= 2
    assert model.predict(np.array([0, 1]), np.array([0, 1])).tolist() == [5, 1]


def test_without_ratings_the_prediction_is_3() -> None:
    nothing = np.zeros(0, np.int64)
    model = BiasedMean().fit(nothing, nothing, np.zeros(0), n_users=2, n_events=2)
    assert model.predict(np.array([0, -1]), np.array([1, -1])).tolist() == [3, 3]


def test_more_damping_means_smaller_biases() -> None:
    weakly_damped, strongly_damped = (
        BiasedMean(event_damping=damping, user_damping=damping).fit(USERS, EVENTS, STARS, n_users=2, n_events=2)
        for damping in (1.0, 100.0)
    )
    assert np.abs(strongly_damped.event_biases_).max() < np.abs(weakly_damped.event_biases_).max() / 10


def test_ratings_are_evaluated_on_the_latest_fifth() -> None:
    catalog = Catalog.of([an_event("a")])
    stars = [5.0, 5.0, 5.0, 5.0, 1.0]
    given = [
        an_interaction(f"u{n}", "a", InteractionType.RATING, occurred_at=NOW + n * DAY, value=value)
        for n, value in enumerate(stars)
    ]
    table = InteractionTable.of(given, catalog)
    metrics = evaluate_ratings(table, 1)
    assert (metrics["ratings"], metrics["rmse"], metrics["mae"]) == (1, 4, 4)
    assert evaluate_ratings(table.before(NOW), 1)["ratings"] == 0
