"""Training run from a shell: trains, compares and publishes a model: `python -m jobs.retrain`."""

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click

from functions import wiring
from jobs import outcome, places
from jobs.commandline import Job, run
from jobs.console import Console, Task
from shared.entities import fields
from shared.models.registry import MODELS
from shared.services.training import digests
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.ledger_update import TOO_LARGE
from shared.services.training.retrain import Plan, retrain
from shared.services.training.run import Report, Step

_SHARES: Final = {
    "lease taken": 0.02,
    "ledger compacted": 0.25,
    "ledger loaded": 0.3,
    "models compared": 0.65,
    "drift measured": 0.67,
    "model fitted": 0.93,
    "model checked": 0.97,
    "version uploaded": 0.99,
}
"""Share of a run's time after which a step is done, measured with 20,000 interactions in SQLite."""


@click.command(
    "train",
    cls=Job,
    interrupted="interrupted; what was in service stays, and the next training begins anew",
    help="Read new documents, compare models on the latest time window, publish the better model.",
)
@places.store_option
@places.objects_option
@click.option("--model", type=click.Choice(list(MODELS)), help="model to publish (default: $MARQUEE_MODEL or blend)")
@click.option("--at", metavar="TIME", help="time that names the run and counts as now (default: now)")
@click.option("--reread", is_flag=True, help="read all documents again, into a new ledger")
@click.option("--from-digest", is_flag=True, help="learn from what `marquee digest` made, as of its time")
def command(
    *, store: str | None, objects: str | None, model: str | None, at: str | None, reread: bool, from_digest: bool
) -> None:
    """Training run with the stores of the settings or of the options."""
    if from_digest and (at or reread):
        raise click.UsageError("--from-digest: expected neither --at nor --reread, since a digest has its own time")
    scheduled_at = fields.time({"--at": at}, "--at")
    settings = places.named(wiring.read_settings(os.environ), documents=store, objects=objects)
    settings = dataclasses.replace(settings, model=model or settings.model)
    wired = wiring.build(settings)
    plan = Plan(
        model=settings.model,
        half_life_days=settings.half_life_days,
        challengers_s=settings.challengers_s,
        reread=reread,
        from_digest=from_digest,
        keep_days=settings.keep_days,
        calendar=wiring.calendar(settings),
        has_friends=settings.has_friends,
        prices=settings.prices,
    )
    if from_digest:
        scheduled_at = digests.current(wired.objects, LedgerFiles(wired.objects).ledger, now=wired.now()).now
    console = Console()
    with console.task("training") as task:
        document = retrain(
            wiring.trainer(wired, shown_on(task, console)), plan, scheduled_at=scheduled_at or wired.now()
        )
    tables = (outcome.details, outcome.groups, outcome.explored, outcome.models)
    click.echo("\n\n".join(text for part in tables for text in part(document)))


def shown_on(task: Task, console: Console, shares: Mapping[str, float] = _SHARES) -> Report:
    """Report of a training that shows each step as the progress of `task`; `shares` are those of its time by step.

    Warnings stay on `console`.
    """
    share = 0.0

    def show(step: Step) -> None:
        nonlocal share
        if step.name == TOO_LARGE:
            console.say(f"warning: {step.message}")
        share = max(share, shares.get(step.name, 0.0))
        task.update(share, now=step.message)

    return show


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of a training run; returns the exit status."""
    return run(command, arguments, name="python -m jobs.retrain")


if __name__ == "__main__":
    sys.exit(main())
