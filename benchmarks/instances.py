"""Load test of several instances behind a balancer, with one shared store: `python -m benchmarks.instances`."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.deliveries import Deliveries
from benchmarks.deployment import USERS, build
from benchmarks.latency import ready
from benchmarks.runs import Results, children, cpu_s, firestore, memory_mb, need_disk, need_firestore, report, run
from benchmarks.traffic import Outcome, Request, acts, lists, mixed, send
from functions import THREADS
from jobs.console import Console
from shared.adapters.firestore.counters import COLLECTION
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_documents, open_objects
from shared.entities import Erasures, EventCounts
from shared.feedback.counts import SETTLED_AFTER, SLOT, contribution, tally
from shared.ports import Documents
from shared.services.ingest.reconcile import reconcile
from tools.emulators.process import free_port, free_ports, process_group
from tools.emulators.programs import ROOT, haproxy

_STORES: Final = ("firestore", "sqlite")
_WRITING: Final = 0.2
"""Share of requests that record an interaction, in mixed traffic."""
_HOT: Final = 0.3
"""Share of bookings of one event, in the traffic of a hot event."""
_OF_HOT: Final = "hot event"
_UTILISATION: Final = 0.6
"""Share of the throughput of connections that never rest at which times of answers are measured."""
_GUESTS: Final = 100_000
"""Users who act; those who ask for lists have histories."""
_TRIGGERS: Final = 2
"""Instances of `interaction`."""
_CHECKED: Final = 300
"""Histories that are compared with what their users did."""
_AT_ONCE: Final = 64
"""Requests at once, at most, where they are paced."""
_OVERLAP: Final = timedelta(minutes=1)
_PROJECT: Final = "instances"
_BYTES: Final = 3_000_000_000
_BALANCER: Final = """
global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout queue 30s
  option redispatch 1
  retries 3
"""


@dataclass(frozen=True, slots=True)
class _Stand:
    """Load stand: running instances with everything around them.

    Attributes
    ----------
    documents : the store that all share.
    address : the store, as `MARQUEE_DOCUMENTS` has it.
    processes : ids of the processes by role.
    ports : port of the balancer by the number of instances behind it.
    triggers : ports of the instances of `interaction`.
    events : ids of some live events, the most popular first.
    """

    documents: Documents
    address: str
    processes: Mapping[str, Sequence[int]]
    ports: Mapping[int, int]
    triggers: Sequence[int]
    events: Sequence[str]

    def cpu_s(self) -> dict[str, float]:
        """Processor time of each role until now, seconds; that of this process is `generator`."""
        found = {role: sum(_cpu_s(pid) for pid in pids) for role, pids in self.processes.items()}
        return found | {"generator": time.process_time()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the load test of instances; returns the exit status, 1 if an interaction was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instances",
        description="Start instances of `api` and `interaction` as they are deployed, HAProxy before those of `api`, "
        "and the store that they share; send lists and interactions through one instance, two, and so on, then "
        "bookings of which three in ten are of one event, then kill an instance. At last, compare every accepted "
        "interaction with the documents, and counts and histories with the documents.",
    )
    parser.add_argument("--stores", nargs="+", choices=_STORES, default=list(_STORES))
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 2, 4], help="(default: 1 2 4)")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each measurement (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="requests at once (default: %(default)s)")
    parser.add_argument("--events", type=int, default=1_000, help="number of live events (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained model for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(*given.instances, given.seconds, given.connections, given.events) < 1:
        parser.error("--instances, --seconds, --connections and --events: expected at least 1")
    wrong: list[str] = []

    def measure() -> Results:
        haproxy()
        if "firestore" in given.stores:
            need_firestore()
        measured: dict[str, Any] = {"seconds": given.seconds, "connections": given.connections, "stores": {}}
        with tempfile.TemporaryDirectory(prefix="marquee-instances-") as name:
            need_disk(work := given.work or Path(name), _BYTES)
            build(deployment := work / f"deployment-{given.events}", live=given.events, console=Console(sys.stderr))
            for store in given.stores:
                (folder := Path(name) / store).mkdir()
                for found in _on_store(folder, deployment, store, given):
                    measured["stores"][store] = found
                    yield measured
                wrong.extend(what for what, number in found["checked"].items() if what.startswith("wrong") and number)

    return run(measure, lambda _: None, given.out) or int(bool(wrong))


def _on_store(folder: Path, deployment: Path, store: str, given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Rows, deliveries and checks on a store so far."""
    rows: list[dict[str, Any]] = []
    with _stand(folder, deployment, store, given) as stand:
        began, before = datetime.now(UTC), _counts(stand.documents)
        accepted: set[str] = set()
        report(f"{store}\n{_HEADER}")
        with Deliveries(stand.documents, stand.triggers, since=began, rng=Random(3)) as deliveries:
            cpu = stand.cpu_s()
            for row, outcome in _phases(stand, given, deliveries):
                rows.append(row)
                accepted |= outcome.accepted
                report(_shown(row))
                yield {"rows": rows}
            ended = time.monotonic()
        drained_s = time.monotonic() - ended
        hot = rows[-1]
        lasted_s, before_hot = time.monotonic() - hot.pop("began"), hot.pop("before")
        written = {key: number - before_hot.get(key, 0) for key, number in _shards(stand).items()}
        sent = sum(number for answer, number in deliveries.answers.items() if answer != "lost")
        delivered = {
            **deliveries.answers,
            "cpu_ms": round((stand.cpu_s()["interaction"] - cpu["interaction"]) / sent * 1e3, 2),
            "drained_s": round(drained_s, 1),
            "memory_mb": {role: round(max(map(_memory_mb, pids))) for role, pids in stand.processes.items()},
        }
        report(f"deliveries: {delivered}")
        writes = sorted((round(number / lasted_s, 2) for number in written.values()), reverse=True)
        report(f"writes a second to each document of counts of the hot event: {writes}")
        found = checked(stand.documents, before, accepted, began)
        report(f"checked: {found}")
        yield {"rows": rows, "deliveries": delivered, "hot_writes_per_s": writes, "checked": found}


@contextmanager
def _stand(folder: Path, deployment: Path, store: str, given: argparse.Namespace) -> Iterator[_Stand]:
    """Stand on a store, with warm instances, until the block ends."""
    with ExitStack() as stack:
        shutil.copytree(deployment / "bucket", folder / "bucket")
        objects, address = f"folder:{folder / 'bucket'}", f"sqlite:{folder / 'documents.db'}"
        processes: dict[str, list[int]] = defaultdict(list)
        if store == "firestore":
            others = set(children(os.getpid()))
            stack.enter_context(firestore())
            processes["emulator"] = [*{*children(os.getpid())} - others]
            address = f"firestore:{_PROJECT}"
        else:
            shutil.copy(deployment / "documents.db", folder / "documents.db")
        documents = open_documents(address, StoredKeys(open_objects(objects)))
        stack.callback(documents.close)
        if store == "firestore":
            _copy_people(deployment, documents)
        reconcile(documents, now=datetime.now(UTC))
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MARQUEE_DOCUMENTS": address,
            "MARQUEE_OBJECTS": objects,
            "MARQUEE_AUTH": "off",
        }
        (folder / "main.py").write_text((ROOT / "main.py").read_text())

        def start(role: str, *options: str) -> int:
            command = [
                sys.executable,
                "-m",
                "functions_framework",
                "--target",
                role,
                "--port",
                str(port := free_port()),
            ]
            log = stack.enter_context((folder / f"{role}-{port}.log").open("wb"))
            server = process_group([*command, *options], cwd=folder, env=environ, stdout=log, stderr=log)
            processes[role].append(stack.enter_context(server).pid)
            return port

        ports = [start("api") for _ in range(max(given.instances))]
        triggers = [start("interaction", "--signature-type", "cloudevent") for _ in range(_TRIGGERS)]
        with ThreadPoolExecutor(len(ports)) as pool:
            [events, *_] = pool.map(lambda port: ready(port, given.events), ports)
        entries = dict(zip(given.instances, free_ports(len(given.instances)), strict=True))
        (folder / "haproxy.cfg").write_text(_balancer(entries, ports))
        balancer = stack.enter_context(process_group([haproxy(), "-db", "-f", str(folder / "haproxy.cfg")]))
        processes["balancer"].append(balancer.pid)
        time.sleep(1)
        yield _Stand(documents, address, processes, entries, triggers, events)


def _copy_people(deployment: Path, documents: Documents) -> None:
    """Copy of the profiles and histories of a deployment, all that requests read of its documents."""
    objects = open_objects(f"folder:{deployment / 'bucket'}")
    source = open_documents(f"sqlite:{deployment / 'documents.db'}", StoredKeys(objects))
    documents.users.put([*source.users.changed_since(None)], now=datetime.now(UTC))
    documents.users.remember([*source.interactions.since(None)])
    source.close()


def _balancer(entries: Mapping[int, int], ports: Sequence[int]) -> str:
    """Configuration of HAProxy: an entry for each number of instances, each of which takes `THREADS` requests."""
    text = _BALANCER
    for number, entry in entries.items():
        text += f"listen of{number}\n  bind 127.0.0.1:{entry}\n  balance leastconn\n"
        for port in ports[:number]:
            text += f"  server of{port} 127.0.0.1:{port} maxconn {THREADS} check inter 500ms fall 1\n"
    return text


def _phases(
    stand: _Stand, given: argparse.Namespace, deliveries: Deliveries
) -> Iterator[tuple[dict[str, Any], Outcome]]:
    """Row and outcome of each measurement; deliveries of one are over before the next begins."""
    rng = Random(1)
    asking, acting = lists(USERS, rng), acts(_GUESTS, stand.events, rng)
    both = mixed(asking, acting, _WRITING, rng)
    hot = acts(_GUESTS, stand.events, rng, hot=_HOT, kind="booking")
    most = max(given.instances)
    first = min(given.instances)
    yield _phase(stand, given, "to warm up", most, both)
    deliveries.drain()
    yield _phase(stand, given, "lists", first, asking)
    yield _phase(stand, given, "interactions", first, acting)
    for number in given.instances:
        deliveries.drain()
        row, outcome = _phase(stand, given, "mixed", number, both)
        yield row, outcome
        deliveries.drain()
        pace = outcome.per_s * _UTILISATION
        yield _phase(stand, given, "mixed, paced", number, both, per_s=pace)
    deliveries.drain()
    if most > 1:
        killed = threading.Timer(given.seconds / 2, os.killpg, (stand.processes["api"][-1], signal.SIGKILL))
        killed.start()
        row, outcome = _phase(stand, given, "one killed", most, both, per_s=pace / 2)
        # What the killed instance took is not known any more.
        yield row | {"cpu_ms": {}}, outcome
        killed.join()
    # The last, so that what it writes can be told from all else.
    deliveries.drain()
    before, began = _shards(stand), time.monotonic()
    row, outcome = _phase(stand, given, _OF_HOT, most, hot)
    yield row | {"before": before, "began": began}, outcome


def _phase(
    stand: _Stand,
    given: argparse.Namespace,
    name: str,
    number: int,
    requests: Iterator[Request],
    *,
    per_s: float | None = None,
) -> tuple[dict[str, Any], Outcome]:
    before = stand.cpu_s()
    connections = given.connections if per_s is None else _AT_ONCE
    outcome = send(stand.ports[number], requests, connections=connections, seconds=given.seconds, per_s=per_s)
    spent, answers = stand.cpu_s(), max(len(outcome.times_ms), 1)
    row = {
        "traffic": name,
        "instances": number,
        "per_s": round(outcome.per_s, 1),
        "p50_ms": round(outcome.percentile_ms(50), 1),
        "p99_ms": round(outcome.percentile_ms(99), 1),
        "failed": dict(outcome.failed),
        "given_up": outcome.given_up,
        "cpu_ms": {role: round((spent[role] - before[role]) / answers * 1e3, 2) for role in spent},
    }
    return row, outcome


def _counts(documents: Documents) -> dict[str, EventCounts]:
    return {event_id: counts for event_id, counts, _ in documents.counters.changed_since(None)}


def checked(
    documents: Documents, before: Mapping[str, EventCounts], accepted: Collection[str], began: datetime
) -> dict[str, Any]:
    """Comparison of what was accepted with documents, and of these with counts and histories, once all is settled."""
    now = datetime.now(UTC) + 2 * SLOT + SETTLED_AFTER
    cpu = time.process_time()
    settled = reconcile(documents, now=now)
    settling_s = time.process_time() - cpu
    stored = {entry.interaction_id: entry for entry in documents.interactions.since(began - _OVERLAP)}
    entries = list(stored.values())
    expected: defaultdict[str, list[EventCounts]] = defaultdict(list)
    for event_id, counts in tally(entries, Erasures()).items():
        expected[event_id].append(counts)
    for entry in entries:
        if not entry.type.meaning.repeats:
            expected[entry.event_id].append(contribution(entry))
    added = {
        event_id: total
        for event_id, counts in _counts(documents).items()
        if (total := EventCounts.total([counts, before.get(event_id, EventCounts()).negative()]))
    }
    by_user: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for entry in entries:
        by_user[entry.user_id].add((entry.type.value, entry.event_id))
    histories = {user_id: documents.users.profile(user_id, timeout_s=20).history for user_id in [*by_user][:_CHECKED]}
    return {
        "accepted": len(accepted),
        "documents": len(stored),
        "counted late": settled.lost,
        "settling, ms each": round(settling_s / max(settled.interactions, 1) * 1e3, 2),
        "wrong: accepted without a document": len(set(accepted) - stored.keys()),
        # A request whose answer was lost is repeated, and so accepted.
        "wrong: documents that nobody was told of": len(stored.keys() - set(accepted)),
        "wrong: counts of an event": sum(
            EventCounts.total(expected[event_id]) != added.get(event_id, EventCounts())
            for event_id in expected.keys() | added.keys()
        ),
        "wrong: histories": sum(
            {(entry.type.value, entry.event_id) for entry in history} != by_user[user_id]
            for user_id, history in histories.items()
        ),
    }


def _shards(stand: _Stand) -> dict[str, int]:
    """Bookings counted by each document of the counts of the hot event."""
    kind, _, project = stand.address.partition(":")
    if kind != "firestore":
        return {}
    from google.cloud.firestore import Client, FieldFilter

    client = Client(project=project)
    query = client.collection(COLLECTION).where(filter=FieldFilter("event_id", "==", stand.events[0]))
    found = {snapshot.id: snapshot.to_dict() or {} for snapshot in query.stream()}
    client._firestore_api.transport.close()  # noqa: SLF001  # the client itself has no close
    return {key: data.get("n", {}).get("booking", 0) for key, data in found.items()}


def _cpu_s(pid: int) -> float:
    try:
        return cpu_s(pid)
    except FileNotFoundError:  # killed
        return 0.0


def _memory_mb(pid: int) -> float:
    try:
        return memory_mb(pid)
    except FileNotFoundError:  # killed
        return 0.0


_HEADER: Final = f"{'traffic':14}{'instances':>10}{'a second':>10}{'p50 ms':>8}{'p99 ms':>8}  processor ms a request"


def _shown(row: dict[str, Any]) -> str:
    failed = ", ".join(f"{number} {what}" for what, number in row["failed"].items()) or "–"
    spent = ", ".join(f"{role} {cpu:.1f}" for role, cpu in row["cpu_ms"].items())
    return (
        f"{row['traffic']:14}{row['instances']:>10}{row['per_s']:>10.1f}{row['p50_ms']:>8.1f}{row['p99_ms']:>8.1f}"
        f"  {spent}; failed: {failed}"
    )


if __name__ == "__main__":
    sys.exit(main())
