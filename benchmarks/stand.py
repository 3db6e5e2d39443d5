"""Load stand: instances of `api` behind HAProxy and of `interaction`, as they are deployed, with one shared store."""

import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.latency import ready
from benchmarks.runs import children, cpu_s, firestore, memory_mb
from functions import THREADS
from shared.adapters.firestore.counters import COLLECTION
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_documents, open_objects
from shared.ports import Documents
from shared.services.ingest.reconcile import reconcile
from tools.emulators.process import free_port, free_ports, process_group
from tools.emulators.programs import ROOT, haproxy

_TRIGGERS: Final = 2
"""Instances of `interaction`."""
_PROJECT: Final = "instances"
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
class Stand:
    """Running instances with everything around them.

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

    def memory_mb(self) -> dict[str, int]:
        """Resident memory of the largest process of each role, MB."""
        return {role: round(max(map(_memory_mb, pids))) for role, pids in self.processes.items()}

    def shards(self) -> dict[str, int]:
        """Bookings counted by each document of the counts of the first event; none where a store has no such."""
        kind, _, project = self.address.partition(":")
        if kind != "firestore":
            return {}
        from google.cloud.firestore import Client, FieldFilter

        client = Client(project=project)
        query = client.collection(COLLECTION).where(filter=FieldFilter("event_id", "==", self.events[0]))
        found = {snapshot.id: snapshot.to_dict() or {} for snapshot in query.stream()}
        client._firestore_api.transport.close()  # noqa: SLF001  # the client itself has no close
        return {key: data.get("n", {}).get("booking", 0) for key, data in found.items()}


@contextmanager
def running(
    folder: Path, deployment: Path, store: str, *, instances: Sequence[int], live: int, patience_s: float
) -> Iterator[Stand]:
    """Stand on a store, with warm instances, until the block ends.

    Parameters
    ----------
    folder : empty folder for files of the stand.
    deployment : trained deployment, see `benchmarks/deployment.py`, which stays as it is.
    store : "firestore" or "sqlite".
    instances : numbers of instances behind an entry of the balancer.
    live : number of live events of the deployment.
    patience_s : seconds until all instances are warm, from their start; then `TimeoutError`.
    """
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

        ports = [start("api") for _ in range(max(instances))]
        triggers = [start("interaction", "--signature-type", "cloudevent") for _ in range(_TRIGGERS)]
        with ThreadPoolExecutor(len(ports)) as pool:
            [events, *_] = pool.map(lambda port: ready(port, live, patience_s=patience_s), ports)
        entries = dict(zip(instances, free_ports(len(instances)), strict=True))
        (folder / "haproxy.cfg").write_text(_balancer(entries, ports))
        balancer = stack.enter_context(process_group([haproxy(), "-db", "-f", str(folder / "haproxy.cfg")]))
        processes["balancer"].append(balancer.pid)
        time.sleep(1)
        yield Stand(documents, address, processes, entries, triggers, events)


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
