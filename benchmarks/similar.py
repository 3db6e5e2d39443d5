"""Benchmark of similar events among very many: `python -m benchmarks.similar`.

The exact similarity of all live events, `ranking/nearest.py`, and the latter joined with the nearest texts of an index
of faiss (IVF, codes of 8 bits) where `pip install faiss-cpu` has put it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import market
from benchmarks.runs import Results, report, run
from shared.adapters.stores import open_objects
from shared.catalog.catalog import Catalog
from shared.catalog.meaning import BAG
from shared.entities import Profile, Rules, User
from shared.ledger import parquet
from shared.ledger.index import EVENTS
from shared.models.artifact import pack
from shared.ranking import nearest as limits
from shared.ranking.filters import Filters
from shared.ranking.nearest import POOL, nearest
from shared.ranking.query import ListQuery, Viewer
from shared.ranking.shortlist import Wanted
from shared.ranking.similarity import similarity
from shared.signals.candidates import Candidates

_K: Final = 10
_CHUNK: Final = 100_000
_BEFORE: Final = market.NOW - timedelta(days=735)
"""Time at which all events of the market are still to come."""
_BEGIN, _END = _BEFORE + timedelta(days=100), _BEFORE + timedelta(days=128)
_TEXTS: Final = 200
_PROBES: Final = 32

Find = Callable[[int, Filters], Candidates]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similar", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="live events (default: %(default)s)")
    parser.add_argument("--queries", type=int, default=60, help="events that are asked for (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps catalog and index for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.events, given.queries) < 1:
        parser.error("--events and --queries: expected at least 1")

    def measure() -> Results:
        with tempfile.TemporaryDirectory(prefix="marquee-similar-") as folder:
            work: Path = given.work or Path(folder)
            catalog = _catalog(work, given.events)
            limits.FROM = 1  # type: ignore[misc]  # smaller markets are measured likewise
            rows: list[dict[str, Any]] = []
            for row in _measured(catalog, given.queries, work):
                rows.append(row)
                report(f"{row['filter']:20}{row['way']:28}recall {row['recall']:.3f}  CPU p50 {row['cpu_ms']:6.1f} ms")
                yield {"events": given.events, "queries": given.queries, "rows": rows}

    return run(measure, lambda _: None, given.out)


def _catalog(work: Path, size: int) -> Catalog:
    """Catalog of the market, kept in a folder; made in chunks, as entities take ten times the memory of columns."""
    stored = work / "catalog.npz"
    if not stored.exists():
        work.mkdir(parents=True, exist_ok=True)
        objects = open_objects(f"folder:{work / 'bucket'}")
        market.write(objects, interactions=1, users=1, events=size)
        files = [(name, objects.read(name)) for name in objects.names(f"ledger/{EVENTS}")]
        table = parquet.newest(EVENTS, [(name, blob.data) for name, blob in files if blob])
        catalog = Catalog.of(parquet.events(table.slice(0, _CHUNK)))
        for begin in range(_CHUNK, size, _CHUNK):
            catalog, _ = catalog.with_changes(list(parquet.events(table.slice(begin, _CHUNK))))
        stored.write_bytes(pack(catalog.prepared(_BEFORE).to_arrays()))
    with np.load(stored, allow_pickle=False) as arrays:
        return Catalog.from_arrays(dict(arrays))


def _measured(catalog: Catalog, queries: int, work: Path) -> Iterator[dict[str, Any]]:
    live = np.flatnonzero(catalog.live(_BEFORE))
    everything = Candidates(catalog, live, _BEFORE.timestamp(), np.zeros(len(live)))
    asked = np.random.default_rng(0).choice(live, min(queries, len(live)), replace=False)
    similarity(everything, asked[:1])
    viewer = Viewer.of(Profile(User(user_id="anybody")), catalog, _BEFORE)

    def allowed(part: Candidates, row: int, filters: Filters) -> NDArray[np.bool_]:
        query = ListQuery(filters=filters)
        wanted = Wanted(viewer=viewer, query=query, rules=Rules(), placements=Rules(), now=_BEFORE)
        is_allowed: NDArray[np.bool_] = wanted.permits(part) & (part.rows != row)
        return is_allowed

    def pool(row: int, filters: Filters) -> Candidates:
        return nearest(everything, row, lambda part: allowed(part, row, filters), caps={}, size=POOL)

    ways: dict[str, Find] = {"exact": lambda _row, _filters: everything, f"nearest {POOL:,}": pool}
    if find_spec("faiss"):
        texts = _texts(everything, work, allowed)
        ways[f"nearest {POOL:,} + {_TEXTS} texts"] = lambda row, filters: _joined(
            everything, pool(row, filters), texts(row, filters)
        )
    own = catalog.fields["category"]
    for name in ("none", "category", "dates", "category and dates"):
        filters = [
            Filters(
                category=tuple(own.names.ids(own.codes[[row]])) if "category" in name else (),
                since=_BEGIN if "dates" in name else None,
                until=_END if "dates" in name else None,
            )
            for row in asked
        ]
        exact: list[NDArray[np.float32]] = []
        for way, find in ways.items():
            shares, cpu_s = list[float](), list[float]()
            for number, row in enumerate(asked.tolist()):
                began = time.process_time()
                part = find(row, filters[number])
                scores = similarity(part, np.array([row]))[0][allowed(part, row, filters[number])]
                cpu_s.append(time.process_time() - began)
                best = np.sort(scores[scores > 0])[::-1][:_K]
                if way == "exact":
                    exact.append(best)
                # Events that are as similar as the tenth are as good.
                least = exact[number].min(initial=np.inf)
                shares.append(float((best >= least - 1e-6).sum() / max(len(exact[number]), 1)))
            yield {
                "filter": name,
                "way": way,
                "recall": round(float(np.mean(shares)), 4),
                "least": min(shares),
                "cpu_ms": round(1e3 * float(np.median(cpu_s)), 2),
                "cpu_p90_ms": round(1e3 * float(np.percentile(cpu_s, 90)), 2),
            }


def _joined(everything: Candidates, one: Candidates, other: NDArray[np.integer]) -> Candidates:
    rows = np.union1d(one.rows, other)
    return Candidates(everything.catalog, rows, everything.now_s, np.zeros(len(rows)))


def _texts(
    everything: Candidates, work: Path, allowed: Callable[[Candidates, int, Filters], NDArray[np.bool_]]
) -> Callable[[int, Filters], NDArray[np.integer]]:
    """Search for events with the nearest texts in a memory-mapped index of faiss, with filters within the search."""
    import faiss

    catalog, vectors = everything.catalog, everything.static.meanings.first
    groups, bag = everything.static.contents[BAG], catalog.bags[BAG]
    stored = work / "texts.faiss"
    if not stored.exists():
        began, lists = time.process_time(), int(np.sqrt(len(vectors)) * 4)
        codes = faiss.ScalarQuantizer.QT_8bit
        flat = faiss.IndexFlatIP(vectors.shape[1])
        index = faiss.IndexIVFScalarQuantizer(flat, vectors.shape[1], lists, codes, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        faiss.write_index(index, str(stored))
        report(f"index of texts: {time.process_time() - began:.0f} s of CPU, {stored.stat().st_size / 1e6:.0f} MB")
    index = faiss.read_index(str(stored), faiss.IO_FLAG_MMAP)
    faiss.omp_set_num_threads(1)

    def search(row: int, filters: Filters) -> NDArray[np.integer]:
        mask = allowed(everything, row, filters)
        of_allowed = np.zeros(len(groups) + 1, np.bool_)
        of_allowed[groups.of_candidates[mask]] = True
        # An id of the index is a group; the selector refers to the bits, which must outlive the search.
        bits = np.packbits(of_allowed[:-1], bitorder="little")
        chosen = faiss.SearchParametersIVF(nprobe=_PROBES, sel=faiss.IDSelectorBitmap(bits))
        asked = np.array([row])
        _, [found] = index.search(catalog.meaning.of_events(bag, asked, bag.fingerprints(asked)), _TEXTS, params=chosen)
        is_found = np.zeros(len(groups) + 1, np.bool_)
        is_found[found[found >= 0]] = True
        return everything.rows[mask & is_found[groups.of_candidates]]

    return search


if __name__ == "__main__":
    sys.exit(main())
