"""Two-stage benchmark: latency, memory and recall of lists of many live events: `python -m benchmarks.stages`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks import live_events, market
from benchmarks.folds import Plan, folds
from benchmarks.runs import Results, memory_mb, need_disk, report, run
from jobs.console import Console
from shared.entities import Event, HistoryEntry, InteractionType, Location, Profile, Rules, User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.history import Histories
from shared.models.scorer import Staged
from shared.ranking.filters import WEEK, WEEKEND, Filters
from shared.ranking.query import ListQuery, RankedList, Viewer
from shared.ranking.recommender import Recommender
from shared.ranking.shortlist import LENGTH, Wanted, ranked
from shared.services.serving.cache import CachedRecommender
from shared.services.serving.memory import give_back
from shared.services.training.dataset import TrainingSet
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

_BYTES_PER_EVENT: Final = 2_000
_IN_CLUSTER: Final = 0.8
"""Share of a history within one kind of events, as in the market."""
_CHANGED: Final = 100
"""Events changed at once."""
_TYPES: Final = (InteractionType.VIEW, InteractionType.CLICK, InteractionType.SAVE, InteractionType.BOOKING)
_ALL: Final = "no filter"

_FILTERS: Final[Mapping[str, Filters]] = {
    _ALL: Filters(),
    "category": Filters(category=("category 3",)),
    "tag": Filters(tags=("ba",)),
    "week": Filters(when=WEEK),
    "weekend": Filters(when=WEEKEND),
    "two days": Filters(since=market.NOW + timedelta(days=100), until=market.NOW + timedelta(days=102)),
    "near": Filters(near=Location(41.9, -87.7), radius_km=3),
    "free": Filters(max_price=0.0),
    "city": Filters(city=("chicago",)),
    "category, week, near": Filters(category=("category 3",), when=WEEK, near=Location(41.9, -87.7), radius_km=5),
}
"""Filters of the lists of the synthetic market."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the two-stage benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stages",
        description="Make lists of many live events in two stages: milliseconds, memory, and the share of the exact "
        "top ten that they hold, without and with filters. With a folder of CSV files: that share for its users.",
    )
    parser.add_argument("folder", type=Path, nargs="?", help="CSV folder in place of the synthetic market")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000], help="numbers of live events")
    parser.add_argument("--users", type=int, default=60, help="users of each list (default: %(default)s)")
    parser.add_argument("--length", type=int, default=LENGTH, help="events of a shortlist (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the market and its model for later runs")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(*given.events, given.users, given.length) < 1:
        parser.error("--events, --users and --length: expected at least 1")

    def measure() -> Results:
        if given.folder:
            found = _real(given.folder, given.users, given.length)
            report(f"{found['candidates']:,} candidates, {found['users']} users: recall {found['recall']:.4f}")
            yield found
            return
        rows: list[dict[str, Any]] = []
        with tempfile.TemporaryDirectory(prefix="marquee-stages-") as folder:
            need_disk(given.work or Path(folder), sum(given.events) * _BYTES_PER_EVENT)
            for live in given.events:
                made = live_events.recommender(given.work or Path(folder), live=live)
                for row in _measure(made, live, given.users, given.length):
                    report("  ".join(f"{name} {value}" for name, value in row.items()))
                    rows.append(row)
                    yield {"length": given.length, "rows": rows}

    return run(measure, lambda _: None, given.out)


def _measure(recommender: Recommender, live: int, users: int, length: int) -> Iterator[dict[str, Any]]:
    model, now = CachedRecommender(recommender), market.NOW
    prepare_s = _cpu_s(lambda: model.prepare(now))
    candidates = model.live(now).candidates
    viewers = [Viewer.of(profile, recommender.catalog, now) for profile in _profiles(recommender, users)]
    row: dict[str, Any] = {"live_events": live, "prepare_cpu_s": prepare_s}
    row |= {"next_minute_cpu_s": _cpu_s(lambda: model.prepare(now + timedelta(minutes=1)))}
    waits = {
        name: [_timed(_wanted(viewer, filters), recommender, candidates, length) for viewer in viewers]
        for name, filters in _FILTERS.items()
    }
    give_back()
    row["rss_mb"] = round(memory_mb(os.getpid()))
    yield row
    for name, change in (("edited", _edited), ("new", _new)):
        events = change(recommender)
        # The second time, as each look but the first ones.
        model = model.with_events(events)
        model.prepare(now)
        changed = model
        again = [replace(event, title=f"{event.title} again") for event in events]
        yield {
            "live_events": live,
            "change": name,
            "events": len(events),
            "cpu_s": _cpu_s(partial(_taken, changed, again)),
        }
    for name, filters in _FILTERS.items():
        exact = [_timed_exact(_wanted(viewer, filters), recommender, candidates) for viewer in viewers]
        pairs = zip(waits[name], exact, strict=True)
        hits = [_recall(listed, best) for (_, listed), (_, best) in pairs]
        p50, p95 = np.percentile([ms for ms, _ in waits[name]], [50, 95]).round(1).tolist()
        yield {
            "live_events": live,
            "filter": name,
            "p50_ms": p50,
            "p95_ms": p95,
            "all_scored_p50_ms": round(float(np.median([ms for ms, _ in exact])), 1),
            "recall": round(float(np.mean(hits)), 4),
        }


def _real(folder: Path, users: int, length: int) -> dict[str, Any]:
    """Recall for users of a folder, of which all events are candidates, over or not: few are to come at a time."""
    fold = next(iter(folds(folder, Plan(), Console(sys.stderr)))).sample(users)
    trained = TrainingSet.of(fold.data, now=fold.cutoff).fit("blend", fold.cutoff, half_life_days=90.0)
    everyone = Histories.of_table(fold.users(), fold.past, fold.cutoff, newest=MAX_HISTORY)
    candidates, hits = trained.candidates(np.arange(len(trained.catalog)), fold.cutoff), list[float]()
    for user in range(len(fold.user_ids)):
        batch = UserBatch(everyone.part(user, user + 1), candidates)
        stages = cast("Staged", trained.scorer).stages(batch)
        best = np.argsort(-trained.scorer.score(batch)[0], kind="stable")[:10]
        shortlist = np.argsort(-stages.estimates, kind="stable")[:length]
        hits.append(float(np.isin(best, shortlist).mean()))
    return {
        "candidates": len(candidates),
        "users": len(hits),
        "length": length,
        "recall": round(float(np.mean(hits)), 4),
    }


def _taken(model: CachedRecommender, events: Sequence[Event]) -> None:
    model.with_events(events).prepare(market.NOW)


def _edited(recommender: Recommender) -> list[Event]:
    """Live events with other texts, tags, prices and starts."""
    catalog = recommender.catalog
    rows = np.random.default_rng(1).choice(np.flatnonzero(catalog.live(market.NOW)), _CHANGED, replace=False)
    names = {name: catalog.fields[name].names.ids(catalog.fields[name].at(rows)) for name in ("organizer", "venue")}
    return [
        Event(
            event_id=event_id,
            title=f"bado {title}",
            description=f"{title} kufa",
            category="category 3",
            subcategory="kind 3",
            tags=("ba", "be"),
            organizer_id=organizer,
            venue_id=venue,
            city="Chicago",
            location=Location(float(catalog.lat[row]), float(catalog.lng[row])),
            starts_at=market.NOW + timedelta(days=3, minutes=int(row) % 1_000),
            price=float(row % 50),
            created_at=market.NOW - timedelta(days=1),
        )
        for event_id, title, organizer, venue, row in zip(
            catalog.events.ids(rows),
            (catalog.titles.at(row) for row in rows.tolist()),
            names["organizer"],
            names["venue"],
            rows.tolist(),
            strict=True,
        )
    ]


def _new(recommender: Recommender) -> list[Event]:
    return [replace(event, event_id=f"new_{event.event_id}") for event in _edited(recommender)]


def _wanted(viewer: Viewer, filters: Filters) -> Wanted:
    query, rules = ListQuery(filters=filters), Rules()
    return Wanted(viewer=viewer, query=query, rules=rules, placements=rules, now=market.NOW)


def _timed(
    wanted: Wanted, recommender: Recommender, candidates: Candidates, length: int
) -> tuple[float, NDArray[np.int64]]:
    """Milliseconds of a list of a user of whom nothing is cached, and its event rows."""
    began = time.perf_counter()
    listed = _two_stage(wanted, recommender, candidates, length)
    return 1e3 * (time.perf_counter() - began), listed.rows


def _two_stage(wanted: Wanted, recommender: Recommender, candidates: Candidates, length: int) -> RankedList:
    scorer = cast("Staged", recommender.scorer)
    return ranked(
        wanted,
        candidates,
        lambda: scorer.stages(UserBatch(wanted.viewer.histories, candidates)),
        lambda: np.empty(0, np.int64),
        {},
        length=length,
    )


def _timed_exact(wanted: Wanted, recommender: Recommender, candidates: Candidates) -> tuple[float, NDArray[np.int64]]:
    """Milliseconds of a list for which all are scored, and its event rows."""
    began = time.perf_counter()
    listed = wanted.list_of(candidates, recommender.score(wanted.viewer, candidates))
    return 1e3 * (time.perf_counter() - began), listed.rows


def _recall(listed: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """Share of the exact list that a list holds, 1 where there is nothing to list."""
    return float(np.isin(exact, listed).mean()) if len(exact) else 1.0


def _cpu_s(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return round(time.process_time() - began, 3)


def _profiles(recommender: Recommender, count: int) -> list[Profile]:
    """Users whose histories are mostly of one kind of events, as those of the market."""
    catalog, rng = recommender.catalog, np.random.default_rng(0)
    kinds, rows = catalog.fields["subcategory"].codes, np.flatnonzero(np.isfinite(catalog.starts_at))
    profiles = []
    for number in range(count):
        size = int(np.clip(rng.lognormal(2, 1), 1, MAX_HISTORY))
        alike = rows[kinds[rows] == kinds[rng.choice(rows)]]
        chosen = np.where(rng.random(size) < _IN_CLUSTER, rng.choice(alike, size), rng.choice(rows, size))
        ages = np.sort(rng.exponential(30, size)).tolist()
        entries = [
            HistoryEntry(kind, market.NOW - timedelta(days=age), event_id)
            for kind, age, event_id in zip(
                rng.choice(np.array(_TYPES, object), size), ages, catalog.events.ids(chosen), strict=True
            )
        ]
        home = Location(41.6 + 0.6 * rng.random(), -88 + 0.6 * rng.random()) if number % 2 else None
        profiles.append(Profile(User(user_id=f"user_{number}", city="Chicago", location=home), tuple(entries)))
    return profiles


if __name__ == "__main__":
    sys.exit(main())
