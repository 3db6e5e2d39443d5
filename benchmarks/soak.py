"""Soak test: memory of an instance over an hour of fresh users, posts and changes: `python -m benchmarks.soak`."""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.deployment import build
from benchmarks.latency import warm_server
from benchmarks.runs import Results, memory_mb, need_disk, report, run
from jobs.console import Console
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_documents, open_objects
from shared.ports import Documents
from shared.services.ingest.reconcile import reconcile
from tools.emulators.programs import ROOT

_SAMPLE_S: Final = 60.0
"""Seconds between two samples of memory, and between two runs of the work that other functions would do."""

_SETTLED: Final = 0.5
"""Share of the samples after which memory must have settled: caches and quotas fill in the first minutes."""

_MAX_GROWTH_MB: Final = 5.0
"""Growth within the settled samples, a line through them from end to end, above which the run fails.

Samples differ by some 3 MB, with the number of users who asked in the minute of the sample.
"""

_CHANGED: Final = 20
"""Events that are changed each minute, so that instances build a new catalog."""

_BYTES: Final = 2_000_000_000
"""Disk for the deployment and an hour of posts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the soak test; returns the exit status, 1 if memory still grows in the second half."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description="Ask a server under gunicorn, as functions-framework runs it, for lists of users that it has never "
        "seen, post what they do, change events and counts behind it, and sample its memory each minute.",
    )
    parser.add_argument("--minutes", type=int, default=60, help="duration (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=20.0, help="requests per second (default: %(default)s)")
    parser.add_argument("--events", type=int, default=1_000, help="number of live events (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained model for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if given.minutes < 1 or given.events < 1 or given.rate <= 0:
        parser.error("--minutes, --events and --rate: expected positive numbers")
    grown: list[float] = []

    def measure() -> Results:
        with tempfile.TemporaryDirectory(prefix="marquee-soak-") as folder:
            work = given.work or Path(folder)
            need_disk(work, _BYTES)
            deployment = work / f"deployment-{given.events}"
            build(deployment, live=given.events, console=Console(sys.stderr))
            samples: list[dict[str, float]] = []
            report(f"{'minute':>6}{'requests':>10}{'MB':>8}")
            for sample in _soak(Path(folder), deployment, given.events, given.minutes, given.rate):
                samples.append(sample)
                report(f"{sample['minute']:>6.0f}{sample['requests']:>10,.0f}{sample['memory_mb']:>8.1f}")
                yield {"events": given.events, "rate": given.rate, "samples": samples}
        grown.append(growth_mb([sample["memory_mb"] for sample in samples]))

    status = run(measure, lambda _: None, given.out)
    if grown:
        report(f"grew by {grown[0]:+.1f} MB in the second half, at most {_MAX_GROWTH_MB:g} MB are expected")
    return status or int(bool(grown) and grown[0] > _MAX_GROWTH_MB)


def growth_mb(samples: Sequence[float]) -> float:
    """Growth over the second half of equally spaced samples, by the line of least squares through them.

    >>> growth_mb([10, 50, 60, 61, 62, 63])
    2.0
    """
    settled = samples[int(len(samples) * _SETTLED) :]
    count = len(settled)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(settled) / count
    covariance = sum((place - middle) * (value - mean) for place, value in enumerate(settled))
    return covariance / sum((place - middle) ** 2 for place in range(count)) * (count - 1)


def _soak(folder: Path, deployment: Path, live: int, minutes: int, rate: float) -> Iterator[dict[str, float]]:
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MARQUEE_DOCUMENTS": f"sqlite:{deployment / 'documents.db'}",
        "MARQUEE_OBJECTS": f"folder:{deployment / 'bucket'}",
        "MARQUEE_AUTH": "off",
    }
    source = folder / "source"
    source.mkdir()
    (source / "main.py").write_text((ROOT / "main.py").read_text())
    documents = open_documents(environ["MARQUEE_DOCUMENTS"], StoredKeys(open_objects(environ["MARQUEE_OBJECTS"])))
    with warm_server(source, environ, expected=live) as (port, pid, events):
        requests = _requests(events, Random(1), mark=f"{time.time_ns():x}")
        began = time.monotonic()
        sent = 0
        yield {"minute": 0, "requests": 0, "memory_mb": round(memory_mb(pid), 1)}
        for minute in range(1, minutes + 1):
            while (left := began + minute * _SAMPLE_S - time.monotonic()) > 0:
                if sent >= rate * (time.monotonic() - began):
                    time.sleep(min(left, 1 / rate))
                    continue
                _send(port, *next(requests))
                sent += 1
            yield {"minute": minute, "requests": sent, "memory_mb": round(memory_mb(pid), 1)}
            _change(documents, minute)
    documents.close()


def _requests(events: Sequence[str], rng: Random, *, mark: str) -> Iterator[tuple[str, str, Any]]:
    """Endless method, path and body of requests: each user and visitor is new, and asks, acts and asks again."""
    for number in itertools.count():
        user = f"soak_{mark}_{number}"
        lists = f"/api/v1/recommendations?limit=20&user_id={user}"
        some = rng.sample(list(events), 4)
        entries = [
            {"type": kind, "event_id": event} for kind, event in zip(("view", "save", "booking"), some, strict=False)
        ]
        yield "GET", lists, None
        yield "POST", "/api/v1/interactions", {"user_id": user, "interactions": entries}
        yield "GET", lists, None
        visitor = {"anonymous_id": f"visitor_{mark}_{number}"}
        yield "POST", "/api/v1/interactions", {**visitor, "interactions": entries[:1]}
        yield "GET", f"/api/v1/recommendations?recent={','.join(some)}&diversity=0.{number % 10}", None
        yield "GET", f"/api/v1/events/{some[0]}/similar?limit=20", None


def _send(port: int, method: str, path: str, body: Any) -> None:
    """Request on a connection of its own, from an address of its own, as from Google's front end."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        address = f"2001:db8::{time.monotonic_ns() & 0xFFFF:x}"
        headers = {"X-Forwarded-For": address, "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        said = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: expected status 200, got {response.status}: {said[:300]!r}")
    finally:
        connection.close()


def _change(documents: Documents, minute: int) -> None:
    """Work of the other functions: counts by `monitor`, and events that organizers change."""
    now = datetime.now(UTC)
    reconcile(documents, now=now)
    events = itertools.islice(documents.events.live(now), minute * _CHANGED, (minute + 1) * _CHANGED)
    documents.events.put([replace(event, description=f"{event.description} {minute}") for event in events], now=now)


if __name__ == "__main__":
    sys.exit(main())
