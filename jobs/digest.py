"""Digest of the ledger, from which a training of any size learns: `python -m jobs.digest`."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, run
from jobs.console import Console
from jobs.retrain import shown_on
from shared.adapters.engines import ENGINES, open_digester
from shared.entities import fields
from shared.ledger.index import INTERACTIONS
from shared.services.training.make_digest import make_digest

_SHARES: Final = {
    "ledger compacted": 0.1,
    "users counted": 0.3,
    "users drawn": 0.6,
    "events summed": 0.9,
    "bookings summed": 0.95,
}
"""Share of a digest's time after which a step is done, measured with a million interactions."""


@click.command(
    "digest",
    cls=Job,
    interrupted="interrupted; no digest was made, and the next one begins anew",
    help="Read new documents and reduce the ledger to sums and a sample of users, for `train --from-digest`. More than "
    "ten million interactions need duckdb (one machine) or spark (a cluster).",
)
@places.store_option
@places.objects_option
@click.option("--engine", type=click.Choice(list(ENGINES)), default="numpy", help="what reads it (default: numpy)")
@click.option("--master", metavar="ADDRESS", help="Spark's master, such as local[2] or spark://HOST:7077")
@click.option(
    "--memory", metavar="SIZE", default="2GB", help="memory of DuckDB, as 2GB (default); the rest goes to disk"
)
@click.option("--at", metavar="TIME", help="time as of which models are trained from it (default: now)")
def command(
    *, store: str | None, objects: str | None, engine: str, master: str | None, memory: str, at: str | None
) -> None:
    """Digest with the stores of the settings or of the options."""
    scheduled_at = fields.time({"--at": at}, "--at")
    settings = places.named(wiring.read_settings(os.environ), documents=store, objects=objects)
    if master and engine != "spark":
        raise click.UsageError("--master: expected with --engine spark")
    digester = open_digester(engine, settings.objects, master=master, memory=memory)
    wired = wiring.build(settings)
    console = Console()
    with console.task("digest") as task:
        made = make_digest(
            wiring.trainer(wired, shown_on(task, console, _SHARES)),
            digester,
            now=scheduled_at or wired.now(),
            keep_days=settings.keep_days,
        )
    sample = made.files[INTERACTIONS]
    click.echo(
        f"digest of {made.interactions:,} interactions as of {made.now:%Y-%m-%dT%H:%M:%SZ}, made by {made.engine}; "
        f"the sample has {sample.rows:,} of them\nnow: marquee train --from-digest"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of a digest; returns the exit status."""
    return run(command, arguments, name="python -m jobs.digest")


if __name__ == "__main__":
    sys.exit(main())
