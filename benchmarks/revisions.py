"""Before and after: a small deployment of another revision beside this one: `python -m benchmarks.revisions REV`."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.metadata import distribution
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.coldstart import check, first_answer, started_server
from benchmarks.deployment import USERS
from benchmarks.latency import path_of, warm_server
from benchmarks.runs import Results, cpu_s, memory_mb, report, run
from benchmarks.traffic import timed
from tools.emulators.process import process_group
from tools.emulators.programs import ROOT

_CASES: Final = {
    "stranger": ("stranger", False),
    "user, cached": ("user", True),
    "user, first list": ("user", False),
    "new session": ("new session", False),
    "filters, diverse": ("filters, diverse", True),
}
"""Cases: the path of their requests, and whether they ask for the same users again or for another one each time.

An instance keeps what it has read of a user for a minute, and to read it is most of the time of a list.
"""
_CACHED: Final = 20
"""Users of the cases that ask for the same ones again."""
_NOW: Final = "this"
_BUILD: Final = """
import sys
from pathlib import Path
from benchmarks.deployment import build
from jobs.console import Console
build(Path(sys.argv[1]), live=int(sys.argv[2]), console=Console(sys.stderr))
"""


@dataclass(frozen=True, slots=True)
class _Revision:
    """Revision under test: its checkout, and the deployment that it has made.

    Attributes
    ----------
    root : folder of the checkout.
    source : working folder of servers, with a `main.py`.
    environ : environment of servers.
    """

    root: Path
    source: Path
    environ: Mapping[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the comparison of revisions; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.revisions",
        description="Build the same city with the checkout of another revision and with this one, in this environment; "
        "then start servers of both in turn until they answer, and send a warm server of each the same requests in "
        "turn. Ratios are those of this revision to the other.",
    )
    parser.add_argument("against", metavar="REV", help="revision of Git to compare with")
    parser.add_argument("--events", type=int, default=1_000, help="number of live events (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=11, help="turns of requests of each (default: %(default)s)")
    parser.add_argument(
        "--starts", type=int, help="starts of each (default: as many as turns); 0 where events are too many to be quick"
    )
    parser.add_argument("--requests", type=int, default=100, help="requests of a case in a turn (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained models for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.events, given.rounds, given.requests) < 1:
        parser.error("--events, --rounds and --requests: expected at least 1")
    if given.starts is not None and given.starts < 0:
        parser.error("--starts: expected 0 or more")

    def measure() -> Results:
        with tempfile.TemporaryDirectory(prefix="marquee-revisions-") as name, _checkout(given.against) as other:
            roots = {given.against: other, _NOW: ROOT}
            work = given.work or Path(name)
            revisions = {
                label: _revision(root, Path(name), work / f"{label}-{given.events}", given.events)
                for label, root in roots.items()
            }
            measured: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
            for label, root in roots.items():
                measured["size of the source, kB"][label] = [_source_kb(root)]
                measured["size of the packages, MB"][label] = [_packages_mb(root)]
            if starts := given.rounds if given.starts is None else given.starts:
                _start(revisions, starts, measured)
                yield _result(given.events, measured)
            _ask(revisions, given.events, given.rounds, given.requests, measured)
            yield _result(given.events, measured)

    return run(measure, _print, given.out)


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    """Checkout of a revision in a folder of its own, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="marquee-checkout-") as name:
        packed = Path(name) / "packed.tar"
        subprocess.run(["git", "archive", "--output", str(packed), revision], cwd=ROOT, check=True)
        (root := Path(name) / "checkout").mkdir()
        subprocess.run(["tar", "-xf", str(packed), "-C", str(root)], check=True)
        yield root


def _revision(root: Path, scratch: Path, folder: Path, live: int) -> _Revision:
    """Revision with a deployment that its own code has built in `folder`, unless it is there."""
    # Bytecode is cached, as in the build of a deployment.
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"PYTHONPATH": str(root)}
    with process_group([sys.executable, "-c", _BUILD, str(folder), str(live)], cwd=root, env=environ) as process:
        if status := process.wait():
            raise subprocess.CalledProcessError(status, str(root))
    (source := scratch / f"source-{folder.name}").mkdir()
    (source / "main.py").write_text((root / "main.py").read_text())
    stores = {
        "MARQUEE_DOCUMENTS": f"sqlite:{folder / 'documents.db'}",
        "MARQUEE_OBJECTS": f"folder:{folder / 'bucket'}",
        "MARQUEE_AUTH": "off",
    }
    return _Revision(root, source, environ | stores)


def _start(revisions: Mapping[str, _Revision], rounds: int, measured: dict[str, dict[str, list[float]]]) -> None:
    """Starts of a server of each revision in turn; the first of each fills the disk cache and compiles bytecode."""
    for number in range(rounds + 1):
        for label, revision in _in_turn(revisions, number):
            with started_server(revision.source, "api", dict(revision.environ)) as (began, address, pid):
                answer = first_answer(address)
                elapsed = time.perf_counter() - began
                found = {
                    "first answer, s": elapsed,
                    "processor time until then, s": cpu_s(pid),
                    "memory then, MB": memory_mb(pid),
                }
            check(label, answer)
            for what, value in found.items() if number else ():
                measured[what][label].append(value)
        report(f"start {number or 'to warm up'}")


def _ask(
    revisions: Mapping[str, _Revision],
    live: int,
    rounds: int,
    requests: int,
    measured: dict[str, dict[str, list[float]]],
) -> None:
    """Equal requests to a warm server of each revision in turn, one at a time; the first turn warms up."""
    with ExitStack() as stack:
        servers = {}
        for label, revision in revisions.items():
            server = warm_server(revision.source, dict(revision.environ), expected=live)
            port, pid, events = stack.enter_context(server)
            servers[label] = port, pid, events
        for number in range(rounds + 1):
            for case in _CASES:
                for label, (port, pid, events) in _in_turn(servers, number):
                    paths = _paths(case, events, number, requests)
                    connection = HTTPConnection("127.0.0.1", port, timeout=60)
                    for path in sorted(set(paths)) if _CASES[case][1] else ():
                        timed(connection, path)
                    before = cpu_s(pid)
                    times = [timed(connection, path) for path in paths]
                    connection.close()
                    for what, value in (
                        (f"{case}: median, ms", statistics.median(times)),
                        (f"{case}: processor time, ms", (cpu_s(pid) - before) / requests * 1e3),
                    ):
                        if number:
                            measured[what][label].append(value)
            report(f"turn {number or 'to warm up'}")
        for label, (_, pid, _) in servers.items():
            measured["memory at the end, MB"][label] = [memory_mb(pid)]


def _in_turn(items: Mapping[str, Any], number: int) -> list[tuple[str, Any]]:
    ordered = list(items.items())
    return ordered[::-1] if number % 2 else ordered


def _paths(case: str, events: Sequence[str], number: int, requests: int) -> list[str]:
    """Paths of the requests of a case in a turn; events are equal in both revisions, which rank by popularity alike."""
    (of, is_cached), rng = _CASES[case], Random(number)
    users = [n % _CACHED if is_cached else (number * requests + n) % USERS for n in range(requests)]
    return [_filled(path_of(of), user + 1, events, rng) for user in users]


def _filled(path: str, user: int, events: Sequence[str], rng: Random) -> str:
    first, *others = path.replace("@u", str(user)).split("@e")
    return first + "".join(rng.choice(events) + piece for piece in others)


def _source_kb(root: Path) -> float:
    """Size of the source files that are deployed."""
    files = [root / "main.py", *(root / "functions").rglob("*"), *(root / "shared").rglob("*")]
    return sum(file.stat().st_size for file in files if file.suffix in {".py", ".json"}) / 1e3


def _packages_mb(root: Path) -> float:
    """Size of the installed packages that a deployment's requirements name."""
    lines = (root / "requirements.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines if "==" in line and line[0].isalpha()]
    files = [Path(str(file.locate())) for name in names for file in distribution(name).files or ()]
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


def _result(live: int, measured: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Any]:
    """Medians and ratios of what was measured; the other revision comes first, whichever was measured first."""
    measured = {what: dict(sorted(by.items(), key=lambda item: item[0] == _NOW)) for what, by in measured.items()}
    return {
        "live_events": live,
        "median": {
            what: {label: round(statistics.median(values), 3) for label, values in by.items()}
            for what, by in measured.items()
        },
        "ratio": {what: _ratio(by) for what, by in measured.items()},
    }


def _ratio(by: Mapping[str, list[float]]) -> dict[str, float]:
    """Median, and the quartiles, of the ratios of each turn."""
    before, now = by.values()
    ratios = sorted(b / a for a, b in zip(before, now, strict=True) if a)
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return {"low": round(low, 3), "median": round(middle, 3), "high": round(high, 3)}


def _print(result: dict[str, Any]) -> None:
    print(f"{result['live_events']:,} live events, medians and quartiles of the ratios, {result['cpus']} CPUs")
    print(f"{'':36}{'before':>10}{'now':>10}{'ratio':>8}{'from':>8}{'to':>8}")
    for what, medians in result["median"].items():
        before, now = medians.values()
        ratio = result["ratio"][what]
        figures = f"{before:>10,.2f}{now:>10,.2f}{ratio['median']:>8.2f}{ratio['low']:>8.2f}{ratio['high']:>8.2f}"
        print(f"{what:36}{figures}")


if __name__ == "__main__":
    sys.exit(main())
