"""New key of a deployment, the older ones being kept to check with: `python -m jobs.newkey`."""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence

from functions import wiring
from jobs import places
from jobs.console import Console
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_objects
from shared.entities.keys import KEY_BYTES
from shared.errors import MarqueeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line that adds a key; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.newkey",
        description="Add a key to the deployment's bucket: it writes from now on, and the older ones are kept to check "
        "with. Instances read keys once, so deploy the functions again afterwards.",
    )
    parser.add_argument("--objects", metavar="PLACE", help=places.OBJECTS_HELP)
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        settings = places.with_objects(wiring.read_settings(os.environ), given.objects)
        keys = StoredKeys(open_objects(settings.objects)).add(secrets.token_bytes(KEY_BYTES))
    except MarqueeError as error:
        console.say(f"error: {error}")
        return 1
    print(f"{settings.objects} has {len(keys.ring)} keys; deploy the functions again, so that all instances use them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
