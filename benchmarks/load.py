"""Bulk-load benchmark: Firestore throughput compared with plain batched writes: `python -m benchmarks.load`."""

import argparse
import statistics
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.runs import Results, firestore, need_firestore, report, run
from shared.adapters.stores import open_documents
from shared.entities import Interaction, InteractionType, Keys
from shared.services.ingest.bulk_load import CHUNK, load_interactions

_BATCH: Final = 500
_NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
_TYPES: Final = (InteractionType.VIEW, InteractionType.SAVE, InteractionType.BOOKING)


def _keys() -> Keys:
    return Keys((bytes(32),))


Load = Callable[[str, Sequence[Interaction]], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the bulk-load benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Load equal interactions into new projects of the Firestore emulator: by plain batches, by "
        "`append`, by a repeated `append`, and by `load_interactions`, which also updates histories and counts. The "
        "emulator is started here.",
    )
    parser.add_argument(
        "--interactions", type=int, default=20_000, help="number of interactions (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of the measurement (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the synthetic interactions (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if given.interactions < 1 or given.rounds < 1:
        parser.error("--interactions and --rounds: expected at least 1")

    def measure() -> Results:
        need_firestore()
        with firestore():
            yield from _measure(_interactions(given.interactions, Random(given.seed)), given.rounds)

    return run(measure, _print, given.out)


def _interactions(size: int, rng: Random) -> list[Interaction]:
    return [
        Interaction(
            interaction_id=f"user_{rng.randrange(2_000)}_event_{rng.randrange(1_000)}_{n}",
            user_id=f"user_{rng.randrange(2_000)}",
            event_id=f"event_{rng.randrange(1_000)}",
            type=rng.choice(_TYPES),
            occurred_at=_NOW - timedelta(seconds=rng.randrange(10_000_000)),
            session_id=f"session_{rng.randrange(5_000)}",
        )
        for n in range(size)
    ]


def _bare(project: str, interactions: Sequence[Interaction]) -> None:
    from google.cloud.firestore import Client

    client = Client(project=project)
    rest = iter(interactions)
    while part := list(islice(rest, _BATCH)):
        batch = client.batch()
        for interaction in part:
            fields = {**interaction.to_document(), "recorded_at": _NOW, "counted": True}
            batch.set(client.collection("interactions").document(interaction.interaction_id), fields)
        batch.commit()
    client._firestore_api.transport.close()  # noqa: SLF001  # the client itself has no close


def _append(project: str, interactions: Sequence[Interaction]) -> None:
    documents = open_documents(f"firestore:{project}", _keys)
    documents.interactions.append(interactions, now=_NOW)
    documents.close()


def _load(project: str, interactions: Sequence[Interaction]) -> None:
    documents = open_documents(f"firestore:{project}", _keys)
    for start in range(0, len(interactions), CHUNK):
        load_interactions(documents, interactions[start : start + CHUNK], now=_NOW)
    documents.close()


def _measure(interactions: Sequence[Interaction], rounds: int) -> Results:
    rates: dict[str, list[float]] = defaultdict(list)
    _append(_fresh(), interactions[:_BATCH])  # the emulator's first writes are slow
    for number in range(1, rounds + 1):
        ours = _fresh()
        for name, load, project in (
            ("bare batches", _bare, _fresh()),
            ("append", _append, ours),
            ("append again", _append, ours),
            ("load", _load, _fresh()),
        ):
            rates[name].append(_rate(load, project, interactions))
            report(f"round {number}: {name}, {rates[name][-1]:,.0f} per second")
            yield _result(len(interactions), rates)


def _result(size: int, rates: dict[str, list[float]]) -> dict[str, Any]:
    medians = {name: statistics.median(measured) for name, measured in rates.items()}
    return {
        "interactions": size,
        "rounds": len(rates["bare batches"]),
        "rates_per_s": {name: [round(rate) for rate in measured] for name, measured in rates.items()},
        "median_per_s": {name: round(median) for name, median in medians.items()},
        "ratio_to_bare": {name: round(median / medians["bare batches"], 2) for name, median in medians.items()},
    }


def _fresh() -> str:
    return f"load-{uuid.uuid4().hex[:12]}"


def _rate(load: Load, project: str, interactions: Sequence[Interaction]) -> float:
    started = time.perf_counter()
    load(project, interactions)
    return len(interactions) / (time.perf_counter() - started)


def _print(result: dict[str, Any]) -> None:
    print(f"{result['interactions']:,} interactions, median of {result['rounds']}, {result['cpus']} CPUs")
    print(f"{'':14}{'per second':>12}{'ratio':>8}")
    for name, rate in result["median_per_s"].items():
        print(f"{name:14}{rate:>12,}{result['ratio_to_bare'][name]:>8.2f}")


if __name__ == "__main__":
    sys.exit(main())
