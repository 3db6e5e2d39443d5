"""Exploration, on and off, in the simulator: `python -m benchmarks.exploration --cities 4`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.runs import Results, report, run
from benchmarks.simulator.clock import Clock
from benchmarks.simulator.simulation import Simulation
from benchmarks.simulator.system import Shown, System
from benchmarks.simulator.world import World
from shared.entities import InteractionType

_START: Final = datetime(2026, 5, 4, tzinfo=UTC)
_LOOKS: Final = 20
"""Impressions after which an event is found: with as many, its clicks say whether it is good."""
_GOOD: Final = 0.75
"""Quantile of the mean utility above which a new event is good."""
_LEFT_DAYS: Final = 3
"""Days that a new event has at least to be found in."""
_FIGURES: Final = ("days_to_look", "days_to_found", "found", "ctr", "bookings")
"""Mean days from an announcement to the first impression and to `_LOOKS` of them, the share of events that got as many,
and what all lists of recommendations earned."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exploration",
        description="Simulate the same cities with shares of explored slots, and print how soon good new events are "
        f"found, that is shown {_LOOKS} times in recommendations, and what it costs in clicks and bookings.",
    )
    parser.add_argument("--cities", type=int, default=4, help="cities, of seeds 1, 2, … (default: %(default)s)")
    parser.add_argument("--days", type=int, default=10, help="simulated days (default: %(default)s)")
    parser.add_argument("--users", type=int, default=200, help="users of a city (default: %(default)s)")
    parser.add_argument("--events", type=int, default=600, help="events of a city (default: %(default)s)")
    parser.add_argument("--interactions", type=int, default=6_000, help="interactions (default: %(default)s)")
    parser.add_argument("--share", type=float, default=0.05, help="share of explored slots (default: %(default)s)")
    parser.add_argument("--model", default="blend", help="model to train (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.cities, given.days - _LEFT_DAYS, given.users, given.events, given.interactions) < 1:
        parser.error("--cities, --days, --users, --events and --interactions: expected positive numbers, and more days")

    def measure() -> Results:
        report(f"{'city':>5}{'share':>7}{'days to look':>14}{'to found':>10}{'found':>8}{'CTR':>9}{'bookings':>10}")
        found: dict[str, list[tuple[float, ...]]] = {}
        for seed in range(1, given.cities + 1):
            world = World.of(
                users=given.users,
                events=given.events,
                interactions=given.interactions,
                seed=seed,
                start=_START,
                days=given.days,
            )
            for share in (0.0, given.share):
                with tempfile.TemporaryDirectory(prefix="marquee-exploration-") as folder:
                    figures = figures_of(
                        Path(folder), world, seed=seed, days=given.days, share=share, model=given.model
                    )
                found.setdefault(f"{share:g}", []).append(figures)
                look, days, part, ctr, bookings = figures
                report(f"{seed:>5}{share:>7.0%}{look:>14.2f}{days:>10.2f}{part:>8.0%}{ctr:>9.2%}{bookings:>10,.0f}")
            yield {
                name: dict(zip(_FIGURES, np.mean(each, axis=0).tolist(), strict=True)) for name, each in found.items()
            }
        for name, each in found.items():
            look, days, part, ctr, bookings = np.mean(each, axis=0)
            report(f"{'all':>5}{float(name):>7.0%}{look:>14.2f}{days:>10.2f}{part:>8.0%}{ctr:>9.2%}{bookings:>10,.0f}")

    return run(measure, lambda _: None, given.out)


def figures_of(folder: Path, world: World, *, seed: int, days: int, share: float, model: str) -> tuple[float, ...]:
    """Figures of a city with a share of explored slots, see `_FIGURES`."""
    clock = Clock(_START - timedelta(hours=2))
    folder.mkdir(exist_ok=True)
    with System.opened(folder, clock, model=model, challengers_s=0.0, exploration=share) as system:
        system.load(world)
        system.retrain()
        simulation = Simulation(system, world, _START, seed=seed, train_every=0)
        for _ in simulation.days(days):
            pass
    good = _good_new_events(world, days)
    shown = [
        act
        for act in simulation.diary.acts
        if act.type is InteractionType.IMPRESSION and act.shown is not None and act.shown.kind == "recommendations"
    ]
    end = _START + timedelta(days=days)
    looks, waits, is_found = [], [], []
    for row in good.tolist():
        event = world.events[row]
        times = [act.at for act in shown if event.event_id in act.event_ids]
        begin, last = event.created_at or _START, min(end, event.starts_at or end)
        is_found.append(len(times) >= _LOOKS)
        # An event that is not found by its start, or by the end, has waited until then.
        looks.append(((times[0] if times else last) - begin) / timedelta(days=1))
        waits.append(((times[_LOOKS - 1] if is_found[-1] else last) - begin) / timedelta(days=1))
    of_days = [simulation.diary.figures((_START + timedelta(days=number)).date(), _is_ranked) for number in range(days)]
    clicks, impressions = (sum(getattr(each, name) for each in of_days) for name in ("clicks", "impressions"))
    bookings = sum(each.credited for each in of_days)
    return float(np.mean(looks)), float(np.mean(waits)), float(np.mean(is_found)), clicks / impressions, bookings


def _is_ranked(shown: Shown, _: str) -> bool:
    return shown.kind == "recommendations"


def _good_new_events(world: World, days: int) -> NDArray[np.int64]:
    """Rows of the events that are announced in the simulated days, early enough, and that users like best."""
    until = _START + timedelta(days=days - _LEFT_DAYS)
    rows = np.array(
        [
            row
            for row, event in enumerate(world.events)
            if event.created_at and event.starts_at
            if _START < event.created_at < until and event.starts_at - event.created_at > timedelta(days=_LEFT_DAYS)
        ]
    )
    worth = world.utilities[:, rows].mean(axis=0)
    good: NDArray[np.int64] = rows[worth >= np.quantile(worth, _GOOD)]
    return good


if __name__ == "__main__":
    sys.exit(main())
