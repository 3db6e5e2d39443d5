"""Cost of training runs in Firestore reads: `python -m benchmarks.retrain_cost`.

Two training runs on the Firestore emulator, with one percent of new interactions in between, measure the documents
read. A table extrapolates to a month and compares with runs that read all documents each time.
"""

import argparse
import sys
import tempfile
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.runs import Results, firestore, need_firestore, report, run
from jobs.console import table
from shared.adapters.keys import StoredKeys
from shared.adapters.process import run_smoke_test
from shared.adapters.stores import open_documents, open_objects
from shared.entities import Event, Interaction, InteractionType, User
from shared.entities.prices import Prices, Usage
from shared.ledger.index import OVERLAP
from shared.ports import Documents
from shared.services.training.retrain import Plan, Trainer, retrain

_READ_USD: Final = Usage(reads=1).usd(Prices())
_LOADED: Final = datetime(2026, 4, 1, tzinfo=UTC)
_FIRST: Final = datetime(2026, 5, 1, tzinfo=UTC)
_SECOND: Final = _FIRST + timedelta(days=1)
_NEW_SHARE: Final = 0.01
_LATE_SHARE: Final = 0.001
_HOURS_A_MONTH: Final = 730.0
_SIZES: Final = (10_000, 1_000_000, 100_000_000)
_SCHEDULES: Final = {"hourly": 1.0, "daily": 24.0, "weekly": 168.0}
_GROWTH: Final = 0.1
"""New interactions a month, as a share of all interactions; an assumption of the extrapolation."""
_OTHER_CHANGES: Final = 0.1
"""Changed users and events, as a share of the new interactions; an assumption of the extrapolation."""

_LISTS: Final = 3
"""Reads that each run adds for the ends of its three lists: events, users and interactions."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the cost benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrain_cost", description=__doc__)
    parser.add_argument("--interactions", type=int, default=20_000, help="before the first run (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the synthetic documents (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if given.interactions < 1_000:
        parser.error("--interactions: expected at least 1000")

    def measure() -> Results:
        need_firestore()
        with firestore(), tempfile.TemporaryDirectory(prefix="marquee-cost-") as bucket:
            yield from _measured(given.interactions, Random(given.seed), bucket)

    return run(measure, _print, given.out)


def _measured(size: int, rng: Random, bucket: str) -> Results:
    keys = StoredKeys(open_objects(f"folder:{bucket}"))
    documents = open_documents(f"firestore:cost-{uuid.uuid4().hex[:12]}", keys)
    events = [_event(number, rng) for number in range(size // 100)]
    users = [User(user_id=f"user_{number}", city="Chicago") for number in range(size // 20)]
    documents.events.put(events, now=_LOADED)
    documents.users.put(users, now=_LOADED)
    # Some interactions arrive just before the first run, so that the overlap reads them again.
    late, new = int(size * _LATE_SHARE), int(size * _NEW_SHARE)
    documents.interactions.append(_interactions(0, size - late, rng), now=_LOADED)
    documents.interactions.append(_interactions(size - late, size, rng), now=_FIRST - OVERLAP / 2)
    result: dict[str, Any] = {
        "events": len(events),
        "users": len(users),
        "interactions": size,
        "new": new,
        "overlap": late,
        "month": [_month(size, name, hours) for size in _SIZES for name, hours in _SCHEDULES.items()],
        "first": _train(documents, bucket, _FIRST),
    }
    report(_row("first", result["first"]))
    yield result
    documents.interactions.append(_interactions(size, size + new, rng), now=_FIRST + OVERLAP)
    second = _train(documents, bucket, _SECOND)
    documents.close()
    report(_row("second", second))
    yield result | {"second": second, "share_beyond_overlap": (second["reads"] - late) / result["first"]["reads"]}


def _row(name: str, training: dict[str, Any]) -> str:
    return f"{name} training: {training['reads']:,} documents read, ${training['price_usd']:.5f}"


def _train(documents: Documents, bucket: str, now: datetime) -> dict[str, Any]:
    trainer = Trainer(
        documents=documents,
        objects=open_objects(f"folder:{bucket}"),
        clock=lambda: now,
        new_id=lambda: uuid.uuid4().hex,
        run_smoke_test=run_smoke_test,
        report=lambda _: None,
    )
    plan = Plan(model="popularity", half_life_days=90, challengers_s=0)
    document = retrain(trainer, plan, scheduled_at=now)
    return {"reads": document.reads, "price_usd": document.price_usd, "rows": document.rows}


def _event(number: int, rng: Random) -> Event:
    start = _FIRST + timedelta(hours=rng.randrange(-4_000, 1_000))
    return Event(event_id=f"event_{number}", title=f"Event {number}", category="music", starts_at=start)


def _interactions(first: int, last: int, rng: Random) -> list[Interaction]:
    return [
        Interaction(
            interaction_id=f"interaction_{number}",
            user_id=f"user_{rng.randrange(1_000)}",
            event_id=f"event_{rng.randrange(200)}",
            type=rng.choice((InteractionType.VIEW, InteractionType.SAVE, InteractionType.BOOKING)),
            occurred_at=_LOADED - timedelta(seconds=rng.randrange(10_000_000)),
        )
        for number in range(first, last)
    ]


def _month(size: int, schedule: str, hours: float) -> dict[str, Any]:
    """Extrapolation of reads to a month: new documents, the overlap of each run, and the ends of lists."""
    runs = _HOURS_A_MONTH / hours
    new = size * _GROWTH * (1 + _OTHER_CHANGES)
    again = runs * new * (OVERLAP / timedelta(hours=_HOURS_A_MONTH))
    reads = new + again + runs * _LISTS
    naive = runs * size * (1 + _OTHER_CHANGES)
    return {
        "interactions": size,
        "schedule": schedule,
        "first_usd": size * (1 + _OTHER_CHANGES) * _READ_USD,
        "reads": round(reads),
        "usd": reads * _READ_USD,
        "naive_reads": round(naive),
        "naive_usd": naive * _READ_USD,
    }


def _print(result: dict[str, Any]) -> None:
    print(f"{result['interactions']:,} interactions, then {result['new']:,} more")
    if "second" in result:
        print(
            f"the second read {result['share_beyond_overlap']:.2%} of the first's, "
            f"besides {result['overlap']:,} in the overlap of {OVERLAP.total_seconds() / 60:.0f} minutes\n"
        )
    rows = [
        [
            f"{month['interactions']:,} {month['schedule']}",
            f"${month['first_usd']:,.2f}",
            f"{month['reads']:,}",
            f"${month['usd']:,.2f}",
            f"${month['naive_usd']:,.2f}",
        ]
        for month in result["month"]
    ]
    print(f"a month in which {_GROWTH:.0%} of all interactions are new, profiles and events a tenth of that")
    print(table(["interactions", "first reading", "reads a month", "a month", "reading all"], rows))


if __name__ == "__main__":
    sys.exit(main())
