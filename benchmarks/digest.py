"""Digest benchmark: time and peak memory of each engine by size of the ledger: `python -m benchmarks.digest`.

Each engine reduces the same ledger in a process of its own. All must write the same bytes. With `--train`, a model is
trained from each digest, or from that of the last engine, and their SHA-256 are compared, too.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from benchmarks import market
from benchmarks.runs import Results, memory_mb, need_disk, report, run
from jobs.console import table
from shared.adapters.engines import ENGINES, open_digester
from shared.adapters.keys import StoredKeys
from shared.adapters.process import run_smoke_test
from shared.adapters.stores import open_documents, open_objects
from shared.services import registry
from shared.services.training.digests import described
from shared.services.training.make_digest import make_digest
from shared.services.training.retrain import Plan, Trainer, retrain
from tools.emulators.process import process_group
from tools.sparkcluster import cluster

_ENGINES: Final = ("numpy", "duckdb", "spark local[2]", "spark cluster")
PER_USER: Final = 10
"""Interactions of a user."""
_MAX_EVENTS: Final = 100_000
_EVENTS: Final = 100
"""Interactions of an event, up to `_MAX_EVENTS` events."""
_BYTES_PER_INTERACTION: Final = 150
"""Disk for each interaction: the ledger, DuckDB's copies and what engines spill."""
_LOOK_S: Final = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the digest benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digest", description=__doc__)
    parser.add_argument("--interactions", type=int, nargs="+", default=[1_000_000], help="sizes (default: a million)")
    parser.add_argument("--engine", choices=_ENGINES, nargs="+", default=list(_ENGINES), help="engines (default: all)")
    parser.add_argument("--memory", default="500MB", help="memory limit of DuckDB (default: %(default)s)")
    parser.add_argument("--worker-memory", default="2g", help="memory of each worker of Spark (default: %(default)s)")
    parser.add_argument("--train", choices=("never", "once", "each"), default="never", help="train from the digests")
    parser.add_argument("--model", default="blend", help="model to train (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="folder of the ledger, made where it is missing and kept")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "FOLDER", "MASTER"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        print(json.dumps(_child(given.child, given)))
        return 0
    if len(given.interactions) > 1 and given.folder:
        parser.error("--folder: expected with one size")

    measured: list[dict[str, Any]] = []

    def measure() -> Results:
        for size in given.interactions:
            with ledger(given.folder, size) as folder:
                engines: dict[str, Any] = {}
                measured.append({"interactions": size, "engines": engines})
                for engine in given.engine:
                    engines[engine] = _measured(engine, folder, given)
                    report(f"{engine}: {json.dumps(engines[engine])}")
                    yield {"sizes": measured}

    status = run(measure, lambda result: print("\n\n".join(map(_shown, result["sizes"]))), given.out)
    if differing := [f"{size['interactions']:,}" for size in measured if not _is_one(size["engines"])]:
        report(f"error: engines differ at {', '.join(differing)} interactions, where equal bytes were expected")
    return status or int(bool(differing))


def _is_one(engines: dict[str, Any]) -> bool:
    """Whether all engines wrote the same files, and all models trained from them are the same."""
    files = {json.dumps(found["files"]) for found in engines.values()}
    models = {found["training"]["model"] for found in engines.values() if "training" in found}
    return max(len(files), len(models)) <= 1


@contextmanager
def ledger(kept: Path | None, size: int) -> Iterator[Path]:
    """Folder with a ledger of `size` interactions: `kept`, where it is made if it is missing, or a temporary one."""
    with tempfile.TemporaryDirectory(prefix="marquee-digest-") as temporary:
        folder = kept or Path(temporary)
        if not (folder / "ledger").exists():
            need_disk(folder, size * _BYTES_PER_INTERACTION)
            objects, events = open_objects(f"folder:{folder}"), min(size // _EVENTS, _MAX_EVENTS)
            market.write(objects, interactions=size, users=size // PER_USER, events=events)
        yield folder


def _measured(engine: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    name = engine.partition(" ")[0]
    if engine == "spark cluster":
        with cluster(memory=given.worker_memory) as master:
            found = _in_process(name, folder, master, given)
    else:
        found = _in_process(name, folder, "local[2]" if name == "spark" else "", given)
    if given.train == "each" or (given.train == "once" and engine == given.engine[-1]):
        found["training"] = _in_process("train", folder, "", given)
    return found


def _in_process(what: str, folder: Path, master: str, given: argparse.Namespace) -> dict[str, Any]:
    options = ["--child", what, str(folder), master, "--memory", given.memory, "--model", given.model]
    command, started, peak = [sys.executable, "-m", "benchmarks.digest", *options], time.perf_counter(), 0.0
    with process_group(command, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            try:
                peak = max(peak, memory_mb(process.pid))
            except (FileNotFoundError, ProcessLookupError):  # it, or a child, has just ended
                continue
            time.sleep(_LOOK_S)
        answer = process.stdout.read() if process.stdout else b""
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return {"seconds": round(time.perf_counter() - started, 1), "peak_gb": round(peak / 1_000, 2), **found}


def _child(child: Sequence[str], given: argparse.Namespace) -> dict[str, Any]:
    what, folder, master = child
    place, started = f"folder:{folder}", time.perf_counter()
    objects = open_objects(place)
    phases: dict[str, float] = {}
    trainer = Trainer(
        documents=open_documents("sqlite::memory:", StoredKeys(objects)),
        objects=objects,
        clock=lambda: market.NOW + timedelta(seconds=time.perf_counter() - started),
        new_id=lambda: "benchmark",
        run_smoke_test=run_smoke_test,
        report=lambda step: phases.update({step.name: step.seconds}),
    )
    if what in ENGINES:
        digester = open_digester(what, place, master=master or None, memory=given.memory)
        made = make_digest(trainer, digester, now=market.NOW)
        files = {name: sha256(_read(folder, chunk.name)).hexdigest()[:12] for name, chunk in made.files.items()}
        return {"phases": phases, "sample": made.files["interactions"].rows, "files": files}
    for folder_of_runs in ("runs", "models"):
        # The run of the digest before has the same name.
        shutil.rmtree(Path(folder) / folder_of_runs, ignore_errors=True)
    plan = Plan(model=given.model, half_life_days=90, challengers_s=0, from_digest=True, deadline=timedelta(hours=12))
    document = retrain(trainer, plan, scheduled_at=described(objects).now)
    model = registry.read_manifest(objects, document.version).sha256 if document.version else ""
    return {"phases": document.phases, "decision": document.decision, "model": model[:12]}


def _read(folder: str, name: str) -> bytes:
    return (Path(folder) / name).read_bytes()


def _shown(size: dict[str, Any]) -> str:
    rows = []
    for engine, found in size["engines"].items():
        same = "yes" if found["files"] == next(iter(size["engines"].values()))["files"] else "NO"
        training = found.get("training", {})
        trained = (
            [f"{training['seconds']:.0f}", f"{training['peak_gb']:.2f}", training["model"]] if training else [""] * 3
        )
        rows.append([engine, f"{found['seconds']:.0f}", f"{found['peak_gb']:.2f}", same, *trained])
    header = [
        f"{size['interactions']:,} interactions",
        "seconds",
        "peak GB",
        "same bytes",
        "training s",
        "peak GB",
        "model",
    ]
    return table(header, rows)


if __name__ == "__main__":
    sys.exit(main())
