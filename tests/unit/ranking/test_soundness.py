"""Soundness of recommenders: what their own test refuses, and what it must not."""

import pytest

from shared.models.registry import trainable
from shared.ranking.soundness import self_test
from shared.services.training.dataset import Dataset, fit
from tests.examples import DAY, NOW, an_event, an_interaction


@pytest.mark.parametrize("model", trainable())
@pytest.mark.parametrize(("n_series", "n_events"), [(1, 20), (3, 20), (1, 1), (20, 20), (0, 20)])
def test_a_deployment_of_few_series_is_sound_though_its_lists_are_short(
    model: str, n_series: int, n_events: int
) -> None:
    events = tuple(
        an_event(
            f"e{number:02}",
            title=f"Course {number % n_series}" if n_series else "",
            organizer_id="school" if n_series else "",
            starts_at=NOW + (number + 1) * DAY,
        )
        for number in range(n_events)
    )
    bookings = tuple(
        an_interaction(f"u{user}", f"e{number:02}", occurred_at=NOW - DAY)
        for user in range(5)
        for number in range(user % 3, n_events, 4)
    )
    recommender, _, _ = fit(Dataset(events, {}, bookings), model=model, now=NOW, half_life_days=90)
    assert self_test(recommender, NOW) == ""
    assert len(recommender.recommend(now=NOW)) == min(10, n_series or n_events)
