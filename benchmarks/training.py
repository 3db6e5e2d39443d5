"""Training benchmark: time and peak memory by size of the ledger: `python -m benchmarks.training`.

Each size is trained in a separate process on an existing ledger, as in a scheduled run without new documents,
including gate and smoke test. implicit's ALS is fitted in another process to the confidence matrix of that ledger.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks import market
from benchmarks.runs import Results, need_disk, need_package, report, run
from jobs.console import table
from shared.adapters.keys import StoredKeys
from shared.adapters.process import run_smoke_test
from shared.adapters.stores import open_documents, open_objects
from shared.feedback.weights import confidence_weights
from shared.models.registry import MODELS
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.retrain import Plan, Trainer, retrain
from tools.emulators.process import process_group

_SIZES: Final = ((100_000, 10_000, 5_000), (1_000_000, 100_000, 20_000), (10_000_000, 1_000_000, 100_000))
_FACTORS: Final = 64
_ITERATIONS: Final = 15
_BYTES_PER_INTERACTION: Final = 100
"""Disk for each interaction: 16 bytes of the ledger and 20 of the model, with as much again for a second version."""

_KB_PER_GB: Final = 1024**2


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the training benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--smallest", type=int, default=_SIZES[0][0], help="least interactions (default: %(default)s)")
    parser.add_argument("--largest", type=int, default=_SIZES[-1][0], help="most interactions (default: %(default)s)")
    parser.add_argument("--model", choices=MODELS, default="blend", help="model to train (default: %(default)s)")
    parser.add_argument(
        "--challengers-s", type=float, default=0.0, help="seconds for challengers (default: %(default)s)"
    )
    parser.add_argument("--without-als", action="store_true", help="do not fit implicit's ALS")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        what, folder = given.child
        found = _als(folder) if what == "als" else _train(folder, given.model, given.challengers_s)
        print(json.dumps(found))
        return 0
    sizes = [size for size in _SIZES if given.smallest <= size[0] <= given.largest]
    if not sizes:
        parser.error(f"--smallest and --largest: expected at least one of {[size for size, _, _ in _SIZES]} in between")
    if given.challengers_s < 0:
        parser.error("--challengers-s: expected at least 0")

    def measure() -> Results:
        if not given.without_als:
            need_package("implicit")
        need_disk(Path(tempfile.gettempdir()), sizes[-1][0] * _BYTES_PER_INTERACTION)
        measured: list[dict[str, Any]] = []
        for interactions, users, events in sizes:
            measured.append(_measured(interactions, users, events, given))
            report(f"{_shown(measured[-1])}\n")
            yield {"model": given.model, "sizes": measured}

    return run(measure, lambda _: None, given.out)


def _measured(interactions: int, users: int, events: int, given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="marquee-training-") as folder:
        market.write(open_objects(f"folder:{folder}"), interactions=interactions, users=users, events=events)
        ours = _child("train", folder, given)
        theirs = {} if given.without_als else _child("als", folder, given)
    return {"interactions": interactions, "users": users, "events": events, "training": ours, "als": theirs}


def _child(what: str, folder: str, given: argparse.Namespace) -> dict[str, Any]:
    options = ["--child", what, folder, "--model", given.model, "--challengers-s", str(given.challengers_s)]
    # ALS starts its own threads and warns if BLAS starts threads too.
    environ = os.environ | ({"OPENBLAS_NUM_THREADS": "1"} if what == "als" else {})
    command = [sys.executable, "-m", "benchmarks.training", *options]
    with process_group(command, env=environ, stdout=subprocess.PIPE) as process:
        answer = process.stdout.read() if process.stdout else b""
        if status := process.wait():
            raise subprocess.CalledProcessError(status, command)
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found


def _train(folder: str, model: str, challengers_s: float) -> dict[str, Any]:
    started = time.perf_counter()
    trainer = Trainer(
        documents=open_documents("sqlite::memory:", StoredKeys(open_objects(f"folder:{folder}"))),
        objects=open_objects(f"folder:{folder}"),
        clock=lambda: market.NOW + timedelta(seconds=time.perf_counter() - started),
        new_id=lambda: "benchmark",
        run_smoke_test=run_smoke_test,
        report=lambda step: print(f"{step.seconds:8.1f} s  {step.message}", file=sys.stderr, flush=True),
    )
    plan = Plan(model=model, half_life_days=90, challengers_s=challengers_s)
    document = retrain(trainer, plan, scheduled_at=market.NOW)
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "phases": document.phases,
        "peak_gb": round(_peak_gb(), 2),
        "decision": document.decision,
        "reason": document.reason,
        "metrics": document.metrics,
    }


def _als(folder: str) -> dict[str, Any]:
    import numpy as np
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import coo_array, csr_matrix

    training_set = TrainingSet.of_ledger(LedgerFiles(open_objects(f"folder:{folder}")), now=market.NOW)
    table = training_set.table
    confidence = confidence_weights(table.codes, table.values, np.zeros(len(table), np.float32), half_life_days=np.inf)
    positive = np.flatnonzero((confidence > 0) & (table.event_rows >= 0))
    cells = (table.user_rows[positive], table.event_rows[positive])
    shape = (len(table.users), len(training_set.catalog))
    matrix = csr_matrix(coo_array((confidence[positive], cells), shape=shape).tocsr().astype(np.float32))
    started = time.perf_counter()
    model = AlternatingLeastSquares(factors=_FACTORS, iterations=_ITERATIONS, random_state=0, num_threads=0)
    model.fit(matrix, show_progress=False)
    return {"seconds": round(time.perf_counter() - started, 2), "entries": matrix.nnz, "peak_gb": round(_peak_gb(), 2)}


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KB_PER_GB


def _shown(size: dict[str, Any]) -> str:
    ours, als = size["training"], size["als"]
    header = f"{size['interactions']:,} interactions, {size['users']:,} users, {size['events']:,} events"
    rows = [[name, f"{seconds:.1f}"] for name, seconds in ours["phases"].items()]
    rows += [["whole run", f"{ours['seconds']:.1f}"], ["peak memory, GB", f"{ours['peak_gb']:.2f}"]]
    if als:
        rows += [[f"implicit ALS, {_FACTORS} factors", f"{als['seconds']:.1f}"], ["its entries", f"{als['entries']:,}"]]
    return table([header, "seconds"], rows)


if __name__ == "__main__":
    sys.exit(main())
