"""Lists published models and puts an earlier one back into service: `python -m jobs.rollback`."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from functions import wiring
from jobs.console import Console, table
from shared.adapters.stores import OBJECTS, open_objects
from shared.errors import MarqueeError
from shared.services.registry import Version, activate, versions
from shared.settings import check_store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.rollback",
        description="Without a version, list those that can serve. With one, put it into service: trainings that have "
        "begun do not undo that; a later one may publish what passes the gate against it, unless it is held.",
    )
    parser.add_argument("version", nargs="?", help="the version to put into service, or `previous`")
    parser.add_argument("--hold", action="store_true", help="let no training publish until another is activated")
    parser.add_argument("--objects", metavar="PLACE", help="folder:PATH or gs:BUCKET (default: $MARQUEE_OBJECTS)")
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        settings = wiring.read_settings(os.environ)
        if given.objects:
            settings = dataclasses.replace(settings, objects=check_store(given.objects, OBJECTS, "--objects"))
        objects = open_objects(settings.objects)
        found = versions(objects)
        if given.version is None:
            print(table(["version", "model", "trained"], [_row(one) for one in found]))
            return 0
        wanted = given.version
        if wanted == "previous":
            wanted = next((one.version for one in found if one.version < _current(found)), "")
        pointer = activate(objects, wanted, now=datetime.now(UTC), hold=given.hold)
    except MarqueeError as error:
        console.say(f"error: {error}")
        return 1
    print(f"{pointer.version} serves{' and is held' if pointer.is_held else ''}; instances follow within half a minute")
    return 0


def _row(one: Version) -> list[str]:
    return [f"{one.version}{' (serves)' if one.is_current else ''}", one.model, f"{one.trained_at:%Y-%m-%d %H:%M}"]


def _current(found: Sequence[Version]) -> str:
    return next((one.version for one in found if one.is_current), "")


if __name__ == "__main__":
    sys.exit(main())
