"""Adoption by a Firebase project: shows what is added to its files, and adds it: `python -m jobs.init HOST`."""

import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from jobs.adoption import files, sources
from jobs.adoption.hostconfig import FOLDER
from jobs.adoption.plan import Plan, adopt
from jobs.commandline import Job, run
from shared.schema import FILE

_SHOWN: Final = frozenset({FILE, ".env", ".env.local"})
_NEXT: Final = """\
Next, as docs/adoption.md says in full:
  1. Name the app's collections and fields in {folder}/{file}, then run this again. This proposes the lines:
     MARQUEE_CONFIG={config} venv/bin/marquee check --store firestore:PROJECT
  2. To run the functions in the emulators, in the app's folder:
     python3.11 -m venv {folder}/venv && {folder}/venv/bin/pip install -r {folder}/requirements.txt
  3. firebase emulators:start --project demo-app, or firebase deploy --only functions:{folder},firestore,hosting"""


@click.command("init", cls=Job)
@click.argument("host", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--write", "is_written", is_flag=True, help="make the changes, instead of showing them")
@click.option("--site", metavar="NAME", help="Hosting site or target that answers the API (default: the first)")
def command(*, host: Path, is_written: bool, site: str | None) -> None:
    """Add Marquee to the Firebase project in the folder HOST, beside its own functions.

    A folder marquee/ gets the functions. firebase.json, rules, indexes and .gitignore get what these need; all else in
    them stays as it is. Run it again after a change of marquee/marquee.toml, and to update Marquee. `remove` undoes it.
    """
    if host.resolve() == sources.ROOT:
        raise click.UsageError("expected the folder of another project as HOST, got that of Marquee")
    plan = adopt(partial(files.read, host), sources.existing(host), sources.adopted(host), site=site)
    show(plan)
    if is_written:
        files.write(host, plan.changes)
    if not plan.changes:
        click.echo("nothing to change")
    elif is_written:
        click.echo(f"{len(plan.changes)} files written\n")
        click.echo(_NEXT.format(folder=FOLDER, file=FILE, config=shlex.quote(str(host / FOLDER / FILE))))
    else:
        click.echo("nothing is written yet; add --write to make these changes")


def show(plan: Plan) -> None:
    """Print the changes of a plan, those of copied files as their number, and its notes."""
    inside = [change for change in plan.changes if change.path.startswith(f"{FOLDER}/")]
    shown = [change for change in plan.changes if change not in inside or change.path.split("/", 1)[1] in _SHOWN]
    for change in shown:
        click.echo(change.diff())
    if count := len([change for change in inside if change not in shown]):
        verb = "remove" if all(change.after is None for change in inside) else "copy"
        click.echo(f"{verb} {count} files of {FOLDER}/, the functions' code")
    for note in plan.notes:
        click.echo(f"note: {note}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the adoption; returns the exit status."""
    return run(command, arguments, name="python -m jobs.init")


if __name__ == "__main__":
    sys.exit(main())
