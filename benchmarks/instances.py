"""Load test of several instances behind a balancer, with one shared store: `python -m benchmarks.instances`."""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.budget import Budget, OutOfTime
from benchmarks.comparison import WRONG, Told, compared, counts_by_event, settle
from benchmarks.deliveries import Deliveries
from benchmarks.deployment import USERS, build
from benchmarks.runs import Results, need_disk, need_firestore, report, run
from benchmarks.stand import Stand, running
from benchmarks.traffic import Outcome, Request, acts, lists, mixed, send
from jobs.console import Console
from shared.adapters.objects.timelimit import timed
from tools.emulators.programs import haproxy

_STORES: Final = ("firestore", "sqlite")
_WRITING: Final = 0.2
"""Share of requests that record an interaction, in mixed traffic."""
_HOT: Final = 0.3
"""Share of bookings of one event, in the traffic of a hot event."""
_UTILISATION: Final = 0.6
"""Share of the throughput of connections that never rest at which times of answers are measured."""
_GUESTS: Final = 100_000
"""Users who act; those who ask for lists have histories."""
_AT_ONCE: Final = 64
"""Requests at once, at most, where they are paced."""
_BYTES: Final = 3_000_000_000
_ENDING_S: Final = 15.0
"""Seconds of the time for the end of all processes."""
_LOAD: Final = 0.45
"""Share of the time for load, once instances are warm: deliveries take as long as what they deliver, or longer."""
_COMPARING: Final = 0.2
"""Share of that time for the comparison at the end."""
_AT_LEAST_S: Final = 1.0
"""Seconds of a measurement below which its figures would mean nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the load test of instances; returns the exit status, 1 for a loss or when the time is over."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instances",
        description="Start instances of `api` and `interaction` as they are deployed, HAProxy before those of `api`, "
        "and the store that they share; send lists and interactions through one instance, two, and so on, kill an "
        "instance, then send bookings of which three in ten are of one event. At last, compare every accepted "
        "interaction with the documents, and counts and histories with the documents. Each wait has a limit, after "
        "which the command fails and says what was outstanding.",
    )
    parser.add_argument("--stores", nargs="+", choices=_STORES, default=["firestore"], help="(default: firestore)")
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 2, 4], help="(default: 1 2 4)")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="of each store, from start to end (default: %(default)s)"
    )
    parser.add_argument("--connections", type=int, default=8, help="requests at once (default: %(default)s)")
    parser.add_argument("--events", type=int, default=1_000, help="number of live events (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained model for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(*given.instances, given.minutes, given.connections, given.events) < 1:
        parser.error("--instances, --minutes, --connections and --events: expected at least 1")
    wrong: list[str] = []
    budgets: list[Budget] = []

    def measure() -> Results:
        haproxy()
        if "firestore" in given.stores:
            need_firestore()
        measured: dict[str, Any] = {"minutes": given.minutes, "connections": given.connections, "stores": {}}
        with tempfile.TemporaryDirectory(prefix="marquee-instances-") as name:
            need_disk(given.work or Path(name), _BYTES)
            for store in given.stores:
                (folder := Path(name) / store).mkdir()
                budgets.append(budget := Budget(given.minutes * 60 - _ENDING_S))
                with budget.enforced():
                    for found in _on_store(folder, given.work or Path(name), store, given, budget):
                        measured["stores"][store] = found
                        yield measured
                wrong.extend(
                    f"{store}: {number} {what}"
                    for what, number in found["checked"].items()
                    if what.startswith(WRONG)
                    if number
                )

    try:
        status = run(measure, lambda _: None, given.out)
    except (OutOfTime, TimeoutError) as error:
        print(f"error: out of time: {error}", file=sys.stderr)
        return 1
    if budgets and budgets[-1].is_over:
        print(f"error: out of time: {budgets[-1].said()}", file=sys.stderr)
        return 1
    for what in wrong:
        print(f"error: {what}", file=sys.stderr)
    return status or int(bool(wrong))


def _on_store(
    folder: Path, work: Path, store: str, given: argparse.Namespace, budget: Budget
) -> Iterator[dict[str, Any]]:
    """Rows, deliveries and checks on a store so far."""
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        stack.callback(lambda: report(f"time: {budget.shown()}"))
        with budget.part("the deployment"):
            build(deployment := work / f"deployment-{given.events}", live=given.events, console=Console(sys.stderr))
        with budget.part("the start of instances"):
            numbers, patience_s = given.instances, budget.left_s
            starting = running(folder, deployment, store, instances=numbers, live=given.events, patience_s=patience_s)
            stand = stack.enter_context(starting)
        began, told = datetime.now(UTC), Told()
        with budget.part("the comparison"):
            before = counts_by_event(stand.documents)
        deliveries = stack.enter_context(Deliveries(stand.documents, stand.triggers, since=began, rng=Random(3)))
        cpu = stand.cpu_s()
        phases = _Phases(stand, deliveries, budget, connections=given.connections, numbers=numbers)
        report(f"{store}, {phases.seconds:.0f} s a row\n{_HEADER}")
        for row, outcome in phases.run():
            rows.append(row)
            told.add(outcome.accepted, outcome.given_up)
            report(_shown(row))
            yield {"rows": rows}
        with budget.part("deliveries"):
            deliveries.finish(phases.limit_s)
        sent = sum(number for answer, number in deliveries.answers.items() if answer != "lost")
        delivered = {
            **deliveries.answers,
            "found late": deliveries.found_late,
            "cpu_ms": round((stand.cpu_s()["interaction"] - cpu["interaction"]) / max(sent, 1) * 1e3, 2),
            "per_s": round(deliveries.per_s, 1),
            "memory_mb": stand.memory_mb(),
        }
        report(f"deliveries: {delivered}")
        report(f"writes a second to each document of counts of the hot event: {phases.hot_writes_per_s}")
        with budget.part("the comparison"):
            cpu_s = time.process_time()
            settled = settle(stand.documents, datetime.now(UTC))
            settling_ms = (time.process_time() - cpu_s) / max(settled.interactions, 1) * 1e3
            found = {
                "counted late": settled.lost,
                "settling, ms each": round(settling_ms, 2),
                **compared(stand.documents, before, told, began),
            }
        report(f"checked: {found}")
        yield {
            "rows": rows,
            "deliveries": delivered,
            "hot_writes_per_s": phases.hot_writes_per_s,
            "checked": found,
            "took_s": {name: round(seconds, 1) for name, seconds in budget.took_s.items()},
        }


class _Phases:
    """Measurements on a stand; deliveries of one are over before the next begins.

    Attributes
    ----------
    seconds : time of each measurement.
    hot_writes_per_s : writes a second to each document of the counts of the hot event, the most first.
    """

    def __init__(
        self, stand: Stand, deliveries: Deliveries, budget: Budget, *, connections: int, numbers: Sequence[int]
    ) -> None:
        self.hot_writes_per_s: list[float] = []
        self._stand = stand
        self._deliveries = deliveries
        self._budget = budget
        self._connections = connections
        self._numbers = numbers
        # To warm up, lists, interactions, and the hot event; two of each number; one that is killed.
        self._to_come = 4 + 2 * len(numbers) + (max(numbers) > 1)
        self.seconds = budget.left_s * _LOAD / self._to_come
        self._comparing_s = budget.left_s * _COMPARING
        if self.seconds < _AT_LEAST_S:
            raise OutOfTime(f"{budget.left_s:.0f} s are left for {self._to_come} rows: {budget.shown()}")

    @property
    def spare_s(self) -> float:
        """Seconds that are left for deliveries, the load and the comparison to come apart."""
        return max(self._budget.left_s - self._to_come * self.seconds - self._comparing_s, 0.0)

    @property
    def limit_s(self) -> float:
        """Seconds that a wait for deliveries may take: half of the time for the comparison is there for need."""
        return self.spare_s + self._comparing_s / 2

    def run(self) -> Iterator[tuple[dict[str, Any], Outcome]]:
        """Row and outcome of each measurement."""
        rng = Random(1)
        asking, acting = lists(USERS, rng), acts(_GUESTS, self._stand.events, rng)
        both = mixed(asking, acting, _WRITING, rng)
        hot = acts(_GUESTS, self._stand.events, rng, hot=_HOT, kind="booking")
        first, most = min(self._numbers), max(self._numbers)
        yield self._row("to warm up", most, both)
        yield self._row("lists", first, asking)
        yield self._row("interactions", first, acting)
        for number in self._numbers:
            row, outcome = self._row("mixed", number, both)
            yield row, outcome
            pace = max(outcome.per_s * _UTILISATION, 1.0)
            yield self._row("mixed, paced", number, both, per_s=pace)
        if most > 1:
            process = self._stand.processes["api"][-1]
            with timed(self.seconds / 2, lambda: os.killpg(process, signal.SIGKILL)):
                row, outcome = self._row("one killed", most, both, per_s=pace / 2)
            # What the killed instance took is not known any more.
            yield row | {"cpu_ms": {}}, outcome
        # The last, so that what it writes can be told from all else.
        before, began = self._stand.shards(), time.monotonic()
        yield self._row("hot event", most, hot)
        lasted_s = time.monotonic() - began
        written = [number - before.get(key, 0) for key, number in self._stand.shards().items()]
        self.hot_writes_per_s = sorted((round(number / lasted_s, 2) for number in written), reverse=True)

    def _row(
        self, name: str, number: int, requests: Iterator[Request], *, per_s: float | None = None
    ) -> tuple[dict[str, Any], Outcome]:
        """Measurement and its deliveries; it ends early where these would take more than half of the time for them."""
        spare_s = self.spare_s
        self._to_come -= 1
        done, cpu, early = self._deliveries.done, self._stand.cpu_s(), threading.Event()

        def waiting(outcome: Outcome) -> int:
            return len(outcome.accepted) - (self._deliveries.done - done)

        def is_enough(outcome: Outcome) -> bool:
            if waiting(outcome) > self._deliveries.per_s * spare_s / 2:
                early.set()
            return early.is_set()

        with self._budget.part("load"):
            outcome = send(
                self._stand.ports[number],
                requests,
                connections=self._connections if per_s is None else _AT_ONCE,
                seconds=self.seconds,
                per_s=per_s,
                is_enough=is_enough if per_s is None else lambda _: False,
            )
        spent, answers, backlog = self._stand.cpu_s(), max(len(outcome.times_ms), 1), waiting(outcome)
        drained = time.monotonic()
        with self._budget.part("deliveries"):
            try:
                self._deliveries.drain(self.limit_s)
            except OutOfTime as over:
                raise OutOfTime(f"row {name!r} left {backlog:,} deliveries to make; {over}") from over
        return {
            "traffic": name,
            "instances": number,
            "seconds": round(outcome.seconds, 1),
            "ended_early": early.is_set(),
            "per_s": round(outcome.per_s, 1),
            "p50_ms": round(outcome.percentile_ms(50), 1),
            "p99_ms": round(outcome.percentile_ms(99), 1),
            "failed": dict(outcome.failed),
            "given_up": len(outcome.given_up),
            "backlog": max(backlog, 0),
            "drained_s": round(time.monotonic() - drained, 1),
            "cpu_ms": {role: round((spent[role] - cpu[role]) / answers * 1e3, 2) for role in spent},
        }, outcome


_HEADER: Final = (
    f"{'traffic':14}{'instances':>10}{'seconds':>9}{'a second':>10}{'p50 ms':>8}{'p99 ms':>8}{'backlog':>9}"
    f"{'drained s':>11}  processor ms a request"
)


def _shown(row: dict[str, Any]) -> str:
    failed = ", ".join(f"{number} {what}" for what, number in row["failed"].items()) or "–"
    spent = ", ".join(f"{role} {cpu:.1f}" for role, cpu in row["cpu_ms"].items())
    given_up = f", {row['given_up']} given up" if row["given_up"] else ""
    early = "; ended early, since deliveries would have taken too long" if row["ended_early"] else ""
    return (
        f"{row['traffic']:14}{row['instances']:>10}{row['seconds']:>9.1f}{row['per_s']:>10.1f}{row['p50_ms']:>8.1f}"
        f"{row['p99_ms']:>8.1f}{row['backlog']:>9,}{row['drained_s']:>11.1f}"
        f"  {spent}; failed: {failed}{given_up}{early}"
    )


if __name__ == "__main__":
    sys.exit(main())
