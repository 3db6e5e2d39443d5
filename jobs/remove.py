"""Removal from a Firebase project that has adopted Marquee: `python -m jobs.remove HOST`."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from jobs.adoption import files, sources
from jobs.adoption.hostconfig import FOLDER
from jobs.adoption.plan import leave
from jobs.commandline import Job, run
from jobs.init import show


@click.command("remove", cls=Job)
@click.argument("host", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="show the changes, and make none")
def command(*, host: Path, dry_run: bool) -> None:
    """Remove Marquee from the Firebase project in the folder HOST.

    Files that `init` changed become what they were, byte for byte; from files that were changed since, only Marquee's
    parts go. Deployed functions and stored data stay: docs/adoption.md says how to delete them.
    """
    plan = leave(partial(files.read, host), sources.existing(host))
    show(plan)
    if dry_run:
        click.echo("nothing is removed yet; leave out --dry-run to make these changes")
        return
    files.write(host, plan.changes)
    files.remove_trees(host, sources.leftovers(host))
    left = (host / FOLDER).exists()
    click.echo(f"removed, but for what stays in {FOLDER}/" if left else "removed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the removal; returns the exit status."""
    return run(command, arguments, name="python -m jobs.remove")


if __name__ == "__main__":
    sys.exit(main())
