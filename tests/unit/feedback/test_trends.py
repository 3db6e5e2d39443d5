"""Recent popularity and trend scores, on interactions of known ages."""

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import growth, popularity
from shared.feedback.trends import WINDOWS, before_windows, recent, rising
from tests.examples import DAY, NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event("burst"), an_event("old"), an_event("steady"), an_event("unseen")])
DAYS: dict[str, list[float]] = {
    "burst": [0.5] * 10 + [20],
    "old": [40, 41, 42],
    "steady": [float(day) for day in range(60)],
}
TABLE = InteractionTable.of(
    [
        an_interaction(f"user_{number}", name, InteractionType.BOOKING, occurred_at=NOW - day * DAY)
        for name, days in DAYS.items()
        for number, day in enumerate(days)
    ],
    CATALOG,
)
SUMS = popularity(TABLE, len(CATALOG))
BEFORE = before_windows(TABLE, len(CATALOG), NOW)
SCALE = float(1 / growth(np.array([NOW.timestamp()]))[0])


@pytest.mark.parametrize("window", WINDOWS)
def test_recent_popularity_sums_the_interactions_within_the_window(window: str) -> None:
    found = recent(SUMS, BEFORE, window) * SCALE
    expected = [
        sum(2 ** (-day / 14) for day in DAYS.get(name, []) if day < WINDOWS[window]) for name in CATALOG.events.ids()
    ]
    assert found == pytest.approx(expected, abs=1e-6)


def test_popularity_gained_since_the_training_belongs_to_every_window() -> None:
    more = SUMS + np.array([0, 5 / SCALE, 0, 0])
    for window in WINDOWS:
        assert recent(more, BEFORE, window)[1] * SCALE == pytest.approx(5)


def test_trend_scores_are_high_for_bursts_near_zero_for_steady_and_negative_for_fading_events() -> None:
    burst, old, steady, unseen = rising(SUMS, BEFORE, "week", SCALE)
    assert burst > 5
    assert abs(steady) < 1
    assert old < 0
    assert unseen == 0
