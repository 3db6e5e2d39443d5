"""Synthetic data: CSV files of a generated city: `python -m jobs.sample FOLDER`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from jobs.city.behaviour import behave
from jobs.city.files import write_files
from jobs.city.offers import Offers
from jobs.city.people import build_people, profiles
from jobs.city.programme import build_programme
from jobs.city.themes import read_themes
from jobs.console import Console
from shared.entities import fields
from shared.errors import InvalidField, MarqueeError

MAX_USERS: Final = 1_000_000
MAX_EVENTS: Final = 1_000_000
MAX_INTERACTIONS: Final = 10_000_000
_MAX_SEED: Final = 2**63 - 1
_EARLIEST: Final = datetime(1975, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2199, 1, 1, tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the generator; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.sample",
        description="Write events.csv, users.csv and interactions.csv of a synthetic city. Deterministic: "
        "equal options with an equal --now give equal bytes. Users have preferences that a model can learn.",
    )
    parser.add_argument("folder", type=Path, help="output folder; created if missing, existing files are replaced")
    parser.add_argument("--users", type=int, default=99, help=f"number of users, 1..{MAX_USERS} (default: %(default)s)")
    parser.add_argument(
        "--events", type=int, default=50, help=f"number of events, 1..{MAX_EVENTS} (default: %(default)s)"
    )
    parser.add_argument(
        "--interactions", type=int, default=467, help=f"0..{MAX_INTERACTIONS} rows (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the generator (default: %(default)s)")
    parser.add_argument(
        "--now",
        metavar="TIME",
        help="time that counts as now, such as 2026-05-01T12:00:00Z (default: the clock)",
    )
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        now = fields.required_time({"--now": given.now or datetime.now(UTC)}, "--now")
        write_sample(
            given.folder,
            users=given.users,
            events=given.events,
            interactions=given.interactions,
            seed=given.seed,
            now=now,
        )
    except InvalidField as error:
        parser.error(str(error))
    except (MarqueeError, OSError) as error:
        console.say(f"error: {error}")
        return 1
    console.say(
        f"wrote {given.folder}: {given.users:,} users, {given.events:,} events, {given.interactions:,} interactions"
    )
    return 0


def write_sample(folder: Path, *, users: int, events: int, interactions: int, seed: int, now: datetime) -> None:
    """Synthetic data set: write events.csv, users.csv and interactions.csv into `folder`, replacing existing files.

    Raises `InvalidField` naming the invalid option.

    Parameters
    ----------
    folder : output folder, created if missing.
    users, events, interactions : exact number of rows of each file.
    seed : seed of the generator; equal arguments with an equal seed and `now` give equal bytes.
    now : aware time; about 60 % of the events start before it, every interaction occurs before it.
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
    programme = build_programme(for_programme, themes, count=events, now=now)
    people = build_people(for_people, themes, users)
    offers = Offers.of(for_offers, programme, themes)
    rows = behave(for_behaviour, people, offers, count=interactions, now_s=int(now.timestamp()))
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder, themes, programme, profiles(for_profiles, themes, people, now=now), rows)


if __name__ == "__main__":
    sys.exit(main())
