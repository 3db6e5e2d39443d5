"""Rendering: writes the files of the deployment that have names of `marquee.toml`: `python -m jobs.render`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from functions.wiring import CONFIG, read_config
from jobs import securityrules
from jobs.commandline import Job, run
from jobs.templates import filled
from shared.schema import FILE, Own, Schema

MANIFEST: Final = "functions.yaml"
INDEXES: Final = "firestore.indexes.json"


def render(schema: Schema) -> dict[str, str]:
    """Text of each rendered file of a deployment, by name."""
    return {MANIFEST: manifest(schema), securityrules.FILE: securityrules.rules(schema), INDEXES: indexes(schema)}


def manifest(schema: Schema) -> str:
    """Manifest of the functions: regions, schedules, and the documents that start them."""
    functions = schema.functions
    return filled(
        MANIFEST,
        regions=", ".join(functions.regions),
        region=functions.regions[0],
        monitor=functions.monitor,
        retrain=functions.retrain,
        timezone=functions.timezone,
        database=schema.database,
        events=schema.events.collection,
        interactions=schema.interactions.collection,
    )


def indexes(schema: Schema) -> str:
    """Index definitions of Firestore: fields that no query needs, and those by which documents expire."""
    return filled(
        INDEXES,
        **{own.value: schema.own(own) for own in Own},
        events=schema.events.collection,
        interactions=schema.interactions.collection,
        description=securityrules.index_path(schema.events.path("description")),
        image_url=securityrules.index_path(schema.events.path("image_url")),
    )


@click.command("render", cls=Job)
@click.option("--check", is_flag=True, help="write nothing; fail if a file differs from what would be written")
@click.option("--rules-fragment", is_flag=True, help="write nothing; print the part for the rules of an app")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=CONFIG.parent,
    help="folder of the files (default: that of the deployment)",
)
def command(*, check: bool, rules_fragment: bool, folder: Path) -> None:
    """Write functions.yaml, firestore.rules and firestore.indexes.json with the names of marquee.toml.

    The names are those of marquee.toml beside main.py, or of the file that MARQUEE_CONFIG names.
    """
    schema = Schema.parse(read_config(os.environ.get("MARQUEE_CONFIG", "")))
    if rules_fragment:
        click.echo(securityrules.fragment(schema), nl=False)
        return
    outdated = [name for name, text in render(schema).items() if _read(folder / name) != text]
    if check and outdated:
        names = ", ".join(outdated)
        raise click.ClickException(f"{names}: expected what {FILE} and jobs/templates/ give; run python -m jobs.render")
    for name in outdated:
        (folder / name).write_text(render(schema)[name], encoding="utf-8")
    click.echo(f"{', '.join(outdated)} written" if outdated else "nothing to write")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the rendering; returns the exit status."""
    return run(command, arguments, name="python -m jobs.render")


if __name__ == "__main__":
    sys.exit(main())
