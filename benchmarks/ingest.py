"""Ingestion benchmark: Firestore operations and trigger throughput per interaction: `python -m benchmarks.ingest`."""

import argparse
import logging
import statistics
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from cloudevents.http import CloudEvent

from benchmarks.meter import Meter
from benchmarks.runs import Results, firestore, need_firestore, report, run
from functions import wiring
from functions.interaction import interaction
from shared.adapters.cloudevent import encode_change
from shared.entities import Interaction, InteractionType
from shared.entities.prices import Prices, Usage
from shared.feedback.counts import SETTLED_AFTER, SLOT
from shared.ports import Documents
from shared.services.ingest.reconcile import reconcile
from shared.settings import Settings

_NOW: Final = datetime(2026, 5, 1, 12, 3, tzinfo=UTC)
_PAGE: Final = 10
# Dollars per million operations.
_PRICES: Final = {name: Usage(**{name: 1_000_000}).usd(Prices()) for name in ("reads", "writes", "deletes")}
_EVENTS: Final = 50
_T = InteractionType
_TYPES: Final = (
    *(_T.BOOKING, _T.CANCEL, _T.SAVE, _T.ATTEND, _T.RATING, _T.REVIEW, _T.DISMISS, _T.FOLLOW),
    *(_T.VIEW, _T.CLICK, _T.SHARE, _T.SEARCH, _T.CATEGORY_CLICK, _T.IMPRESSION),
)


@dataclass
class _Clock:
    """Manual clock."""

    now: datetime = _NOW

    def __call__(self) -> datetime:
        return self.now


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the ingestion benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ingest",
        description="For each interaction type, write documents to the Firestore emulator, run the interaction "
        "function on each as a trigger, and settle the counts. Reports billed operations and compares the throughput "
        "of the function with that of plain writes. The emulator is started here.",
    )
    parser.add_argument(
        "--interactions", type=int, default=400, help="interactions of each type (default: %(default)s)"
    )
    parser.add_argument("--parallel", type=int, default=8, help="concurrent deliveries (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of the measurement (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the synthetic interactions (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.interactions, given.parallel, given.rounds) < 1:
        parser.error("--interactions, --parallel and --rounds: expected at least 1")

    def measure() -> Results:
        need_firestore()
        logging.disable(logging.INFO)
        with firestore():
            yield from _measure(given.interactions, given.parallel, given.rounds, Random(given.seed))

    return run(measure, _print, given.out)


def _interactions(kind: InteractionType, size: int, rng: Random) -> list[Interaction]:
    """Synthetic interactions of one type: two per user, spread over 50 events."""
    return [_interaction(kind, number, rng) for number in range(size)]


def _interaction(kind: InteractionType, number: int, rng: Random) -> Interaction:
    event_id = f"event_{number % _EVENTS}"
    about: dict[str, Any] = {"event_id": event_id}
    if kind is _T.FOLLOW:
        about = {"organizer_id": f"org_{number}"}
    elif kind is _T.SEARCH:
        about = {"query": f"live jazz {number}"}
    elif kind is _T.CATEGORY_CLICK:
        about = {"category": f"category {number}"}
    elif kind is _T.IMPRESSION:
        shown = tuple(f"event_{row}" for row in rng.sample(range(_EVENTS), _PAGE))
        about = {"event_ids": shown, "recommendation_id": f"list_{number}"}
    entry = Interaction(
        interaction_id="",
        user_id=f"user_{number // 2}",
        type=kind,
        occurred_at=_NOW - timedelta(seconds=rng.randrange(60)),
        recorded_at=_NOW,
        value=4.0 if kind is _T.RATING else None,
        **about,
    )
    return replace(entry, interaction_id=entry.expected_id())


def _measure(size: int, parallel: int, rounds: int, rng: Random) -> Results:
    made = {kind: _interactions(kind, size, rng) for kind in _TYPES}
    rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    operations: dict[str, dict[str, dict[str, float]]] = {}
    for _ in _round({_T.VIEW: made[_T.VIEW]}, parallel):
        pass  # the emulator's first writes are slow
    for number in range(1, rounds + 1):
        for kind, throughputs, counted in _round(made, parallel):
            for name, rate in throughputs.items():
                rates[kind][name].append(rate)
            operations.setdefault(kind, counted)
            report(
                f"round {number}: {kind}, {', '.join(f'{rate:,.0f} {name}/s' for name, rate in throughputs.items())}"
            )
            yield {
                "interactions_a_type": size,
                "events": _EVENTS,
                "events_a_page": _PAGE,
                "parallel": parallel,
                "rounds": number,
                "types": {kind: _summary(operations[kind], rates[kind]) for kind in operations},
            }


def _round(
    made: dict[InteractionType, list[Interaction]], parallel: int
) -> Iterator[tuple[str, dict[str, float], dict[str, dict[str, float]]]]:
    """Interaction type, throughput and operations of each type, measured in a new project."""
    settings = Settings(documents=f"firestore:ingest-{uuid.uuid4().hex[:12]}", objects="folder:.marquee/ingest")
    clock = _Clock()
    wired = replace(wiring.build(settings), now=clock)
    documents, meter = wired.documents, Meter(wired.documents)
    with wiring.use(wired), closing(documents):
        # The first run finds out that the store has nothing to upgrade.
        reconcile(documents, now=_NOW)
        meter.take()
        for number, kind in enumerate(made):
            recorded_at = _NOW + number * 4 * SLOT
            clock.now = recorded_at + timedelta(seconds=30)
            interactions = [
                replace(entry, occurred_at=recorded_at - (_NOW - entry.occurred_at), recorded_at=recorded_at)
                for entry in made[kind]
            ]
            bare = _rate(partial(_append, documents, recorded_at), interactions, parallel)
            written = meter.take()
            deliveries = [_delivery(entry) for entry in interactions]
            trigger = _rate(interaction, deliveries, parallel)
            triggered = meter.take()
            # Each type has its own slot of counts.
            reconcile(documents, now=recorded_at + 2 * SLOT + SETTLED_AFTER)
            settled = meter.take()
            parts = {"document": written, "trigger": triggered, "settling": settled}
            shares = {name: {what: n / len(interactions) for what, n in part.items()} for name, part in parts.items()}
            yield kind.value, {"bare": bare, "trigger": trigger}, shares


def _append(documents: Documents, now: datetime, entry: Interaction) -> None:
    documents.interactions.append([entry], now=now)


def _delivery(entry: Interaction) -> CloudEvent:
    attributes = {
        "id": entry.interaction_id,
        "source": "//firestore.googleapis.com/projects/local/databases/(default)",
        "type": "google.cloud.firestore.document.v1.written",
    }
    return CloudEvent(attributes, encode_change("interactions", entry.interaction_id, entry.to_document()))


def _rate(work: Callable[[Any], object], items: Sequence[Any], parallel: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(parallel) as pool:
        for _ in pool.map(work, items):
            pass
    return len(items) / (time.perf_counter() - started)


def _summary(operations: dict[str, dict[str, float]], rates: dict[str, list[float]]) -> dict[str, Any]:
    total: defaultdict[str, float] = defaultdict(float)
    for part in operations.values():
        for what, n in part.items():
            total[what] += n
    price = sum(_PRICES[what] * n for what, n in total.items())
    return {
        **{part: {what: round(n, 2) for what, n in counts.items()} for part, counts in operations.items()},
        "dollars_a_million": round(price, 2),
        "dollars_a_million_bare": _PRICES["writes"],
        "per_s": {name: round(statistics.median(measured)) for name, measured in rates.items()},
        "rates_per_s": {name: [round(rate) for rate in measured] for name, measured in rates.items()},
    }


def _print(result: dict[str, Any]) -> None:
    size, events = result["interactions_a_type"], result["events"]
    print(f"{size:,} interactions of each type on {events} events in one slot, {result['cpus']} CPUs")
    print("operations an interaction: with its document, then later for settling; a cancellation replaces a booking")
    print(f"{'':15}{'at once':>22}{'later':>17}{'$ a million':>13}{'bare/s':>9}{'trigger/s':>11}")
    print(f"{'':15}{'reads':>7}{'writes':>7}{'deletes':>8}{'reads':>9}{'writes':>8}")
    for kind, row in result["types"].items():
        at_once = {what: row["document"].get(what, 0) + row["trigger"].get(what, 0) for what in _PRICES}
        later = row["settling"]
        print(
            f"{kind:15}{at_once['reads']:>7.2g}{at_once['writes']:>7.2g}{at_once['deletes']:>8.2g}"
            f"{later.get('reads', 0):>9.2f}{later.get('writes', 0):>8.2f}"
            f"{row['dollars_a_million']:>13.2f}{row['per_s']['bare']:>9,}{row['per_s']['trigger']:>11,}"
        )
    print(
        f"an impression is a page of {result['events_a_page']} events; a bare write is ${_PRICES['writes']} a million"
    )


if __name__ == "__main__":
    sys.exit(main())
