"""Exploration in the simulator: good new events get their first look sooner, at a small cost."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.exploration import figures_of
from benchmarks.simulator.world import World

START: Final = datetime(2026, 5, 4, tzinfo=UTC)
DAYS: Final = 6


def test_a_fifth_of_the_places_finds_good_new_events_sooner(tmp_path: Path) -> None:
    """Ranked by popularity, new events come last, so that none is found without exploration."""
    world = World.of(users=80, events=400, interactions=1_500, seed=1, start=START, days=DAYS)
    (look, *_, bookings), (explored_look, *_, explored_bookings) = (
        figures_of(tmp_path / f"{share:g}", world, seed=1, days=DAYS, share=share, model="popularity")
        for share in (0.0, 0.2)
    )
    assert explored_look < look - 0.2
    assert explored_bookings > 0.5 * bookings
