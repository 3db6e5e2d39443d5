"""Capacity: instances, memory and price of deployments of several sizes, worked out: `python -m benchmarks.capacity`.

Nothing is measured here: processor times are those of a run of `benchmarks.instances`, operations are those of
`shared/monitoring/cost.py`, and the rest are the assumptions below.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jobs.console import table
from shared.entities.prices import Prices, Usage
from shared.feedback.counts import SLOT
from shared.monitoring.cost import LIST_OF_USER, OTHER, REMEMBERED, STATE
from shared.settings import Settings

MONTH_S: Final = 30 * 86_400
CPU_USD: Final = 0.000024
"""Price of a second of a vCPU of Cloud Run, billed by request, tier 1, November 2026; free amounts are left out."""
GIB_USD: Final = 0.0000025
"""Price of a second of a GiB of memory there."""
BILLED_S: Final = 0.1
"""Cloud Run bills an instance by tenths of a second in which it has a request."""
STORED_USD: Final = 0.18
"""Price of a GiB of documents and indexes in Firestore for a month."""
OBJECTS_USD: Final = 0.02
"""Price of a GB in Cloud Storage, us-central1, for a month."""
JOBS_USD: Final = 2 * 0.10
"""Price of two jobs of Cloud Scheduler for a month."""
MAX_INTERACTIONS: Final = 500
"""Writes a second that Firestore takes of a collection with an index of times, such as `recorded_at`."""

LIST_S, ACT_S, TRIGGER_S, SETTLED_S = 0.0218, 0.0033, 0.0042, 0.0016
"""Processor time of a list, of a request with an interaction, of its trigger, and of settling it: docs/scale.md."""
UTILISATION: Final = 0.6
"""Share of an instance's time at which Cloud Run starts another."""
PEAK: Final = 3.0
"""Requests at the busiest time of a day, as a multiple of the mean."""
LISTS, PAGES, VIEWS, STATES = 5, 5, 4, 1
"""Of an active user on a day: lists, pages of impressions, views, and saves or bookings, a request for each."""
STORED: Final = 5
"""Users with a profile and a history for each who is active on a day."""
KEPT_DAYS: Final = 365
"""Days after which interactions expire."""
DOCUMENT_BYTES: Final = 1_000
"""Bytes of an interaction with its indexes, and of a register."""
PERSON_BYTES: Final = 12_000
"""Bytes of a profile and a history with some sixty entries."""
ROW_BYTES: Final = 20
"""Bytes of an interaction in the ledger."""
TRAINING_S: Final = 300
"""Time of a daily training with two vCPU and 4 GiB, for ledgers up to `DIGESTED` interactions or from a digest."""
DIGESTED: Final = 10_000_000
"""Interactions of a ledger from which on a job reduces it to a digest before each training."""
DIGEST_S: Final = 6e-6
"""Time of DuckDB for each interaction of a digest with two vCPU and 4 GiB: docs/scale.md."""
MEASURED: Final = 100_000_000
"""Interactions of the largest ledger that was measured."""
API_GIB, TRIGGER_GIB, TRAINING_GIB = 1.0, 0.5, 4.0
"""Memory of an instance in `functions.yaml`."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Capacity of a deployment.

    Attributes
    ----------
    interactions_per_s, peak_per_s : interactions a second, mean and at the busiest time.
    kept : interactions of the ledger.
    instances, triggers : instances of `api` and `interaction` at the busiest time.
    run_usd, interactions_usd, lists_usd, counts_usd, stored_usd : US dollars a month: Cloud Run; documents of
        interactions and of what follows from them; reads of lists; settled counts and those that instances read; what
        is stored.
    """

    interactions_per_s: float
    peak_per_s: float
    kept: int
    instances: int
    triggers: int
    run_usd: float
    interactions_usd: float
    lists_usd: float
    counts_usd: float
    stored_usd: float

    @property
    def usd(self) -> float:
        """Price of a month."""
        return self.run_usd + self.interactions_usd + self.lists_usd + self.counts_usd + self.stored_usd + JOBS_USD


def capacity(active: int, events: int, prices: Prices, refresh_s: float) -> Capacity:
    """Capacity of a deployment with `active` users a day and `events` events to come.

    Parameters
    ----------
    refresh_s : seconds between two looks of an instance for changes.
    """
    day = 86_400
    interactions = PAGES + VIEWS + STATES
    listed, acted = active * LISTS / day, active * interactions / day
    api_s = listed * LIST_S + acted * ACT_S
    in_use = max(_at_least_one(listed + acted, refresh_s), api_s / UTILISATION)
    billed = max(_at_least_one(listed + acted, BILLED_S), api_s / UTILISATION)
    triggered = max(_at_least_one(acted, BILLED_S), acted * TRIGGER_S / UTILISATION)
    kept = active * interactions * KEPT_DAYS
    training_s = TRAINING_S + (DIGEST_S * kept if kept > DIGESTED else 0)
    run = (
        # `monitor` has the memory of `api`.
        (billed + acted * SETTLED_S) * (CPU_USD + API_GIB * GIB_USD)
        + triggered * (CPU_USD + TRIGGER_GIB * GIB_USD)
        + training_s / day * (2 * CPU_USD + TRAINING_GIB * GIB_USD)
    )
    requests = Usage(requests=listed + 2 * acted)
    # A run of `monitor` and a training read each document once.
    each = STATE.times(STATES) + REMEMBERED.times(VIEWS) + OTHER.times(PAGES) + Usage(reads=2 * interactions)
    slot_s = SLOT.total_seconds()
    settled = _touched(active * VIEWS / day * slot_s, events) / slot_s
    # A look goes back a minute before the last one.
    looks = (refresh_s + 60) / refresh_s
    states = _touched(active * STATES / day * (refresh_s + 60), events) / refresh_s
    counts = Usage(writes=settled, reads=in_use * (4 / refresh_s + states + settled * looks))
    stored_gib = (kept * DOCUMENT_BYTES + active * STORED * PERSON_BYTES) / 2**30
    ledger_gb = kept * ROW_BYTES / 1e9
    return Capacity(
        interactions_per_s=acted,
        peak_per_s=acted * PEAK,
        kept=kept,
        instances=math.ceil(api_s * PEAK / UTILISATION),
        triggers=math.ceil(acted * PEAK * TRIGGER_S / UTILISATION),
        run_usd=(run + requests.usd(prices)) * MONTH_S,
        interactions_usd=each.times(active / day).usd(prices) * MONTH_S,
        lists_usd=LIST_OF_USER.times(listed).usd(prices) * MONTH_S,
        counts_usd=counts.usd(prices) * MONTH_S,
        stored_usd=stored_gib * STORED_USD + ledger_gb * OBJECTS_USD,
    )


def _at_least_one(per_s: float, seconds: float) -> float:
    """Share of time in which at least one of `per_s` random requests a second came in the latest `seconds`."""
    return 1 - math.exp(-per_s * seconds)


def _touched(interactions: float, events: int) -> float:
    """Distinct events of some interactions, if all events were equally likely: more than of real ones."""
    return events * (1 - math.exp(-interactions / events))


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the capacity table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument(
        "--active", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000, 4_000_000], help="users a day"
    )
    parser.add_argument(
        "--events", type=int, nargs="+", default=[500, 2_000, 20_000, 100_000, 400_000], help="events, of each size"
    )
    parser.add_argument(
        "--refresh-s", type=float, default=Settings().refresh_s, help="MARQUEE_REFRESH_S (default: %(default)g)"
    )
    given = parser.parse_args(arguments)
    if len(given.active) != len(given.events) or min(*given.active, *given.events, given.refresh_s) <= 0:
        parser.error("--active and --events: expected as many positive numbers of each, and --refresh-s positive")
    rows = []
    for active, events in zip(given.active, given.events, strict=True):
        found = capacity(active, events, Prices(), given.refresh_s)
        parts = (found.run_usd, found.lists_usd, found.interactions_usd, found.counts_usd, found.stored_usd, found.usd)
        beyond = "*" if found.peak_per_s > MAX_INTERACTIONS else ""
        rows.append(
            [
                *(f"{active:,}", f"{events:,}", _rate(found.interactions_per_s), _rate(found.peak_per_s) + beyond),
                f"{found.kept / 1e6:,.0f}" + ("†" if found.kept > MEASURED else ""),
                *(f"{found.instances:,}", f"{found.triggers:,}", f"{found.instances * API_GIB:,g}"),
                *(f"{usd:,.0f}" for usd in parts),
            ]
        )
    header = ["active", "events", "a second", "at peak", "ledger M", "api", "interaction", "GiB"]
    print(table([*header, "run $", "lists $", "interactions $", "counts $", "stored $", "a month $"], rows))
    print(f"* more than the {MAX_INTERACTIONS} a second that Firestore takes")
    print(f"† ledger of more than the {MEASURED / 1e6:,.0f} million interactions of which a training was measured")
    return 0


if __name__ == "__main__":
    sys.exit(main())
