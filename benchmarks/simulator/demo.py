"""Demo with a simulated audience, which fills the dashboard: `python -m benchmarks.simulator.demo`.

Two weeks of a small city's users are simulated up to now, by a simulated clock: they ask the API for lists, look at
some, click, book and rate. Then the same stores are served on localhost, by the real clock.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.simulator.clock import Clock
from benchmarks.simulator.faults import unusable_documents
from benchmarks.simulator.simulation import Simulation
from benchmarks.simulator.system import System
from benchmarks.simulator.world import World
from functions import wiring
from jobs.console import Console
from jobs.demo import listening, local_settings, say_ignored, serve
from jobs.demo_routes import generated_town
from jobs.interruption import exit_status, interruptible
from shared.errors import InvalidField

_EARLIER: Final = timedelta(hours=2)
"""Time before the first day in which the city is loaded and trained."""
_MONITORS_EVERY: Final = timedelta(hours=3)
_DEAD_LETTERS: Final = 3


def simulate(
    folder: Path,
    *,
    now: datetime,
    days: int,
    users: int,
    events: int,
    interactions: int,
    train_every: int,
    console: Console,
) -> None:
    """Simulation of the `days` up to `now`, the last one as far as it has come, on new stores in `folder`.

    A training comes before the first day and each `train_every` days.
    """
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    world = World.of(users=users, events=events, interactions=interactions, seed=1, start=start, days=days)
    with System.opened(folder, Clock(start - _EARLIER), challengers_s=0.0) as system:
        system.load(world)
        system.retrain()
        simulation = Simulation(system, world, start, monitor_every=_MONITORS_EVERY, train_every=train_every, until=now)
        with console.task("simulating") as task:
            for number, _ in enumerate(simulation.days(days), 1):
                task.update(number / days)
        unusable_documents(system, _DEAD_LETTERS)
        system.clock.forward(now)
        system.monitor()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the simulated demo; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulator.demo",
        description="Simulate two weeks of an app's users up to now, then serve the app and its dashboard on localhost "
        "until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=8080, help="port on localhost; 0 for any (default: %(default)s)")
    parser.add_argument("--days", type=int, default=14, help="simulated days (default: %(default)s)")
    parser.add_argument("--users", type=int, default=120, help="number of users (default: %(default)s)")
    parser.add_argument("--events", type=int, default=300, help="number of events (default: %(default)s)")
    parser.add_argument(
        "--interactions", type=int, default=3_000, help="interactions before and in these days (default: %(default)s)"
    )
    parser.add_argument(
        "--train-every",
        type=int,
        default=7,
        metavar="DAYS",
        help="days from a training to the next: daily ones would take most of the time (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    if (
        min(given.days, given.users, given.events, given.train_every) < 1
        or given.interactions < 0
        or not 0 <= given.port < 1 << 16
    ):
        parser.error("--port, --days, --users, --events and --interactions: expected positive numbers")
    console, serving = Console(), False
    say_ignored(os.environ, console)
    try:
        with (
            interruptible(),
            tempfile.TemporaryDirectory(prefix="marquee-demo-") as name,
            listening(given.port) as taken,
        ):
            folder = Path(name)
            console.say(f"simulating {given.days} days of {given.users} users of a city with {given.events} events")
            sizes = {size: getattr(given, size) for size in ("days", "users", "events", "interactions", "train_every")}
            simulate(folder, now=datetime.now(UTC), **sizes, console=console)
            port = taken.getsockname()[1]
            console.say(f"the dashboard is at http://localhost:{port}/dashboard.html")
            serving = True
            serve(wiring.build(local_settings(folder)), generated_town(), taken, console)
    except InvalidField as error:
        parser.error(str(error))
    except KeyboardInterrupt as interrupt:
        console.say("stopped; the demo's files are gone")
        # Only Ctrl-C ends a server.
        return 0 if serving else exit_status(interrupt)
    return 0


if __name__ == "__main__":
    sys.exit(main())
