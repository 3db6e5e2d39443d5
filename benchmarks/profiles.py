"""Benchmark of many profiles: what grows with them, in requests and in jobs: `python -m benchmarks.profiles`.

Everything else stays the same: the events, the interactions that models learn from, and those that expire.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.deployment import build
from benchmarks.latency import warm_server
from benchmarks.runs import Results, children, cpu_s, memory_mb, need_disk, report, run
from benchmarks.traffic import timed
from jobs.console import Console, table
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_documents, open_objects
from shared.entities import Interaction, InteractionType, Location, User
from tools.emulators.process import free_port, process_group
from tools.emulators.programs import ROOT

_LIVE: Final = 1_000
_BATCH: Final = 10_000
_EXPIRED: Final = 5_000
"""Interactions that are older than `_KEPT_DAYS`, each with its entry of a history."""
_KEPT_DAYS: Final = 365
_ASKED: Final = 300
"""Users who ask for a list, each once."""
_PATH: Final = "/api/v1/recommendations?limit=20"
_PATIENCE_S: Final = 1_200.0
_BYTES_PER_PROFILE: Final = 2_500
"""Disk for each profile: 0.7 kB of documents and entries, with as much again for its log, and the ledger."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark of many profiles; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles", description=__doc__)
    parser.add_argument("--profiles", type=int, nargs="+", default=[10_000, 1_000_000], help="(default: 10000 1000000)")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained model for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.profiles) < _EXPIRED:
        parser.error(f"--profiles: expected at least {_EXPIRED}")

    def measure() -> Results:
        with tempfile.TemporaryDirectory(prefix="marquee-profiles-") as name:
            need_disk(work := given.work or Path(name), max(given.profiles) * _BYTES_PER_PROFILE)
            build(deployment := work / f"deployment-{_LIVE}", live=_LIVE, console=Console(sys.stderr))
            found: dict[str, dict[str, float]] = {}
            for profiles in given.profiles:
                shutil.copytree(deployment, folder := Path(name) / str(profiles))
                found[f"{profiles:,}"] = measured = {}
                for what, value in _measured(folder, profiles):
                    measured[what] = round(value, 3)
                    report(f"{profiles:,} profiles: {what} {measured[what]:,g}")
                    yield {"profiles": found}
                shutil.rmtree(folder)

    return run(measure, _print, given.out)


def _measured(folder: Path, profiles: int) -> Iterator[tuple[str, float]]:
    stores = {
        "MARQUEE_DOCUMENTS": f"sqlite:{folder / 'documents.db'}",
        "MARQUEE_OBJECTS": f"folder:{folder / 'bucket'}",
    }
    began, cpu = time.perf_counter(), time.process_time()
    _fill(stores["MARQUEE_DOCUMENTS"], stores["MARQUEE_OBJECTS"], profiles)
    yield "write: s", time.perf_counter() - began
    yield "write: processor s", time.process_time() - cpu
    environ = {
        **os.environ,
        **stores,
        "PYTHONPATH": str(ROOT),
        "MARQUEE_AUTH": "off",
        "MARQUEE_KEEP_DAYS": f"{_KEPT_DAYS}",
        # Of a training, only what grows with profiles is looked at; lists come from the model that is there already.
        "MARQUEE_MODEL": "popularity",
        "MARQUEE_CHALLENGERS_S": "0",
    }
    (source := folder / "source").mkdir()
    (source / "main.py").write_text((ROOT / "main.py").read_text())
    with warm_server(source, environ, expected=_LIVE) as (port, pid, _):
        paths = [f"{_PATH}&user_id={_name(row)}" for row in Random(1).sample(range(profiles), _ASKED)]
        connection, before = HTTPConnection("127.0.0.1", port, timeout=60), cpu_s(pid)
        times = [timed(connection, path) for path in paths]
        connection.close()
        yield "list: median, ms", statistics.median(times)
        yield "list: 99th percentile, ms", statistics.quantiles(times, n=100)[-1]
        yield "list: processor ms", (cpu_s(pid) - before) / _ASKED * 1e3
        yield "instance: MB", memory_mb(pid)
    for job, runs in (("monitor", ("first", "next")), ("retrain", ("first", "next"))):
        for number, label in enumerate(runs):
            for what, value in _job(job, source, environ, number):
                yield f"{job}, {label}: {what}", value


def _fill(documents_at: str, objects_at: str, profiles: int) -> None:
    """Write of the profiles, each with a history, and of the interactions that expire."""
    documents = open_documents(documents_at, StoredKeys(open_objects(objects_at)))
    now, rng = datetime.now(UTC), Random(7)
    events = [event.event_id for event in islice(documents.events.live(now), 500)]
    for start in range(0, profiles, _BATCH):
        rows = range(start, min(start + _BATCH, profiles))
        documents.users.put([_user(row, rng) for row in rows], now=now - timedelta(days=1))
        documents.users.remember([_act(row, rng, events, now) for row in rows])
    old = [_act(row, rng, events, now - timedelta(days=_KEPT_DAYS + 1)) for row in range(_EXPIRED)]
    documents.users.remember(old)
    documents.interactions.append(old, now=now - timedelta(days=1))
    documents.close()


def _name(row: int) -> str:
    return f"profile_{row}"


def _user(row: int, rng: Random) -> User:
    return User(
        user_id=_name(row),
        preferred_categories=(f"category {rng.randrange(20)}", f"category {rng.randrange(20)}"),
        city="Chicago",
        location=Location(41.9 + rng.random() / 5, -87.7 + rng.random() / 5),
        birth_year=rng.randrange(1940, 2010),
    )


def _act(row: int, rng: Random, events: Sequence[str], until: datetime) -> Interaction:
    entry = Interaction(
        interaction_id="",
        user_id=_name(row),
        event_id=rng.choice(events),
        type=rng.choice((InteractionType.VIEW, InteractionType.SAVE, InteractionType.BOOKING)),
        occurred_at=until - timedelta(seconds=rng.randrange(20 * 86_400)),
    )
    return replace(entry, interaction_id=entry.expected_id())


def _job(job: str, source: Path, environ: dict[str, str], number: int) -> Iterator[tuple[str, float]]:
    """Time, processor time and peak memory of a run of a scheduled function in an instance of its own."""
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", job, "--port", str(port)]
    with process_group(command, cwd=source, env=environ) as process:
        _await(port)
        before, began = cpu_s(process.pid), time.perf_counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        scheduled = datetime.now(UTC) + timedelta(seconds=number)
        connection.request("POST", "/", headers={"X-CloudScheduler-ScheduleTime": scheduled.isoformat()})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{job}: expected status 200, got {answer.status} {said}")
        yield "s", time.perf_counter() - began
        yield "processor s", cpu_s(process.pid) - before
        yield "peak MB", max(map(_peak_mb, [process.pid, *children(process.pid)]))
        for phase, seconds in said.get("phases", {}).items():
            yield f"{phase}, s", seconds


def _await(port: int) -> None:
    give_up = time.monotonic() + 60
    while True:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/")
            connection.getresponse().read()
        except ConnectionError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def _print(result: dict[str, Any]) -> None:
    sizes = list(result["profiles"])
    rows = [
        [what, *(f"{result['profiles'][size].get(what, float('nan')):,.3g}" for size in sizes)]
        for what in result["profiles"][sizes[0]]
    ]
    print(table(["", *sizes], rows))


if __name__ == "__main__":
    sys.exit(main())
