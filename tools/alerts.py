"""Log-based metrics and alerts of a deployment, as commands of gcloud: `python -m tools.alerts --project PROJECT`."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from functions.wiring import read_config
from shared.entities.alert import ALERT_RULES
from shared.errors import SettingsError
from shared.schema import FunctionsSchema, Schema
from shared.services.monitoring.alerts import RAISED

_ALIGNMENT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Alert:
    """Alert on log entries.

    Attributes
    ----------
    name : name of the metric.
    describes : sentence of what has happened.
    functions : names of the functions whose log is counted.
    condition : filter of their entries, in the language of Logs Explorer.
    above : entries within five minutes, more than which alert.
    """

    name: str
    describes: str
    functions: tuple[str, ...]
    condition: str
    above: int = 0

    def log_filter(self, names: FunctionsSchema) -> str:
        """Filter of the log entries of a deployment."""
        services = " OR ".join(f'"{names.deployed(function)}"' for function in self.functions)
        return f'resource.type="cloud_run_revision" AND resource.labels.service_name=({services}) AND {self.condition}'


_ALL: Final = ("api", "interaction", "event", "monitor", "retrain")
ALERTS: Final = (
    Alert("marquee_errors", "A function has failed.", _ALL, "severity>=ERROR"),
    Alert(
        "marquee_trainings_refused",
        "A training has not published its model, which the gate or the last check refused.",
        ("retrain",),
        'jsonPayload.message="run refused"',
    ),
    Alert(
        "marquee_counts_or_events",
        "Counts were lost and are corrected, or events are hidden for odd values; the entry says which.",
        ("monitor",),
        'jsonPayload.message="counts reconciled" AND severity>=WARNING',
    ),
)
"""Alerts of a deployment on what its functions log."""
WATCHED: Final = tuple(
    Alert(
        f"marquee_alert_{rule.name}",
        rule.describes,
        ("monitor",),
        f'jsonPayload.message="{RAISED}" AND jsonPayload.alert="{rule.name}"',
    )
    for rule in ALERT_RULES.values()
)
"""Alerts on the quantities that `monitor` watches, one for each of its rules."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the alerts; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.alerts",
        description="Print the commands that create log-based metrics and an alert on each, for the function names of "
        "marquee.toml, or of the file that MARQUEE_CONFIG names.",
    )
    parser.add_argument("--project", required=True, help="project of the deployment")
    parser.add_argument("--channel", metavar="NAME", help="notification channel, projects/…/notificationChannels/…")
    parser.add_argument("--run", action="store_true", help="run the commands instead of printing them")
    given = parser.parse_args(arguments)
    try:
        names = Schema.parse(read_config(os.environ.get("MARQUEE_CONFIG", ""))).functions
    except SettingsError as error:
        parser.error(str(error))
    for command in commands(names, given.project, given.channel):
        print(shlex.join(command), flush=True)
        if given.run:
            try:
                subprocess.run(command, check=True)
            except FileNotFoundError:
                print("error: gcloud is not installed; run the printed commands elsewhere", file=sys.stderr)
                return 1
            except subprocess.CalledProcessError as error:
                return error.returncode
    return 0


def commands(names: FunctionsSchema, project: str, channel: str | None) -> Iterator[list[str]]:
    """Commands of gcloud that create each metric, and the alert on it."""
    for alert in (*ALERTS, *WATCHED):
        yield [
            *("gcloud", "logging", "metrics", "create", alert.name, f"--project={project}"),
            *(f"--description={alert.describes}", f"--log-filter={alert.log_filter(names)}"),
        ]
        channels = [f"--notification-channels={channel}"] if channel else []
        yield [
            *("gcloud", "alpha", "monitoring", "policies", "create", f"--project={project}", *channels),
            f"--policy={json.dumps(_policy(alert))}",
        ]


def _policy(alert: Alert) -> dict[str, object]:
    source = f'resource.type="cloud_run_revision" AND metric.type="logging.googleapis.com/user/{alert.name}"'
    condition = {
        "filter": source,
        "comparison": "COMPARISON_GT",
        "thresholdValue": alert.above,
        "duration": "0s",
        "aggregations": [
            {
                "alignmentPeriod": f"{_ALIGNMENT_S}s",
                "perSeriesAligner": "ALIGN_SUM",
                "crossSeriesReducer": "REDUCE_SUM",
            }
        ],
    }
    return {
        "displayName": alert.name,
        "documentation": {"content": alert.describes, "mimeType": "text/markdown"},
        "combiner": "OR",
        "conditions": [{"displayName": alert.name, "conditionThreshold": condition}],
    }


if __name__ == "__main__":
    sys.exit(main())
