"""Simulated app on a deployment, with what its users see and do by day: `python -m benchmarks.simulation --days 30`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.runs import Results, report, run
from benchmarks.simulator.behaviour import Habits
from benchmarks.simulator.clock import Clock
from benchmarks.simulator.comparison import differences
from benchmarks.simulator.simulation import Simulation
from benchmarks.simulator.system import System
from benchmarks.simulator.world import World
from shared.models.registry import MODELS

_START: Final = datetime(2026, 5, 4, tzinfo=UTC)
_HABITS: Final = Habits(stars_in_reviews=0.5, signs_in_late=0.1)
_EARLIER: Final = timedelta(hours=2)
"""Time before the first day in which the deployment is loaded and trained."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the simulation; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation",
        description="Run the whole system by a simulated clock, on an SQLite file and a folder, under users with "
        "tastes: they ask the API for lists, look more at the first events than at the last, get tired of what they "
        "saw in vain, book, cancel and rate, some before they sign in. Print what happened by day, whether the report "
        "of the day says the same, the alerts that were raised, and the drift that the training found.",
    )
    parser.add_argument("--days", type=int, default=30, help="simulated days (default: %(default)s)")
    parser.add_argument("--users", type=int, default=200, help="number of users (default: %(default)s)")
    parser.add_argument("--events", type=int, default=600, help="number of events (default: %(default)s)")
    parser.add_argument(
        "--interactions", type=int, default=6_000, help="interactions before and in these days (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the city and of its users (default: %(default)s)")
    parser.add_argument(
        "--model", choices=sorted(MODELS), default="blend", help="model to train (default: %(default)s)"
    )
    parser.add_argument(
        "--warm-up",
        type=int,
        default=30,
        metavar="DAYS",
        help="days before day 0, so that windows of 28 days hold simulated days alone (default: %(default)s)",
    )
    parser.add_argument("--shift", type=int, metavar="DAY", help="day on which all tastes change, 0 for the first")
    parser.add_argument(
        "--train-every", type=int, default=1, metavar="DAYS", help="days between trainings (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.days, given.users, given.events, given.train_every) < 1 or min(given.interactions, given.warm_up) < 0:
        parser.error(
            "--days, --users, --events, --train-every: expected positive numbers; --interactions, --warm-up: 0 or more"
        )

    first = _START - timedelta(days=given.warm_up)

    def measure() -> Results:
        world = World.of(
            users=given.users,
            events=given.events,
            interactions=given.interactions,
            seed=given.seed,
            start=first,
            days=given.warm_up + given.days,
        )
        days: list[dict[str, object]] = []
        report(f"{'day':>4}{'shown':>8}{'clicked':>9}{'CTR':>8}{'booked':>8}{'organic':>9}  report     drift    alerts")
        with (
            tempfile.TemporaryDirectory(prefix="marquee-simulation-") as folder,
            System.opened(Path(folder), Clock(first - _EARLIER), model=given.model, challengers_s=0.0) as system,
        ):
            system.load(world)
            system.retrain()
            simulation = Simulation(
                system,
                world,
                first,
                seed=given.seed,
                habits=_HABITS,
                train_every=given.train_every,
                shifts_on=None if given.shift is None else given.warm_up + given.shift,
            )
            for number, document in enumerate(simulation.days(given.warm_up + given.days), -given.warm_up):
                day = (_START + timedelta(days=number)).date()
                figures, differing = simulation.diary.figures(day), differences(simulation, day)
                raised = [each for each in system.report(day)["alerts"] if each["since"].startswith(day.isoformat())]
                alerts = {each["alert"]: f"{each['since'][11:16]} UTC, {each['value']:.2f}" for each in raised}
                found = document.get("drift", {"verdict": "", "findings": []})
                drift = {each["quantity"]: each["score"] for each in found["findings"] if each["verdict"] == "drifted"}
                report(
                    f"{number:>4}{figures.impressions:>8,}{figures.clicks:>9,}{figures.ctr:>8.1%}{figures.credited:>8,}"
                    f"{figures.organic:>9,}  {'differs' if differing else 'equal':<11}{found['verdict']:<9}"
                    + ", ".join(f"{name} ({value})" for name, value in alerts.items())
                    + ", ".join(f" drifted: {name} ({score:.2f})" for name, score in drift.items())
                )
                days.append(
                    {"day": number, **asdict(figures), "differences": differing, "drift": drift, "alerts": alerts}
                )
                yield {"days": days}

    return run(measure, lambda _: None, given.out)


if __name__ == "__main__":
    sys.exit(main())
