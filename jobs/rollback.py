"""Rollback: list published model versions and activate one of them: `python -m jobs.rollback`."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from functions import wiring
from jobs import places
from jobs.console import Console, table
from shared.adapters.stores import open_objects
from shared.errors import MarqueeError
from shared.services.registry import Version, activate, versions


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the rollback; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.rollback",
        description="Without a version, list the versions that can be activated. With a version, activate it: training "
        "runs in progress do not undo this. A later run may publish a model that passes the gate against it, unless "
        "the version is held.",
    )
    parser.add_argument("version", nargs="?", help="version to activate, or `previous`")
    parser.add_argument("--hold", action="store_true", help="block publishing until another version is activated")
    parser.add_argument("--objects", metavar="PLACE", help="folder:PATH or gs:BUCKET (default: $MARQUEE_OBJECTS)")
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        settings = places.with_objects(wiring.read_settings(os.environ), given.objects)
        objects = open_objects(settings.objects)
        found = versions(objects)
        if given.version is None:
            print(table(["version", "model", "trained"], [_row(version) for version in found]))
            return 0
        wanted = given.version
        if wanted == "previous":
            wanted = next((version.version for version in found if version.version < _current(found)), "")
        pointer = activate(objects, wanted, now=datetime.now(UTC), hold=given.hold)
    except MarqueeError as error:
        console.say(f"error: {error}")
        return 1
    print(f"{pointer.version} serves{' and is held' if pointer.is_held else ''}; instances follow within half a minute")
    return 0


def _row(version: Version) -> list[str]:
    name = f"{version.version}{' (serves)' if version.is_current else ''}"
    return [name, version.model, f"{version.trained_at:%Y-%m-%d %H:%M}"]


def _current(found: Sequence[Version]) -> str:
    return next((version.version for version in found if version.is_current), "")


if __name__ == "__main__":
    sys.exit(main())
