"""Daily reports on the terminal, or as JSON: `python -m jobs.report`."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, run
from shared.adapters.stores import open_objects
from shared.monitoring.forecast import HORIZON
from shared.monitoring.report import DailyReport
from shared.services.monitoring.reports import MAX_DAYS, asked_days, read_reports

if TYPE_CHECKING:  # the import takes a tenth of a second, which the help need not wait for
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_BARS: Final = "▁▂▃▄▅▆▇█"
_NONE: Final = "–"
_OF_ALL: Final = (
    *("organic_bookings", "recommended_share", "events_shown", "coverage", "gini", "cold_start_share", "left_out"),
)
"""Figures of feedback that are of all lists together."""
_SERIES: Final = 5
"""Series of bookings of a kind that are shown."""
_OPERATIONS: Final = 8
"""Operations of a day that are shown, those with the most requests."""


@click.command(
    "report",
    cls=Job,
    help="Show the daily reports of a period: alerts, requests, lists, what users did with them, the model and the "
    "price. The last day follows in detail. Days are those of UTC; the last one may be of the last hour.",
)
@click.option(
    "--from", "first", metavar="DAY", help="first day, such as 2026-05-01 (default: six days before the last)"
)
@click.option("--to", "last", metavar="DAY", help=f"last day, at most {MAX_DAYS - 1} days later (default: today)")
@click.option("--json", "as_json", is_flag=True, help="print the reports as the API returns them")
@places.objects_option
def command(*, first: str | None, last: str | None, as_json: bool, objects: str | None) -> None:
    """Reports in the bucket of the settings or of the option."""
    settings = places.with_objects(wiring.read_settings(os.environ), objects)
    since, until = asked_days(first, last, names=("--from", "--to"), now=datetime.now(UTC))
    reports = read_reports(open_objects(settings.objects), since, until)
    if as_json:
        documents = [report.to_document() for report in reports]
        click.echo(json.dumps({"from": since.isoformat(), "to": until.isoformat(), "reports": documents}, indent=1))
        return
    if not reports:
        click.echo(f"There are no reports from {since} to {until}; `monitor` makes them, an hour after its first run.")
        return
    from rich.console import Console

    # Names and reasons are texts of others, in which brackets mean nothing.
    console = Console(file=sys.stdout, highlight=False, markup=False)
    for part in shown(reports):
        console.print(part)


def shown(reports: Sequence[DailyReport]) -> Iterator["RenderableType"]:
    """Parts of the report for people: alerts, a line for each day, and the last day in detail."""
    last = reports[-1]
    yield from _alerts(reports)
    yield _days(reports)
    yield _feedback("Feedback", "day", {_named(report): report.sections.get("feedback", {}) for report in reports})
    state = "closed" if last.is_closed else f"as of {last.made_at:%H:%M} UTC"
    yield _bold(f"\n{last.day}, {state}")
    yield _hours(last)
    yield _operations(last)
    of_users: Mapping[str, Any] = last.sections.get("feedback", {}).get("by", {})
    for dimension in ("list", "segment", "model"):
        if of_users.get(dimension):
            yield _feedback(f"Feedback by {dimension}", dimension, of_users[dimension])
    if forecast := last.sections.get("forecast", {}):
        yield _forecast(forecast)
    for name, rows in _details(last):
        yield _facts(name, rows)


def _alerts(reports: Sequence[DailyReport]) -> Iterator["RenderableType"]:
    found = {(alert["alert"], alert["since"]): alert for report in reports for alert in report.alerts}
    if not found:
        yield "No alerts.\n"
        return
    table = table_of("Alerts", "alert", "since", "until", "value", "threshold", "unit")
    for alert in sorted(found.values(), key=lambda alert: str(alert["since"])):
        until = alert.get("until")
        table.add_row(
            str(alert["alert"]),
            _minute(alert["since"]),
            _minute(until) if until else "open",
            f"{alert['value']:.3g}",
            f"{alert['threshold']:.3g}",
            str(alert["unit"]),
            style=None if until else "red",
        )
    yield table


def _days(reports: Sequence[DailyReport]) -> "Table":
    columns = ("requests", "errors", "p50 ms", "p99 ms", "lists", "degraded", "fallback", "model", "drift", "USD")
    table = table_of("Days", "day", *columns)
    for report in reports:
        operations, model = report.sections.get("operations", {}), report.sections.get("model", {})
        lists = operations.get("lists", {})
        latency = lists.get("latency_s", {})
        table.add_row(
            _named(report),
            number(operations.get("requests")),
            percent(operations.get("error_share")),
            _ms(latency.get("p50")),
            _ms(latency.get("p99")),
            number(lists.get("count")),
            percent(lists.get("degraded_share")),
            percent(lists.get("fallback_share")),
            f"{model['age_days']:.1f} d" if "age_days" in model else _NONE,
            str(model.get("drift", {}).get("verdict") or _NONE),
            f"{operations['price_usd']:,.2f}" if "price_usd" in operations else _NONE,
        )
    return table


def _feedback(title: str, first: str, sections: Mapping[str, Mapping[str, Any]]) -> "Table":
    """Table of the figures of feedback, by day or by list."""
    columns = ("impressions", "clicks", "CTR", "bookings", "conversion", "stars", "NDCG@10")
    table = table_of(title, first, *columns)
    for name, figures in sections.items():
        stars, ndcg = figures.get("stars"), figures.get("ndcg_at_10")
        table.add_row(
            name,
            number(figures.get("impressions")),
            number(figures.get("clicks")),
            percent(figures.get("ctr")),
            number(figures.get("bookings")),
            percent(figures.get("conversion")),
            _NONE if stars is None else f"{stars:.2f}",
            _NONE if ndcg is None else f"{ndcg:.3f}",
        )
    return table


def _forecast(forecast: Mapping[str, Any]) -> "Table":
    """Table of bookings to come: in all, and of each kind the series with the most bookings."""
    weeks = [f"week {number}" for number in range(1, HORIZON + 1)]
    table = table_of(f"Bookings to come from {forecast['week']} on", "of", "last week", *weeks)
    shown = Counter[str]()
    for series in forecast["series"]:
        shown[series["kind"]] += 1
        if shown[series["kind"]] <= _SERIES:
            intervals = zip(series["mean"], series["low"], series["high"], strict=True)
            table.add_row(
                f"{series['kind']} {series['name']}",
                number(series["last"]),
                *(f"{mean:,.1f} ({low:,.0f}–{high:,.0f})" for mean, low, high in intervals),
            )
    return table


def _hours(report: DailyReport) -> str:
    hours = {hour["hour"]: hour for hour in report.sections.get("operations", {}).get("by_hour", [])}
    requests = [hours.get(hour, {}).get("requests", 0) for hour in range(24)]
    slow = [hours.get(hour, {}).get("latency_s", {}).get("p99") or 0.0 for hour in range(24)]
    return (
        f"requests by hour  {_bars(requests)}  at most {max(requests):,}\n"
        f"p99 by hour       {_bars(slow)}  at most {max(slow) * 1_000:,.0f} ms\n"
    )


def _operations(report: DailyReport) -> "Table":
    table = table_of("Operations", "operation", "requests", "errors", "p50 ms", "p95 ms", "p99 ms")
    by_name: Mapping[str, Any] = report.sections.get("operations", {}).get("by_operation", {})
    for name, figures in sorted(by_name.items(), key=lambda item: -item[1]["requests"])[:_OPERATIONS]:
        latency = figures["latency_s"]
        table.add_row(
            name or "(no operation)",
            number(figures["requests"]),
            number(figures["errors"]),
            *(_ms(latency[percentile]) for percentile in ("p50", "p95", "p99")),
        )
    return table


def _details(report: DailyReport) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Facts of the day by section: name and value."""
    operations, model = report.sections.get("operations", {}), report.sections.get("model", {})
    yield (
        "Lists by segment",
        [(name, number(count)) for name, count in operations.get("lists", {}).get("segments", {}).items()],
    )
    yield (
        "Model",
        [
            *(
                (name, str(model[name]))
                for name in ("version", "model", "trained_at", "size_mb")
                if model.get(name) is not None
            ),
            *(
                (f"training {run['run_id']}", f"{run['decision']}: {run['reason']}")
                for run in model.get("trainings", [])
            ),
            *(("drifted", name) for name in model.get("drift", {}).get("drifted", [])),
        ],
    )
    experiments = report.sections.get("experiments", {})
    yield "Experiments", [(name, str(found["verdict"]["text"])) for name, found in experiments.items()]
    yield "Settled", [(name, number(count)) for name, count in operations.get("settled", {}).items()]
    yield "Interactions", [(name, number(count)) for name, count in operations.get("interactions", {}).items()]
    yield "Odd documents", [(name, number(count)) for name, count in operations.get("odd_documents", {}).items()]
    yield "Dead letters", [(name, number(count)) for name, count in operations.get("dead_letters", {}).items()]
    of_all = {name: value for name, value in report.sections.get("feedback", {}).items() if name in _OF_ALL}
    yield "Feedback in all", list(_flat(of_all))
    yield "Calibration", list(_flat(report.sections.get("calibration", {})))


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Figures of a section that are single values, under their path."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} ")
        elif isinstance(value, float):
            yield f"{prefix}{name}", f"{value:,.4g}"
        elif not isinstance(value, list):
            yield f"{prefix}{name}", _NONE if value is None else str(value)


def _facts(name: str, rows: Sequence[tuple[str, str]]) -> "RenderableType":
    if not rows:
        return _bold(f"{name}: none")
    table = table_of(name, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def table_of(title: str, *columns: str, show_header: bool = True) -> "Table":
    """Table with a title, whose first column is a name and whose others are figures."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_header=show_header)
    for number, column in enumerate(columns):
        # Where the terminal is narrow, digits go on in the next line: a figure that is cut is a wrong one.
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def _named(report: DailyReport) -> str:
    return f"{report.day}{'' if report.is_closed else ' …'}"


def _bold(text: str) -> "Text":
    from rich.text import Text

    return Text(text, style="bold")


def _bars(values: Sequence[float]) -> str:
    highest = max(values) or 1
    return "".join(_BARS[round(value / highest * (len(_BARS) - 1))] for value in values)


def number(value: float | None) -> str:
    """Whole number as text, a dash for None."""
    return _NONE if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """Share in percent as text, a dash for None."""
    return _NONE if share is None else f"{share:.2%}"


def _ms(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{seconds * 1_000:,.1f}"


def _minute(time: object) -> str:
    return str(time)[:16].replace("T", " ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line that shows reports; returns the exit status."""
    return run(command, arguments, name="python -m jobs.report")


if __name__ == "__main__":
    sys.exit(main())
