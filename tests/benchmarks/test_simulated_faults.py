"""Faults of a simulated deployment: forged ids move no figure, and what goes wrong raises its alert once."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from benchmarks.simulator.clock import Clock
from benchmarks.simulator.faults import forged, slow_profiles, unusable_documents
from benchmarks.simulator.system import System
from benchmarks.simulator.world import World
from shared.services.monitoring.feedback import feedback

START: Final = datetime(2026, 5, 4, tzinfo=UTC)
WORLD: Final = World.of(users=5, events=20, interactions=20, seed=1, start=START, days=2)
MINUTES: Final = timedelta(minutes=10)
ALERTS: Final = "shared.services.monitoring.alerts"
"""Logger of the alerts."""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System.opened(tmp_path, Clock(START - timedelta(hours=2)), model="popularity", challengers_s=0.0) as opened:
        opened.load(WORLD)
        opened.retrain()
        opened.clock.forward(START + timedelta(hours=9))
        yield opened


def test_ids_of_lists_that_a_user_never_got_earn_nothing(system: System) -> None:
    shown = system.list("popular", "user_1", limit=5)
    assert len(shown.event_ids) > 3
    lies = forged(shown, "user_2")
    for number, lie in enumerate(lies):
        event_id = shown.event_ids[number % len(shown.event_ids)]
        named = {"recommendation_id": lie.recommendation_id, "position": 0}
        page = {"type": "impression", "event_ids": list(shown.event_ids), **named}
        click, booking = ({"type": kind, "event_id": event_id, **named} for kind in ("click", "booking"))
        system.record({"user_id": "user_2"}, [page, click, booking])
    system.clock.forward(system.clock.at + timedelta(minutes=30))
    system.monitor()
    found = feedback(system.wired.objects, START.date())
    assert (found.total.impressions, found.total.clicks, found.total.bookings) == (0, 0, 0)
    assert found.organic_bookings == len(lies)


def test_what_cannot_be_used_becomes_a_dead_letter(system: System) -> None:
    unusable_documents(system, 7)
    letters = list(system.wired.documents.dead_letters.since(START))
    assert len(letters) == 7
    assert all(letter.reason.startswith("type: expected one of") for letter in letters)


def test_a_slow_store_delays_lists_of_users_alone(system: System) -> None:
    with slow_profiles(system, 0.7):
        assert system.list("recommendations", "user_1", limit=3).event_ids
        assert system.list("recommendations", "", limit=3).event_ids
    system.list("recommendations", "user_1", limit=3)
    assert system.timer.waited == 0.7


def test_a_slow_store_alerts_once_for_hours_and_recovers_once(system: System, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, ALERTS)
    busy(system, hours=2)
    assert told(caplog) == []
    with slow_profiles(system, 3.0):
        busy(system, hours=3)
    assert told(caplog) == [("alert raised", "latency_p99")]
    busy(system, hours=3)
    assert told(caplog) == [("alert raised", "latency_p99"), ("alert closed", "latency_p99")]
    [alert] = system.report(START.date())["alerts"]
    assert (alert["alert"], alert["value"] > 2.9, alert["until"] is None) == ("latency_p99", True, False)


def test_a_burst_of_dead_letters_alerts_once_for_a_day(system: System, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, ALERTS)
    monitored(system, hours=1)
    unusable_documents(system, 30)
    monitored(system, hours=12)
    assert told(caplog) == [("alert raised", "dead_letters")]
    system.clock.forward(START + timedelta(hours=35))
    monitored(system, hours=1)
    assert told(caplog) == [("alert raised", "dead_letters"), ("alert closed", "dead_letters")]
    report = system.report(START.date())
    assert [alert["alert"] for alert in report["alerts"]] == ["dead_letters"]
    assert report["operations"]["dead_letters"]["new"] == 30


def busy(system: System, *, hours: int) -> None:
    """Hours in which users ask for 60 lists each, and the job runs every ten minutes."""
    for _ in range(6 * hours):
        for number in range(10):
            system.list("recommendations", f"user_{number % 5 + 1}", limit=3)
        system.clock.forward(system.clock.at + MINUTES)
        system.monitor()


def monitored(system: System, *, hours: int) -> None:
    """Hours in which the job runs every ten minutes."""
    for _ in range(6 * hours):
        system.clock.forward(system.clock.at + MINUTES)
        system.monitor()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Alerts in the log: message and name, in order."""
    lines = [json.loads(record.message) for record in caplog.records if record.name == ALERTS]
    return [(line["message"], line["alert"]) for line in lines]
