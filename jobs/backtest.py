"""Backtest: top-k lists of all users of a CSV folder as of a cutoff time: `python -m jobs.backtest`."""

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from jobs.console import Console
from jobs.folder import read_dataset
from jobs.options import ReadingOptions, add_arguments, reading_parser
from shared.entities import User, fields
from shared.errors import InvalidField, MarqueeError
from shared.evaluation.holdout import candidate_rows
from shared.models.registry import MODELS
from shared.ranking.batch import recommend_batch
from shared.services.training.dataset import fit
from shared.settings import Settings

_MAX_HORIZON_DAYS: Final = 36_500
_COLUMNS: Final = ("user_id", "event_id", "rank", "score")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the backtest; returns the exit status."""
    parser = reading_parser(
        "jobs.backtest",
        "Train on the interactions of a CSV folder before the cutoff and write, for every user, the best "
        "events that start after the cutoff and were known by then. Interactions at or after the cutoff are not read.",
        example="FOLDER --cutoff 2026-04-16T00:00:00Z",
    )
    parser.add_argument("folder", type=Path, help="folder with events.csv, users.csv and interactions.csv")
    parser.add_argument("--cutoff", required=True, help="time that counts as now, such as 2016-04-16T00:00:00Z")
    parser.add_argument("--k", type=int, default=10, help="length of each list, 1..1000 (default: %(default)s)")
    parser.add_argument(
        "--per-series", type=int, help="at most this many dates of a series in a list, 1..1000 (default: all)"
    )
    parser.add_argument("--horizon-days", type=float, help="only events that start within this many days")
    parser.add_argument(
        "--announced-later",
        action="store_true",
        help="also list events created after the cutoff, for data whose created_at is not the announcement",
    )
    parser.add_argument("--model", choices=MODELS, default=Settings().model, help="(default: %(default)s)")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the negative sampling from which the blend learns its weights, 0..2**32-1 "
        "(default: %(default)s); report means over several seeds",
    )
    parser.add_argument("--out", type=Path, default=Path("recs.csv"), help="CSV to write (default: %(default)s)")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        cutoff = fields.required_time({"--cutoff": given.cutoff}, "--cutoff")
        if not 1 <= given.k <= 1_000:
            raise InvalidField("--k", given.k, "a whole number in 1..1000")
        if given.per_series is not None and not 1 <= given.per_series <= 1_000:
            raise InvalidField("--per-series", given.per_series, "a whole number in 1..1000")
        if not 0 <= given.seed < 2**32:
            raise InvalidField("--seed", given.seed, f"a whole number in 0..{2**32 - 1}")
        fields.number({"--horizon-days": given.horizon_days}, "--horizon-days", low=0, high=_MAX_HORIZON_DAYS)
        options = ReadingOptions.parse(given)
    except InvalidField as error:
        parser.error(str(error))
    try:
        _backtest(given, cutoff, options, console)
    except (MarqueeError, OSError) as error:
        console.say(f"error: {error}")
        return 1
    return 0


def _backtest(given: argparse.Namespace, cutoff: datetime, options: ReadingOptions, console: Console) -> None:
    data = read_dataset(given.folder, console, before=cutoff, options=options)
    started = time.perf_counter()
    recommender, catalog, past = fit(
        data,
        model=given.model,
        now=cutoff,
        half_life_days=Settings().half_life_days,
        seed=given.seed,
        calendar=options.calendar(),
    )
    console.say(f"fitted {given.model} on {len(past):,} interactions in {time.perf_counter() - started:.2f} s")
    candidates = candidate_rows(
        catalog,
        cutoff.timestamp(),
        horizon_days=given.horizon_days,
        known_by_s=np.inf if given.announced_later else None,
    )
    user_ids = sorted({*data.users, *past.users.ids()})
    profiles = data.profiled()
    users = [profiles.get(user_id) or User(user_id=user_id) for user_id in user_ids]
    started = time.perf_counter()
    with given.out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        done = 0
        lists = recommend_batch(
            recommender, users, past, candidates, now=cutoff, k=given.k, per_series=given.per_series
        )
        for chunk, rows, scores in lists:
            for user, user_rows, user_scores in zip(chunk, rows, scores, strict=True):
                event_ids = catalog.events.ids(user_rows[user_rows >= 0])
                writer.writerows(
                    (user.user_id, event_id, rank, f"{score:.6g}")
                    for rank, (event_id, score) in enumerate(zip(event_ids, user_scores, strict=False), 1)
                )
            done += len(chunk)
            console.progress(f"recommended for {done:,} of {len(users):,} users")
    seconds = time.perf_counter() - started
    console.say(f"wrote {given.out}: {len(users):,} users × {len(candidates):,} candidates in {seconds:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
