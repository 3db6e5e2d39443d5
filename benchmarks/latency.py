"""Latency benchmark of a warm instance: percentiles and throughput with wrk: `python -m benchmarks.latency`."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from benchmarks.deployment import USERS, build
from benchmarks.runs import Results, memory_mb, need_disk, report, run
from jobs.console import Console
from shared.settings import Settings
from tools.emulators.process import free_port, process_group
from tools.emulators.programs import ROOT, wrk

_API: Final = "/api/v1/recommendations"
_PATIENCE_S: Final = 300.0
_AT_LEAST_S: Final = 1.0
"""Seconds for the last answer that a warm server is asked for."""
_SETTLE_S: Final = 2
_BYTES_OF_DEPLOYMENT: Final = 100_000_000
"""Disk of a deployment without events, three times the users and interactions that were measured."""

_BYTES_PER_EVENT: Final = 10_000
"""Disk for each live event: some three documents, CSV rows and model rows, with as much again to spare."""

_CASES: Final = {
    "ok": "plain",
    "product": "product",
    "stranger": "marquee",
    "user": "marquee",
    "user, no reasons": "marquee",
    "new session": "marquee",
    "filters, diverse": "marquee",
}
"""Request cases and their server: `user` repeats within a minute (cached), `new session` always has a new history."""

_PLAIN: Final = """
def api(request):
    return "ok"
"""
_PRODUCT: Final = """
import json
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

rng = np.random.default_rng(1)
EVENTS = rng.normal(size=({live}, 128)).astype(np.float32)
USERS = rng.normal(size=(1000, 128)).astype(np.float32)


def api(request):
    scores = EVENTS @ USERS[rng.integers(1000)]
    best = np.argpartition(-scores, 10)[:10]
    best = best[np.argsort(-scores[best])]
    return json.dumps([[int(row), float(scores[row])] for row in best])
"""
_LUA: Final = """
math.randomseed(7)
request = function()
  return wrk.format("GET", (PATH:gsub("@u", function() return math.random(1, USERS) end)
                                :gsub("@e", function() return EVENTS[math.random(1, #EVENTS)] end)))
end
done = function(summary, latency, requests)
  io.write(string.format("RESULT %.0f %.0f %.0f %.0f %d %d\\n", latency:percentile(50), latency:percentile(95),
    latency:percentile(99), summary.requests / summary.duration * 1e6, summary.requests,
    summary.errors.status + summary.errors.timeout + summary.errors.read + summary.errors.connect))
end
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the latency benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency",
        description="Load-test a warm server under gunicorn, as functions-framework runs it, with wrk: Marquee "
        "on catalogs of several sizes, functions-framework returning 'ok', and a plain numpy product with its top ten.",
    )
    parser.add_argument(
        "--events", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="numbers of live events"
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=int, default=10, help="duration of each measurement (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained models for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    for name in ("events", "connections"):
        if min(getattr(given, name)) < 1:
            parser.error(f"--{name}: expected at least 1")
    if given.seconds < 1:
        parser.error("--seconds: expected at least 1")

    def measure() -> Results:
        wrk()
        rows: list[dict[str, Any]] = []
        with tempfile.TemporaryDirectory(prefix="marquee-latency-") as folder:
            work = given.work or Path(folder)
            need_disk(work, sum(_BYTES_OF_DEPLOYMENT + live * _BYTES_PER_EVENT for live in given.events))
            report(f"{'live':>8} {'case':18}{'conns':>6}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'req/s':>8}{'MB':>6}")
            for live in given.events:
                for row in _measure(Path(folder), work, live, given.connections, given.seconds):
                    report(_shown(row))
                    rows.append(row)
                    yield {"seconds": given.seconds, "rows": rows}

    return run(measure, lambda _: None, given.out)


def _measure(folder: Path, work: Path, live: int, connections: list[int], seconds: int) -> Results:
    deployment = work / f"deployment-{live}"
    build(deployment, live=live, console=Console(sys.stderr))
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MARQUEE_DOCUMENTS": f"sqlite:{deployment / 'documents.db'}",
        "MARQUEE_OBJECTS": f"folder:{deployment / 'bucket'}",
        "MARQUEE_AUTH": "off",
    }
    sources = {"plain": _PLAIN, "product": _PRODUCT.format(live=live), "marquee": (ROOT / "main.py").read_text()}
    for server, source in sources.items():
        source_folder = folder / f"{server}-{live}"
        source_folder.mkdir()
        (source_folder / "main.py").write_text(source)
        with warm_server(source_folder, environ, expected=live if server == "marquee" else None) as (port, pid, events):
            for case, of in _CASES.items():
                for count in connections if of == server else ():
                    script = source_folder / "wrk.lua"
                    script.write_text(_script(path_of(case), events))
                    measured = _wrk(port, script, count, seconds)
                    row = {"live_events": live, "case": case, "connections": count, **measured}
                    yield row | {"memory_mb": round(memory_mb(pid))}


def path_of(case: str) -> str:
    """Path of a case's requests, with `@u` for the number of a user and `@e` for the id of an event."""
    near = "near=41.88,-87.63&radius_km=20000&when=week&diversity=0.3"
    return {
        "ok": "/",
        "product": "/",
        "stranger": f"{_API}?limit=10",
        "user": f"{_API}?limit=10&user_id=user_@u",
        "user, no reasons": f"{_API}?limit=10&user_id=user_@u&explain=false",
        "new session": f"{_API}?limit=10&recent=@e,@e,@e",
        "filters, diverse": f"{_API}?limit=10&user_id=user_@u&{near}",
    }[case]


def _script(path: str, events: list[str]) -> str:
    names = ", ".join(f'"{event}"' for event in events)
    # Few enough that an instance caches all users for a minute at every catalog size.
    users = min(USERS, 50)
    return f'PATH = "{path}"\nUSERS = {users}\nEVENTS = {{{names}}}\n' + _LUA


@contextmanager
def warm_server(folder: Path, environ: dict[str, str], *, expected: int | None) -> Iterator[tuple[int, int, list[str]]]:
    """Warm server; yields its port, process id and ids of some live events."""
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", "api", "--port", str(port)]
    with process_group(command, cwd=folder, env=environ) as process:
        yield port, process.pid, ready(port, expected)


def ready(port: int, expected: int | None, *, patience_s: float = _PATIENCE_S) -> list[str]:
    """Readiness check: wait until a server is warm with `expected` live events; returns ids of some of them.

    Raises `TimeoutError` when it is not warm after `patience_s` seconds.
    """
    give_up = time.monotonic() + patience_s

    def get(path: str) -> str:
        return _get(port, path, max(give_up - time.monotonic(), _AT_LEAST_S))

    while time.monotonic() < give_up:
        try:
            if expected is None:
                get("/")
                return ["none"]
            # Some have ended since the model was trained.
            if json.loads(get("/api/v1/health"))["live_events"] > 0.95 * expected:
                # The second look for changes warms up, once; a warm instance is one that has done so.
                time.sleep(Settings().refresh_s + 1)
                popular = json.loads(get("/api/v1/events/popular?limit=100"))
                return [item["event_id"] for item in popular["items"]]
        except (HTTPException, ConnectionError, TimeoutError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"expected a server with {expected} live events within {patience_s:g} s")


def _get(port: int, path: str, timeout_s: float) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _wrk(port: int, script: Path, connections: int, seconds: int) -> dict[str, Any]:
    command = [
        wrk(),
        "--timeout",
        "30s",
        "-t",
        "1",
        "-c",
        str(connections),
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    for duration in (_SETTLE_S, seconds):
        measured = [*command, "-d", f"{duration}s"]
        with process_group(measured, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            said = process.stdout.read().decode() if process.stdout else ""
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", said)
    if found is None or int(found[6]):
        raise RuntimeError(f"wrk: expected only answers with status 200, got {said}")
    p50, p95, p99 = (int(found[group]) / 1000 for group in (1, 2, 3))
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "requests_per_s": int(found[4])}


def _shown(row: dict[str, Any]) -> str:
    return (
        f"{row['live_events']:>8,} {row['case']:18}{row['connections']:>6}{row['p50_ms']:>9.2f}"
        f"{row['p95_ms']:>9.2f}{row['p99_ms']:>9.2f}{row['requests_per_s']:>8,}{row['memory_mb']:>6}"
    )


if __name__ == "__main__":
    sys.exit(main())
