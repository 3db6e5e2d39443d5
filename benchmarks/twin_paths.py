"""Twin-path benchmark: time of each fast path against the general path beside it: `python -m benchmarks.twin_paths`.

Two places compute the same result in two ways, by size. Each is timed in one process with its fast path and without
it, in alternating rounds; the medians say whether the fast path is worth its lines.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from benchmarks import market
from benchmarks.runs import Results, report, run
from shared.adapters.stores import open_objects
from shared.arrays import sparse
from shared.feedback.history import Histories
from shared.ranking import topk
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

_USERS: Final = 100
_ENTRIES: Final = 40
"""Mean number of interactions of a user."""

_LISTS: Final = 100
"""Lists of scores that a round takes the best of."""


@dataclass(frozen=True, slots=True)
class _TwinPath:
    """Fast path of a module, switched off by another value of the constant that bounds it.

    Attributes
    ----------
    off : value of the constant `name` of `module` with which the fast path is never taken.
    work : computation that takes either path.
    times : repetitions of what `work` computes, by which its time is divided.
    """

    what: str
    module: ModuleType
    name: str
    off: int
    work: Callable[[], None]
    times: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the twin-path benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twin_paths", description=__doc__)
    parser.add_argument(
        "--events", type=int, nargs="+", default=[10_000, 100_000], help="numbers of distinct events, and of scores"
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds with and without (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the synthetic events (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    for name in ("events", "rounds"):
        if np.min(getattr(given, name)) < 1:
            parser.error(f"--{name}: expected at least 1")

    def measure() -> Results:
        rows: list[dict[str, Any]] = []
        report(f"{'events':>8}  {'path':38}{'with, ms':>10}{'without, ms':>13}{'saves':>8}")
        for events in given.events:
            for path in _paths(events, given.seed):
                rows.append({"events": events, "path": path.what, **_measured(path, given.rounds)})
                report(_shown(rows[-1]))
                yield {"rounds": given.rounds, "rows": rows}

    return run(measure, lambda _: None, given.out)


def _paths(events: int, seed: int) -> Iterator[_TwinPath]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(_LISTS, events)).astype(np.float32)
    allowed = np.ones((1, events), np.bool_)
    for k in (10, 100):

        def best(k: int = k) -> None:
            for row in scores:
                topk.top(row[None], allowed, k)

        # A sample of all scores is a partial sort of all of them.
        yield _TwinPath(f"best {k} scores, topk._SAMPLE", topk, "_SAMPLE", events, best, _LISTS)
    with tempfile.TemporaryDirectory(prefix="marquee-twin-paths-") as folder:
        objects = open_objects(f"folder:{folder}")
        market.write(objects, interactions=_USERS * _ENTRIES, users=_USERS, events=events, seed=seed)
        training_set = TrainingSet.of_ledger(LedgerFiles(objects), now=market.NOW)
    catalog, users = training_set.catalog, list(training_set.users.values())
    none = Candidates(catalog, np.empty(0, np.int64), market.NOW.timestamp(), np.empty(0))
    histories = [Histories.of_table([user], training_set.table, market.NOW, newest=_ENTRIES) for user in users]

    def profiles() -> None:
        for history in histories:
            batch = UserBatch(history, none)
            for bag in catalog.bags:
                batch.profile(bag)

    yield _TwinPath("a user's profiles, sparse._MAX_DENSE", sparse, "_MAX_DENSE", -1, profiles, len(users))


def _measured(path: _TwinPath, rounds: int) -> dict[str, float]:
    """Median times in milliseconds with the fast path and without it."""
    with_s, without_s = [], []
    path.work()
    for _ in range(rounds):
        with_s.append(_seconds(path))
        with _switched_off(path):
            without_s.append(_seconds(path))
    return {"with_ms": statistics.median(with_s) * 1e3, "without_ms": statistics.median(without_s) * 1e3}


def _seconds(path: _TwinPath) -> float:
    started = time.perf_counter()
    path.work()
    return (time.perf_counter() - started) / path.times


@contextmanager
def _switched_off(path: _TwinPath) -> Iterator[None]:
    before = getattr(path.module, path.name)
    setattr(path.module, path.name, path.off)
    try:
        yield
    finally:
        setattr(path.module, path.name, before)


def _shown(row: dict[str, Any]) -> str:
    saved = 1 - row["with_ms"] / row["without_ms"]
    return f"{row['events']:>8,}  {row['path']:38}{row['with_ms']:>10.3f}{row['without_ms']:>13.3f}{saved:>8.0%}"


if __name__ == "__main__":
    sys.exit(main())
