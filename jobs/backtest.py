"""Backtest: top-k lists of all users of a CSV folder as of a cutoff time: `python -m jobs.backtest`."""

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from jobs.commandline import Job, OutputFile, run
from jobs.console import Console
from jobs.folder import read_dataset
from jobs.options import ReadingOptions, reading_help, reading_options
from shared.entities import User, fields
from shared.errors import InvalidField
from shared.evaluation.holdout import candidate_rows
from shared.models.registry import MODELS
from shared.ranking.batch import recommend_batch
from shared.services.training.dataset import fit
from shared.settings import Settings

_MAX_HORIZON_DAYS: Final = 36_500
_MAX_LENGTH: Final = 1_000
_COLUMNS: Final = ("user_id", "event_id", "rank", "score")


@click.command(
    "backtest",
    cls=Job,
    help=reading_help(
        "Train on the interactions of FOLDER before the cutoff and write, for every user, the best events that start "
        "after the cutoff and were known by then. Interactions at or after the cutoff are not read.",
        example="FOLDER --cutoff 2026-04-16T00:00:00Z",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--cutoff", required=True, metavar="TIME", help="time that counts as now, such as 2016-04-16T00:00:00Z")
@click.option("--k", type=int, default=10, show_default=True, help="length of each list, 1..1000")
@click.option("--per-series", type=int, help="at most this many dates of a series in a list, 1..1000 (default: all)")
@click.option("--horizon-days", type=float, help="only events that start within this many days")
@click.option(
    "--announced-later",
    is_flag=True,
    help="also list events created after the cutoff, for data whose created_at is not the announcement",
)
@click.option(
    "--model", type=click.Choice(list(MODELS)), default=Settings().model, show_default=True, help="model to train"
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="seed of the negative sampling from which the blend learns its weights, 0..2**32-1; report means over "
    "several seeds",
)
@click.option("--out", type=OutputFile(), metavar="FILE", default="recs.csv", show_default=True, help="CSV to write")
@reading_options()
def command(**given: Any) -> None:
    """Lists of all users as of a cutoff time in the past."""
    _backtest(_Wanted(**given), Console())


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the backtest; returns the exit status."""
    return run(command, arguments, name="python -m jobs.backtest")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Parameters of a backtest, see the options of `command`."""

    folder: Path
    cutoff: str
    k: int
    per_series: int | None
    horizon_days: float | None
    announced_later: bool
    model: str
    seed: int
    out: Path
    options: ReadingOptions

    def __post_init__(self) -> None:
        if not 1 <= self.k <= _MAX_LENGTH:
            raise InvalidField("--k", self.k, f"a whole number in 1..{_MAX_LENGTH}")
        if self.per_series is not None and not 1 <= self.per_series <= _MAX_LENGTH:
            raise InvalidField("--per-series", self.per_series, f"a whole number in 1..{_MAX_LENGTH}")
        if not 0 <= self.seed < 2**32:
            raise InvalidField("--seed", self.seed, f"a whole number in 0..{2**32 - 1}")
        fields.number({"--horizon-days": self.horizon_days}, "--horizon-days", low=0, high=_MAX_HORIZON_DAYS)


def _backtest(wanted: _Wanted, console: Console) -> None:
    cutoff = fields.required_time({"--cutoff": wanted.cutoff}, "--cutoff")
    data = read_dataset(wanted.folder, console, before=cutoff, options=wanted.options)
    started = time.perf_counter()
    with console.task(f"training {wanted.model}"):
        recommender, catalog, past = fit(
            data,
            model=wanted.model,
            now=cutoff,
            half_life_days=Settings().half_life_days,
            seed=wanted.seed,
            calendar=wanted.options.calendar(),
        )
    console.say(f"fitted {wanted.model} on {len(past):,} interactions in {time.perf_counter() - started:.2f} s")
    candidates = candidate_rows(
        catalog,
        cutoff.timestamp(),
        horizon_days=wanted.horizon_days,
        known_by_s=np.inf if wanted.announced_later else None,
    )
    user_ids = sorted({*data.users, *past.users.ids()})
    profiles = data.profiled()
    users = [profiles.get(user_id) or User(user_id=user_id) for user_id in user_ids]
    started = time.perf_counter()
    with wanted.out.open("w", newline="", encoding="utf-8") as stream, console.task("recommending") as task:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        done = 0
        lists = recommend_batch(
            recommender, users, past, candidates, now=cutoff, k=wanted.k, per_series=wanted.per_series
        )
        for chunk, rows, scores in lists:
            for user, user_rows, user_scores in zip(chunk, rows, scores, strict=True):
                event_ids = catalog.events.ids(user_rows[user_rows >= 0])
                writer.writerows(
                    (user.user_id, event_id, rank, f"{score:.6g}")
                    for rank, (event_id, score) in enumerate(zip(event_ids, user_scores, strict=False), 1)
                )
            done += len(chunk)
            task.update(done / len(users), done)
    seconds = time.perf_counter() - started
    console.say(f"wrote {wanted.out}: {len(users):,} users × {len(candidates):,} candidates in {seconds:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
