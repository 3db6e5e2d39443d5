"""Alerts: one episode from a quantity's rise above its threshold until it recovers, and what is enough to judge by."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities.alert import ALERT_RULES, THRESHOLDS
from shared.entities.provenance import Segment
from shared.errors import ArtifactError
from shared.monitoring.alerts import MIN_REQUESTS, Episodes, click_loss, lost_share, of_requests
from shared.monitoring.operations import HOUR, HourFigures
from shared.monitoring.rates import Tally
from tests.unit.monitoring.test_operations import a_list

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTES = timedelta(minutes=10)


@given(st.lists(st.sampled_from([0.0, 0.9, 1.0, 1.1, 5.0, None]), max_size=40), st.sampled_from([*ALERT_RULES]))
def test_an_episode_lasts_from_the_first_value_above_to_the_first_that_is_not(
    values: list[float | None], name: str
) -> None:
    episodes, is_open, begun, ended = Episodes(), False, 0, 0
    for number, value in enumerate(values):
        episodes = episodes.after({} if value is None else {name: value}, {name: 1.0}, NOON + number * MINUTES)
        if value is not None and (value > 1.0) != is_open:
            is_open = not is_open
            begun, ended = begun + is_open, ended + (not is_open)
        found = episodes.episodes
        assert (len(found), sum(not episode.is_open() for episode in found)) == (begun, ended)
        # Told once at its begin, and once at its end.
        assert len(episodes.untold()) <= 1
        episodes = episodes.told()


def test_an_alert_that_is_turned_off_closes_and_closed_ones_are_forgotten_after_a_week() -> None:
    raised = Episodes().after({"errors": 1.0}, THRESHOLDS, NOON)
    assert [episode.alert for episode in raised.episodes] == ["errors"]
    [closed] = raised.after({"errors": 1.0}, {}, NOON + HOUR).episodes
    assert closed.until == NOON + HOUR
    assert raised.after({}, {}, NOON).after({}, {}, NOON + 9 * 24 * HOUR).episodes == ()
    assert closed.concerns(NOON, NOON + HOUR)
    assert not closed.concerns(NOON + 2 * HOUR, NOON + 3 * HOUR)
    assert not closed.concerns(NOON - HOUR, NOON)


def test_stored_episodes_are_read_as_they_were() -> None:
    episodes = (
        Episodes().after({"errors": 1.0, "cost": 99.0}, THRESHOLDS, NOON).told().after({"cost": 0.0}, THRESHOLDS, NOON)
    )
    assert Episodes.from_json(json.dumps(episodes.to_document()).encode(), "alerts") == episodes
    with pytest.raises(ArtifactError, match="alerts"):
        Episodes.from_json(b'{"episodes": [{"alert": "errors"}]}', "alerts")


def hour_with(hour: datetime, requests: int, *, seconds: float = 0.01, status: int = 200) -> HourFigures:
    made = HourFigures(hour=hour)
    for _ in range(requests):
        made.add("getPopularEvents", status, seconds, a_list(Segment.COLD))
    return made


def test_too_few_requests_say_nothing() -> None:
    assert of_requests([hour_with(NOON, MIN_REQUESTS - 1, seconds=9, status=500)], NOON) == {}
    enough = of_requests([hour_with(NOON, MIN_REQUESTS, seconds=9, status=500)], NOON)
    assert enough["errors"] == 1.0
    assert enough["latency_p99"] == pytest.approx(9, rel=0.011)
    assert (enough["fallback"], enough["degraded"]) == (0, 0)


def test_the_last_two_hours_count_and_earlier_ones_only_where_those_have_too_few_requests() -> None:
    now = NOON + 3 * MINUTES
    busy = [hour_with(NOON - number * HOUR, MIN_REQUESTS, seconds=number + 1) for number in range(5)]
    assert of_requests(busy, now)["latency_p99"] == pytest.approx(2, rel=0.011)
    quiet = [hour_with(NOON - number * HOUR, MIN_REQUESTS // 4, seconds=number + 1) for number in range(30)]
    assert of_requests(quiet, now)["latency_p99"] == pytest.approx(4, rel=0.011)
    # Nothing older than a day.
    assert of_requests([hour_with(NOON - 24 * HOUR, 1_000)], now) == {}


TODAY: Final = date(2026, 5, 20)
USUAL: Final = Tally(500, 5_000)


def clicks(*last: Tally, before: int = 8) -> dict[date, Tally]:
    """Usual days, and the `last` ones, of which the latest is today."""
    days = [USUAL] * before + list(last)
    return {TODAY - timedelta(days=number): day for number, day in enumerate(reversed(days))}


def test_a_loss_of_clicks_is_that_of_a_running_day_or_of_the_one_before() -> None:
    assert click_loss(clicks(USUAL), TODAY) == {"click_through": 0.0}
    lost = click_loss(clicks(Tally(100, 5_000)), TODAY)["click_through"]
    assert 0.6 < lost < 0.8
    begun = click_loss(clicks(Tally(100, 5_000), Tally(1, 10)), TODAY)
    assert begun == {"click_through": pytest.approx(lost, abs=0.02)}
    assert click_loss(clicks(Tally(100, 5_000), USUAL, USUAL), TODAY) == {"click_through": 0.0}


@pytest.mark.parametrize(
    "days", [{}, {TODAY: USUAL}, clicks(USUAL, before=2), {TODAY - timedelta(days=9): USUAL}, clicks()]
)
def test_too_few_days_say_nothing_of_clicks(days: dict[date, Tally]) -> None:
    found = click_loss(days, TODAY)
    assert found == ({} if len(days) < 4 else {"click_through": 0.0})


def test_lost_counts_are_a_share_of_what_was_settled_in_a_day() -> None:
    hour, old = HourFigures(hour=NOON), HourFigures(hour=NOON - 24 * HOUR)
    hour.settled.update(interactions=200, lost=20)
    old.settled.update(interactions=1_000, lost=1_000)
    assert lost_share([hour, old], NOON) == {"lost_counts": 0.1}
    assert lost_share([], NOON) == {}
