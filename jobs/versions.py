"""Published versions of models, as a table: `python -m jobs.versions`."""

import os
import sys
from collections.abc import Sequence

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, run
from jobs.console import table
from shared.adapters.stores import open_objects
from shared.ports import ObjectStore
from shared.selection.judging import K
from shared.services.registry import Version, versions


@click.command(
    "versions",
    cls=Job,
    help="List the versions that can be activated, newest first: the time of their training, their model, its "
    f"NDCG@{K} on what was then the latest time window, and the size of its arrays.",
)
@places.objects_option
def command(*, objects: str | None) -> None:
    """Versions in the bucket of the settings or of the option."""
    settings = places.with_objects(wiring.read_settings(os.environ), objects)
    click.echo(listed(open_objects(settings.objects)))


def listed(objects: ObjectStore) -> str:
    """Table of the published versions, newest first."""
    rows = [
        [
            f"{version.version}{' (serves)' if version.is_current else ''}",
            version.model,
            f"{version.trained_at:%Y-%m-%d %H:%M}",
            *_measures(version),
        ]
        for version in versions(objects)
    ]
    return table(["version", "model", "trained", f"NDCG@{K}", "MB"], rows)


def _measures(version: Version) -> list[str]:
    ndcg = version.metrics.get(f"ndcg@{K}")
    return ["–" if ndcg is None else f"{ndcg:.3f}", f"{version.size_mb:,.1f}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line that lists versions; returns the exit status."""
    return run(command, arguments, name="python -m jobs.versions")


if __name__ == "__main__":
    sys.exit(main())
