"""Stored forecasts: one a week, never changed, read by day."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.catalog.catalog import Catalog
from shared.errors import ArtifactError
from shared.feedback.interactions import InteractionTable
from shared.monitoring.bookings import BookingForecast, booked_weeks
from shared.services import forecasts
from tests.examples import an_event, an_interaction

TUESDAY = datetime(2026, 5, 5, 3, tzinfo=UTC)
CATALOG = Catalog.of([an_event("jazz", organizer_id="club")])
TABLE = InteractionTable.of(
    [
        an_interaction(
            f"user_{number}",
            "jazz",
            occurred_at=TUESDAY - timedelta(days=2 * number),
        )
        for number in range(1, 60)
    ],
    CATALOG,
)


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path)


def _update(objects: FolderObjects, now: datetime) -> BookingForecast | None:
    return forecasts.update(objects, partial(booked_weeks, TABLE.before(now)), CATALOG, now=now)


def test_a_week_is_forecast_once(objects: FolderObjects) -> None:
    made = _update(objects, TUESDAY)
    assert made is not None
    assert [_update(objects, TUESDAY + timedelta(days=days)) for days in range(1, 7)] == [None] * 6
    assert objects.names("forecasts/") == ["forecasts/2026-05-04.json"]
    assert forecasts.forecast_of(objects, date(2026, 5, 10)) == made


def test_forecasts_of_a_day_are_those_that_were_known_then(objects: FolderObjects) -> None:
    first, second = _update(objects, TUESDAY), _update(objects, TUESDAY + timedelta(days=7))
    assert first
    assert second
    known = [forecasts.forecast_of(objects, date(2026, 5, day)) for day in (4, 5, 11, 12, 31)]
    assert known == [None, first, first, second, second]
    assert second.hits.judged == 2


def test_a_damaged_forecast_is_made_again_and_does_not_judge(objects: FolderObjects) -> None:
    objects.write("forecasts/2026-04-27.json", b"{", generation=0)
    objects.write("forecasts/2026-05-04.json", b"[]", generation=0)
    with pytest.raises(ArtifactError, match=r"forecasts/2026-05-04\.json"):
        forecasts.forecast_of(objects, date(2026, 5, 6))
    made = _update(objects, TUESDAY)
    assert made
    assert made.hits.judged == 0
    assert forecasts.forecast_of(objects, date(2026, 5, 6)) == made


def test_the_oldest_forecasts_are_deleted(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "KEPT", 2)
    for weeks in range(4):
        assert _update(objects, TUESDAY + timedelta(weeks=weeks))
    assert objects.names("forecasts/") == ["forecasts/2026-05-18.json", "forecasts/2026-05-25.json"]
