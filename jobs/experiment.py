"""Analysis of an experiment on the terminal, or as JSON: `python -m jobs.experiment ID`."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, run
from jobs.report import number, percent, table_of
from shared.adapters.stores import open_objects
from shared.services.monitoring.experiments import analysis_of

if TYPE_CHECKING:  # the import takes a tenth of a second, which the help need not wait for
    from rich.console import RenderableType
    from rich.table import Table

_NONE: Final = "–"
_LOOKS: Final = 14
"""Latest days of which the interval is shown."""


@click.command(
    "experiment",
    cls=Job,
    help="Show which variant of the experiment ID is better, as of the last day that is over: the verdict, the figures "
    "of each variant, and their differences to the control with intervals that hold on all days at once.",
)
@click.argument("experiment_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="print the analysis as the API returns it")
@places.objects_option
def command(*, experiment_id: str, as_json: bool, objects: str | None) -> None:
    """Analysis in the bucket of the settings or of the option."""
    settings = places.with_objects(wiring.read_settings(os.environ), objects)
    analysis = analysis_of(open_objects(settings.objects), experiment_id)
    if analysis is None:
        raise click.ClickException(
            f"there is no analysis of {experiment_id!r} in {settings.objects}: no experiment has this id, or its first "
            "day is not over yet, after which `monitor` makes one"
        )
    if as_json:
        click.echo(json.dumps(analysis, indent=1))
        return
    from rich.console import Console

    # Names are texts of others, in which brackets mean nothing.
    console = Console(file=sys.stdout, highlight=False, markup=False)
    for part in shown(analysis):
        console.print(part)


def shown(analysis: Mapping[str, Any]) -> Iterator["RenderableType"]:
    """Parts of an analysis for people."""
    yield f"{analysis['experiment_id']}, after {analysis['day']}\n{analysis['verdict']['text']}\n"
    yield _arms(analysis["arms"])
    yield _comparisons(analysis["comparisons"], analysis["metric"])
    ratio = analysis["sample_ratio"]
    yield f"Users are split {'NOT ' if ratio['is_mismatch'] else ''}as the shares say (p = {ratio['p_value']:.2g}).\n"
    for each in analysis["guardrails"]:
        state = "BROKEN" if each["is_broken"] else "not broken"
        yield f"Guardrail {each['guardrail']} of {each['arm']} {state}: {each['found']}."
    yield _looks(analysis["history"], analysis["metric"])


def _arms(arms: Sequence[Mapping[str, Any]]) -> "Table":
    columns = ("users", "impressions", "clicks", "CTR", "bookings", "conversion", "per user", "stars", "p95 ms")
    table = table_of("Variants", "variant", *columns)
    for arm in arms:
        latency = arm["latency_p95_s"]
        table.add_row(
            arm["name"],
            *(number(arm[name]) for name in ("users", "impressions", "clicks")),
            percent(arm["ctr"]),
            number(arm["bookings"]),
            percent(arm["conversion"]),
            _digits(arm["bookings_per_user"], 3),
            _digits(arm["stars"], 2),
            _digits(None if latency is None else latency * 1_000, 1),
        )
    return table


def _comparisons(comparisons: Sequence[Mapping[str, Any]], metric: str) -> "Table":
    table = table_of("Relative to the control", "variant", "metric", "change", "from", "to", "p")
    for each in comparisons:
        bounds = (each[name] for name in ("relative", "relative_low", "relative_high"))
        table.add_row(
            each["arm"],
            each["metric"],
            *(_NONE if value is None else f"{value:+.1%}" for value in bounds),
            f"{each['p_value']:.2g}",
            style="bold" if each["metric"] == metric else None,
        )
    return table


def _looks(history: Sequence[Mapping[str, Any]], metric: str) -> "Table":
    table = table_of(f"Difference of {metric} by day", "day", "variant", "difference", "from", "to")
    days = sorted({look["day"] for look in history})[-_LOOKS:]
    for look in history:
        if look["day"] in days:
            values = (look[name] for name in ("difference", "low", "high"))
            table.add_row(look["day"], look["arm"], *(_NONE if value is None else f"{value:+.5f}" for value in values))
    return table


def _digits(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line that shows an analysis; returns the exit status."""
    return run(command, arguments, name="python -m jobs.experiment")


if __name__ == "__main__":
    sys.exit(main())
