"""Changes benchmark: cost of taking changed events into a warm instance, and requests meanwhile."""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.deployment import USERS, build
from benchmarks.runs import Results, need_disk, report, run
from jobs.console import Console
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_documents, open_objects
from shared.entities import Event, Status
from shared.services.serving.context import ListRequest, ServingContext
from shared.services.serving.lists import recommend
from shared.services.serving.snapshot import Serving

_REFRESH_S: Final = 30.0
"""Seconds between looks for changes, the default of the settings."""

_PATIENCE_S: Final = 3_600.0
"""Deadline of the looks of this benchmark, which measures how long they take."""

_SETTLED: Final = 3
"""Looks before the first change: the first reads everything, the second warms up."""

_REQUESTERS: Final = 50
"""Users whose lists are requested again and again, few enough to be cached for a minute."""

_AFTER: Final = 20
"""Requests of each user, at least, during a look and after it."""

_BYTES_OF_DEPLOYMENT: Final = 100_000_000
"""Disk of a deployment without events."""

_BYTES_PER_EVENT: Final = 10_000
"""Disk for each live event, see `benchmarks.latency`."""

_CHANGES: Final[dict[str, Callable[[Event, int], Event]]] = {
    "booked": lambda event, number: replace(event, capacity=1_000_000, booked=number),
    "edited": lambda event, number: replace(
        event,
        title=f"{event.title} {number}",
        description=f"{number} {event.description}",
        price=(event.price or 0.0) + 1 + number % 7,
        starts_at=event.starts_at and event.starts_at + timedelta(minutes=1),
        ends_at=event.ends_at and event.ends_at + timedelta(minutes=1),
    ),
    "hidden": lambda event, _: replace(event, status=Status.HIDDEN),
    "new": lambda event, number: replace(event, event_id=f"new_{number}_{event.event_id}"),
}
"""Changes by name, of an event and a number that no other change has."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the changes benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.changes",
        description="Change events behind a warm instance, and measure the CPU time until it is as fast as before with "
        "them, and what its users wait meanwhile.",
    )
    parser.add_argument("--events", type=int, nargs="+", default=[100_000], help="numbers of live events")
    parser.add_argument("--changed", type=int, default=100, help="events changed at once (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="looks of each kind (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained models for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(*given.events, given.changed, given.rounds) < 1:
        parser.error("--events, --changed and --rounds: expected at least 1")

    def measure() -> Results:
        rows: list[dict[str, Any]] = []
        with tempfile.TemporaryDirectory(prefix="marquee-changes-") as folder:
            work = given.work or Path(folder)
            need_disk(work, 2 * sum(_BYTES_OF_DEPLOYMENT + live * _BYTES_PER_EVENT for live in given.events))
            report(f"{'live':>10} {'change':10}{'CPU s':>8}{'p50 ms':>9}{'p99 ms':>9}{'longest ms':>12}")
            for live in given.events:
                deployment = work / f"deployment-{live}"
                build(deployment, live=live, console=Console(sys.stderr))
                # A copy, since a kept deployment would grow with each run.
                copy = Path(folder) / f"copy-{live}"
                shutil.copytree(deployment, copy)
                for row in _measure(copy, live, given.changed, given.rounds):
                    report(
                        f"{row['live_events']:>10,} {row['change']:10}{row['cpu_s']:>8.3f}{row['p50_ms']:>9.1f}"
                        f"{row['p99_ms']:>9.1f}{row['longest_ms']:>12.1f}"
                    )
                    rows.append(row)
                    yield {"changed": given.changed, "rows": rows}

    return run(measure, lambda _: None, given.out)


def _measure(deployment: Path, live: int, changed: int, rounds: int) -> Iterator[dict[str, Any]]:
    objects = open_objects(f"folder:{deployment / 'bucket'}")
    documents = open_documents(f"sqlite:{deployment / 'documents.db'}", StoredKeys(objects))
    serving = Serving(documents, objects, refresh_s=_REFRESH_S, deadline_s=_PATIENCE_S, first_s=_PATIENCE_S)
    clock = [datetime.now(UTC)]
    context = ServingContext(serving, documents, lambda: clock[0], deadline_s=_PATIENCE_S)

    def look() -> None:
        clock[0] += timedelta(seconds=_REFRESH_S)
        serving.current(clock[0])

    for _ in range(_SETTLED):
        look()
    events = sorted(documents.events.live(clock[0]), key=lambda event: event.event_id)
    rng, numbers = np.random.default_rng(1), count()
    for name, change in _CHANGES.items():
        cpu_s: list[float] = []
        waits_ms: list[float] = []
        for _ in range(rounds):
            picked = rng.choice(len(events), min(changed, len(events)), replace=False)
            number = next(numbers)
            ready = [change(events[row], number) for row in picked]
            model = serving.current(clock[0]).model
            began = time.process_time()
            model.with_events(ready).prepare(clock[0])
            cpu_s.append(time.process_time() - began)
            documents.events.put(ready, now=clock[0])
            waits_ms += _requests(context, look)
        yield {
            "live_events": live,
            "change": name,
            "cpu_s": round(float(np.median(cpu_s)), 4),
            "p50_ms": round(float(np.percentile(waits_ms, 50)), 2),
            "p99_ms": round(float(np.percentile(waits_ms, 99)), 2),
            "longest_ms": round(max(waits_ms), 2),
        }
    documents.close()


def _requests(context: ServingContext, look: Callable[[], None]) -> list[float]:
    """Milliseconds of each request of known users, one after the other, during a look and after it."""
    users, waits_ms = min(USERS, _REQUESTERS), list[float]()
    looking = threading.Thread(target=look)
    for number in count():
        if number == users:
            looking.start()
        if number >= _AFTER * users and not looking.is_alive():
            break
        began = time.perf_counter()
        recommend(context, ListRequest(user_id=f"user_{number % users}"))
        if number >= users:
            waits_ms.append(1e3 * (time.perf_counter() - began))
    return waits_ms


if __name__ == "__main__":
    sys.exit(main())
