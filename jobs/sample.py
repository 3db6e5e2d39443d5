"""Synthetic data: CSV files of a generated city: `python -m jobs.sample FOLDER`."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from jobs.city.behaviour import behave
from jobs.city.files import write_files
from jobs.city.offers import Offers
from jobs.city.people import build_people, profiles
from jobs.city.programme import build_programme
from jobs.city.themes import read_themes
from jobs.commandline import Job, run
from jobs.console import Console, Task
from shared.entities import fields
from shared.errors import InvalidField

USERS: Final = 2_000
"""Users of the default city: enough of them act in its latest days to tell a model from popularity."""
EVENTS: Final = 1_000
INTERACTIONS: Final = 20_000
MAX_USERS: Final = 1_000_000
MAX_EVENTS: Final = 1_000_000
MAX_INTERACTIONS: Final = 10_000_000
_UNSEEN: Final = Task()
_MAX_SEED: Final = 2**63 - 1
_EARLIEST: Final = datetime(1975, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2199, 1, 1, tzinfo=UTC)


def city_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Options of a synthetic city: `users`, `events`, `interactions` and `seed`."""
    for option in (
        click.option("--seed", type=int, default=1, show_default=True, help="seed of the generated city"),
        click.option(
            "--interactions",
            type=int,
            default=INTERACTIONS,
            show_default=True,
            help=f"number of interactions, 0..{MAX_INTERACTIONS}",
        ),
        click.option(
            "--events", type=int, default=EVENTS, show_default=True, help=f"number of events, 1..{MAX_EVENTS}"
        ),
        click.option("--users", type=int, default=USERS, show_default=True, help=f"number of users, 1..{MAX_USERS}"),
    ):
        callback = option(callback)
    return callback


@click.command(
    "sample",
    cls=Job,
    help="Write events.csv, users.csv and interactions.csv of a synthetic city into FOLDER, which is created if "
    "missing; existing files are replaced. Deterministic: equal options with an equal --now give equal bytes. Users "
    "have preferences that a model can learn.",
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@city_options
@click.option(
    "--now", metavar="TIME", help="time that counts as now, such as 2026-05-01T12:00:00Z (default: the clock)"
)
def command(*, folder: Path, users: int, events: int, interactions: int, seed: int, now: str | None) -> None:
    """Synthetic city in a folder."""
    console, at = Console(), fields.required_time({"--now": now or datetime.now(UTC)}, "--now")
    with console.task("generating a city") as task:
        write_sample(folder, users=users, events=events, interactions=interactions, seed=seed, now=at, task=task)
    console.say(f"wrote {folder}: {users:,} users, {events:,} events, {interactions:,} interactions")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the generator; returns the exit status."""
    return run(command, arguments, name="python -m jobs.sample")


def write_sample(
    folder: Path, *, users: int, events: int, interactions: int, seed: int, now: datetime, task: Task = _UNSEEN
) -> None:
    """Synthetic data set: write events.csv, users.csv and interactions.csv into `folder`, replacing existing files.

    Raises `InvalidField` naming the invalid option.

    Parameters
    ----------
    folder : output folder, created if missing.
    users, events, interactions : exact number of rows of each file.
    seed : seed of the generator; equal arguments with an equal seed and `now` give equal bytes.
    now : aware time; about 60 % of the events start before it, every interaction occurs before it.
    task : where progress is shown.
    """
    for name, value, low, high in (
        ("--users", users, 1, MAX_USERS),
        ("--events", events, 1, MAX_EVENTS),
        ("--interactions", interactions, 0, MAX_INTERACTIONS),
        ("--seed", seed, 0, _MAX_SEED),
    ):
        if not low <= value <= high:
            raise InvalidField(name, value, f"a whole number in {low}..{high}")
    now = fields.required_time({"--now": now}, "--now").replace(microsecond=0)
    if not _EARLIEST <= now < _LATEST:
        raise InvalidField("--now", now.isoformat(), "a time between 1975 and 2199")
    # A random stream per step: another number of interactions does not change the users and events.
    for_programme, for_people, for_profiles, for_offers, for_behaviour = np.random.default_rng(seed).spawn(5)
    themes = read_themes()
    # Shares of the time, measured with 50,000 users, 5,000 events and 500,000 interactions.
    task.update(0.0, now="generating events")
    programme = build_programme(for_programme, themes, count=events, now=now)
    task.update(0.07, events, now="generating users")
    people = build_people(for_people, themes, users)
    task.update(0.11, users, now="generating interactions")
    offers = Offers.of(for_offers, programme, themes)
    rows = behave(for_behaviour, people, offers, count=interactions, now_s=int(now.timestamp()))
    task.update(0.7, interactions, now="writing")
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder, themes, programme, profiles(for_profiles, themes, people, now=now), rows)


if __name__ == "__main__":
    sys.exit(main())
