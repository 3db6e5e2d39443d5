"""A/B test of a deployment in the simulator, beside what users did: `python -m benchmarks.abtest --days 30`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.runs import Results, report, run
from benchmarks.simulator.clock import Clock
from benchmarks.simulator.diary import Diary, IsPart
from benchmarks.simulator.simulation import Simulation
from benchmarks.simulator.system import System
from benchmarks.simulator.world import World
from shared.experiments.assignment import chosen

START: Final = datetime(2026, 5, 4, tzinfo=UTC)
SHARES: Final = {"now": 0.5, "popular": 0.5}
"""Shares of the variants: the model in service, the control, and popularity, which is worse."""
RANKED: Final = ("recommendations", "rank")
"""Lists that variants rank."""
COUNTS: Final = ("users", "impressions", "clicks", "bookings", "ratings")
"""Counts of an arm that the simulator makes, too."""
_ID: Final = "abtest"


def defined(system: System, *, days: int, effect: float) -> None:
    """Definition of the experiment, which begins with the first day."""
    variants = [{"name": "now", "share": 0.5}, {"name": "popular", "share": 0.5, "model": "popularity"}]
    ends_at = START + timedelta(days=days)
    system.define(
        _ID,
        {"variants": variants, "starts_at": START.isoformat(), "ends_at": ends_at.isoformat(), "effect": effect},
    )


def analysis(system: System) -> dict[str, Any] | None:
    """Latest analysis; None before the first day is closed."""
    found: dict[str, Any] | None = system.experiment(_ID)["analysis"]
    return found


def is_of(arm: str) -> IsPart:
    """Choice of the lists of an arm, as the simulator finds them by itself: those of known users."""
    return lambda shown, _: bool(shown.user_id) and shown.kind in RANKED and arm_of(shown.user_id) == arm


def arm_of(user_id: str) -> str:
    """Arm of a user."""
    return chosen(SHARES, _ID, user_id)


def counted(diary: Diary, arm: str, *, days: int) -> tuple[int, ...]:
    """Counts of an arm in the first days, by what users did; in the order of `COUNTS`."""
    dates = [(START + timedelta(days=number)).date() for number in range(days)]
    figures = [diary.figures(day, is_of(arm)) for day in dates]
    sums = (sum(getattr(each, field) for each in figures) for field in ("impressions", "clicks", "credited", "ratings"))
    return len(diary.users(dates[-1], is_of(arm))), *sums


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.abtest",
        description="Simulate an app of which half of the users see the model, and the others popularity. Print the "
        "verdict of each day, and the figures of both variants beside what the simulator counted by itself.",
    )
    parser.add_argument("--days", type=int, default=30, help="days of the experiment (default: %(default)s)")
    parser.add_argument("--users", type=int, default=260, help="number of users (default: %(default)s)")
    parser.add_argument("--events", type=int, default=400, help="number of events (default: %(default)s)")
    parser.add_argument("--interactions", type=int, default=4_000, help="interactions (default: %(default)s)")
    parser.add_argument("--effect", type=float, default=0.2, help="effect that matters (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the city (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.days, given.users, given.events, given.interactions) < 1 or not 0 < given.effect <= 1:
        parser.error("--days, --users, --events, --interactions and --effect: expected positive numbers")

    def measure() -> Results:
        # The last day of the experiment is closed on the day after.
        days = given.days + 1
        world = World.of(
            users=given.users,
            events=given.events,
            interactions=given.interactions,
            seed=given.seed,
            start=START,
            days=days,
        )
        with (
            tempfile.TemporaryDirectory(prefix="marquee-abtest-") as folder,
            System.opened(Path(folder), Clock(START - timedelta(hours=2)), challengers_s=0.0) as system,
        ):
            system.load(world)
            system.retrain()
            defined(system, days=given.days, effect=given.effect)
            every = timedelta(hours=6)
            simulation = Simulation(system, world, START, seed=given.seed, monitor_every=every, train_every=0)
            for number, _ in enumerate(simulation.days(days)):
                found = analysis(system)
                if found is None:
                    continue
                report(f"{number:>3}  {found['verdict']['text']}")
                told = {arm["name"]: [arm[name] for name in COUNTS] for arm in found["arms"]}
                expected = {arm: list(counted(simulation.diary, arm, days=number)) for arm in SHARES}
                yield {"days": number, "told": told, "counted": expected, "verdict": found["verdict"]}
        report(f"{'':<10}" + "".join(f"{name:>13}" for name in COUNTS))
        for arm in SHARES:
            for name, figures in ((arm, told[arm]), ("counted", expected[arm])):
                report(f"{name:<10}" + "".join(f"{figure:>13,}" for figure in figures))

    return run(measure, lambda _: None, given.out)


if __name__ == "__main__":
    sys.exit(main())
