"""Cold-start benchmark: time from process start to the first recommendation: `python -m benchmarks.coldstart`."""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from benchmarks.deployment import build
from benchmarks.runs import Results, firestore, memory_mb, need_firestore, report, run
from jobs.console import Console
from shared.adapters.objects.cloudstorage import CloudObjects
from shared.adapters.stores import open_objects
from tools.emulators.process import free_port, process_group
from tools.emulators.programs import ROOT, storage_binary
from tools.emulators.storage import storage_emulator

_BUCKET: Final = "models"
_PATIENCE_S: Final = 60.0
_PATH: Final = "/api/v1/recommendations?limit=10"

PLAIN: Final = """
def api(request):
    return "ok"
"""

OBVIOUS: Final = """
import io
import pickle

import numpy as np
import pandas as pd
from google.cloud import storage
from sklearn.metrics.pairwise import cosine_similarity

model = pickle.loads(storage.Client().bucket("models").blob("obvious.pkl").download_as_bytes())


def api(request):
    events, vectors = model["events"], model["vectors"]
    live = events[events["ends_at"] > pd.Timestamp.now(tz="UTC")]
    scores = cosine_similarity(vectors.components_.mean(axis=1)[None, :], model["items"][live["row"].to_numpy()])[0]
    best = live.assign(score=scores).nlargest(10, "score")
    return {"items": best[["event_id", "title", "score"]].to_dict("records")}
"""

# Measured inside the server process: `counted` answers with the number of loaded modules.
_COUNTED: Final = """

import sys


def counted(request):
    answer = sys.modules[__name__].api(request)
    return str(len(sys.modules))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the cold-start benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coldstart",
        description="Start a server, request recommendations until it answers, stop it. Compared with "
        "functions-framework returning 'ok' and with a common design: pandas, scikit-learn and a pickle. The model of "
        "10,000 live events is in the Cloud Storage emulator, which is started here, and documents are in SQLite.",
    )
    parser.add_argument("--events", type=int, default=10_000, help="number of live events (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=11, help="starts of each server (default: %(default)s)")
    parser.add_argument("--firestore", action="store_true", help="also start with documents in the Firestore emulator")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained model for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if given.events < 1 or given.runs < 1:
        parser.error("--events and --runs: expected at least 1")

    def measure() -> Results:
        storage_binary()
        if given.firestore:
            need_firestore()
        emulator = firestore() if given.firestore else nullcontext()
        with tempfile.TemporaryDirectory(prefix="marquee-coldstart-") as folder, storage_emulator() as host, emulator:
            work = given.work or Path(folder)
            yield from _measure(
                Path(folder), work, host, events=given.events, runs=given.runs, on_firestore=given.firestore
            )

    return run(measure, _print, given.out)


def _measure(folder: Path, work: Path, host: str, *, events: int, runs: int, on_firestore: bool) -> Results:
    deployment = work / f"deployment-{events}"
    build(deployment, live=events, console=Console(sys.stderr))
    os.environ["STORAGE_EMULATOR_HOST"] = host
    _upload(deployment, events)
    marquee = (ROOT / "main.py").read_text()
    sources = {"plain": PLAIN, "marquee": marquee, "obvious": OBVIOUS}
    documents = dict.fromkeys(sources, f"sqlite:{deployment / 'documents.db'}")
    if on_firestore:
        sources["firestore"], documents["firestore"] = marquee, "firestore:coldstart"
    environ = {
        # Bytecode is cached, as in the build of a deployment.
        **{name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": str(ROOT),
        "MARQUEE_OBJECTS": f"gs:{_BUCKET}",
        "MARQUEE_AUTH": "off",
    }
    for name, source in sources.items():
        (folder / name).mkdir()
        (folder / name / "main.py").write_text(source + _COUNTED)
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    megabytes: dict[str, list[float]] = {name: [] for name in sources}
    modules: dict[str, int] = {}
    # The first start of each server is a warm-up: it fills the disk cache and compiles bytecode.
    for number in range(runs + 1):
        for name in sources:
            settings = environ | {"MARQUEE_DOCUMENTS": documents[name]}
            with started_server(folder / name, "api", settings) as (started, address, pid):
                answer = first_answer(address)
                elapsed = time.perf_counter() - started
                memory = memory_mb(pid)
            check(name, answer)
            if number:
                seconds[name].append(elapsed)
                megabytes[name].append(memory)
            report(f"start {number or 'to warm up'}: {name}, {elapsed:.3f} s, {memory:.0f} MB")
        if number:
            yield _result(events, seconds, megabytes, modules)
    for name in sources:
        with started_server(folder / name, "counted", environ | {"MARQUEE_DOCUMENTS": documents[name]}) as (
            _,
            address,
            _,
        ):
            modules[name] = int(first_answer(address))
    yield _result(events, seconds, megabytes, modules)


def _result(
    events: int, seconds: dict[str, list[float]], megabytes: dict[str, list[float]], modules: dict[str, int]
) -> dict[str, Any]:
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    return {
        "live_events": events,
        "runs": len(seconds["plain"]),
        "seconds": {name: [round(elapsed, 4) for elapsed in measured] for name, measured in seconds.items()},
        "median_s": {name: round(median, 4) for name, median in medians.items()},
        "ratio_to_plain": {name: round(median / medians["plain"], 2) for name, median in medians.items()},
        "memory_mb": {name: round(statistics.median(measured)) for name, measured in megabytes.items()},
        "modules": dict(modules),
    }


def _upload(deployment: Path, events: int) -> None:
    """Upload of the models to the Cloud Storage emulator: Marquee's artifacts and a pickle of the same events."""
    import pickle  # only for the competitor; Marquee itself never unpickles

    import numpy as np
    import pandas as pd
    from google.cloud.storage import Client
    from sklearn.decomposition import TruncatedSVD

    from shared.services.serving.snapshot import load

    client = Client()
    client.create_bucket(_BUCKET)
    local, bucket = open_objects(f"folder:{deployment / 'bucket'}"), CloudObjects(_BUCKET)
    for name in local.names(""):
        blob = local.read(name)
        if blob is not None:
            bucket.write(name, blob.data, generation=0)
    catalog = load(local).recommender.catalog
    rows = np.flatnonzero(catalog.live(datetime.now(UTC)))[:events]
    rng = np.random.default_rng(1)
    items = rng.normal(size=(len(rows), 50)).astype(np.float32)
    model = {
        "events": pd.DataFrame(
            {
                "row": np.arange(len(rows)),
                "event_id": catalog.events.ids(rows),
                "title": [catalog.title(int(row)) for row in rows],
                "ends_at": pd.to_datetime(catalog.ends_at[rows], unit="s", utc=True),
            }
        ),
        "items": items,
        "vectors": TruncatedSVD(50).fit(rng.normal(size=(500, 200))),
    }
    client.bucket(_BUCKET).blob("obvious.pkl").upload_from_string(pickle.dumps(model))
    bucket.close()
    client.close()


@contextmanager
def started_server(folder: Path, target: str, environ: dict[str, str]) -> Iterator[tuple[float, str, int]]:
    """functions-framework server, started as on Cloud Run; yields start time, address and process id."""
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", target, "--port", str(port)]
    started = time.perf_counter()
    with process_group(command, cwd=folder, env=environ) as process:
        yield started, f"127.0.0.1:{port}", process.pid


def first_answer(address: str) -> str:
    """First answer of a server; raises `RuntimeError` for an error, and `TimeoutError`."""
    give_up = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < give_up:
        connection = HTTPConnection(address, timeout=_PATIENCE_S)
        try:
            connection.request("GET", _PATH)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200:
                raise RuntimeError(f"expected status 200, got {answer.status} {text[:200]}")
            return text
        except (HTTPException, ConnectionError):
            time.sleep(0.002)
        finally:
            connection.close()
    raise TimeoutError(f"{address}: expected an answer within {_PATIENCE_S:g} s")


def check(name: str, answer: str) -> None:
    """Check of an answer: raises `RuntimeError` if it is empty or degraded, since its time would be meaningless."""
    if name == "plain":
        return
    body = json.loads(answer)
    if len(body["items"]) < 10 or body.get("degraded"):
        raise RuntimeError(f"{name}: expected ten events and nothing degraded, got {answer[:200]}")


def _print(result: dict[str, Any]) -> None:
    print(f"{result['live_events']:,} live events, medians of {result['runs']} starts, {result['cpus']} CPUs")
    print(f"{'':10}{'seconds':>10}{'ratio':>8}{'modules':>10}{'MB':>8}")
    for name, seconds in result["median_s"].items():
        ratio, memory = result["ratio_to_plain"][name], result["memory_mb"][name]
        modules = f"{result['modules'][name]:,}" if name in result["modules"] else "–"
        print(f"{name:10}{seconds:>10.3f}{ratio:>8.2f}{modules:>10}{memory:>8}")


if __name__ == "__main__":
    sys.exit(main())
