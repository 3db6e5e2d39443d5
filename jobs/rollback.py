"""Rollback: activate a published model version: `python -m jobs.rollback`."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, run
from jobs.versions import listed
from shared.adapters.stores import open_objects
from shared.errors import NotFound
from shared.ports import ObjectStore
from shared.services.registry import activate, versions

_PREVIOUS: Final = "previous"


@click.command(
    "rollback",
    cls=Job,
    help="Activate VERSION, or the one before that in service for `previous`: training runs in progress do not undo "
    "this. A later run may publish a model that passes the gate against it, unless the version is held. Without "
    "VERSION, list the versions that can be activated.",
)
@click.argument("version", required=False)
@click.option("--hold", is_flag=True, help="block publishing until another version is activated")
@places.objects_option
def command(*, version: str | None, hold: bool, objects: str | None) -> None:
    """Activation of a version in the bucket of the settings or of the option."""
    settings = places.with_objects(wiring.read_settings(os.environ), objects)
    stored = open_objects(settings.objects)
    if version is None:
        click.echo(listed(stored))
        return
    wanted = _before_current(stored) if version == _PREVIOUS else version
    pointer = activate(stored, wanted, now=datetime.now(UTC), hold=hold)
    held = " and is held" if pointer.is_held else ""
    click.echo(f"{pointer.version} serves{held}; instances follow within half a minute")


def _before_current(objects: ObjectStore) -> str:
    """Newest version before that in service; raises `NotFound` where there is none."""
    found = versions(objects)
    current = next((version.version for version in found if version.is_current), "")
    before = next((version.version for version in found if version.version < current), None)
    if before is None:
        raise NotFound(f"version: expected one before that in service, got {_PREVIOUS!r} with none before it")
    return before


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the rollback; returns the exit status."""
    return run(command, arguments, name="python -m jobs.rollback")


if __name__ == "__main__":
    sys.exit(main())
