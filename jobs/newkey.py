"""New key of a deployment, the older ones being kept to check with: `python -m jobs.newkey`."""

import os
import secrets
import sys
from collections.abc import Sequence

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, run
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_objects
from shared.entities.keys import KEY_BYTES


@click.command(
    "newkey",
    cls=Job,
    help="Add a key to the deployment's bucket: it writes from now on, and the older ones are kept to check with. "
    "Instances read keys once, so deploy the functions again afterwards.",
)
@places.objects_option
def command(*, objects: str | None) -> None:
    """New key beside the older ones."""
    settings = places.with_objects(wiring.read_settings(os.environ), objects)
    keys = StoredKeys(open_objects(settings.objects)).add(secrets.token_bytes(KEY_BYTES))
    click.echo(
        f"{settings.objects} has {len(keys.ring)} keys; deploy the functions again, so that all instances use them"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line that adds a key; returns the exit status."""
    return run(command, arguments, name="python -m jobs.newkey")


if __name__ == "__main__":
    sys.exit(main())
