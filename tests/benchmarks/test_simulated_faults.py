"""Faults of a simulated deployment: forged ids move no figure, and documents that cannot be used are kept."""

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


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System.opened(tmp_path, Clock(START - timedelta(hours=2))) as opened:
        opened.load(WORLD)
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
        system.record("user_2", [page, click, booking])
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
    waits: list[float] = []
    with slow_profiles(system, 0.7, waits.append):
        assert system.list("recommendations", "user_1", limit=3).event_ids
        assert system.list("recommendations", "", limit=3).event_ids
    system.list("recommendations", "user_1", limit=3)
    assert waits == [0.7]
