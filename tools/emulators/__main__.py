"""Command line of the emulator suite: runs the whole app until stopped, `python -m tools.emulators [FOLDER]`."""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jobs.interruption import interruptible
from jobs.options import ReadingOptions, add_arguments, reading_parser, same_arguments
from jobs.sample import write_sample
from shared.errors import InvalidField
from tools.emulators import programs
from tools.emulators.process import NotAnswering, busy_ports
from tools.emulators.programs import ProgramMissing
from tools.emulators.suite import ADMIN, Suite, default_ports, emulator_suite

_METADATA: Final = "firebase-export-metadata.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the emulator suite; returns the exit status."""
    parser = reading_parser(
        "tools.emulators",
        "Run everything on the Firebase emulators, with a sample city or a CSV folder, until Ctrl-C.",
        example="FOLDER",
    )
    parser.add_argument("data", type=Path, nargs="?", metavar="FOLDER", help="CSV folder instead of the sample city")
    parser.add_argument("--port", type=int, help="port of the web page (default: that of firebase.json)")
    parser.add_argument("--import", dest="begin", type=Path, metavar="EXPORT", help="begin with an export's data")
    parser.add_argument("--export-on-exit", dest="end", type=Path, metavar="EXPORT", help="export the data at the end")
    add_arguments(parser, zone="$MARQUEE_TIMEZONE; without it, such times are rejected")
    given = parser.parse_args(arguments)
    try:
        # Before everything is started.
        options = ReadingOptions.parse(given)
        _check_exports(given)
    except InvalidField as error:
        parser.error(str(error))
    ports = {**default_ports(), **({"hosting": given.port} if given.port else {})}
    print(f"starting the emulators of {programs.ROOT / 'firebase.json'}; this takes half a minute", flush=True)
    if busy := busy_ports(ports):
        named = ", ".join(f"{ports[name]} ({name})" for name in busy)
        print(f"error: ports in use: {named}; end what uses them, or change firebase.json", file=sys.stderr)
        return 1
    has_ui = programs.has_emulator_ui()
    zone = options.calendar().timezone
    try:
        with interruptible(), emulator_suite(ports, timezone=zone, with_ui=has_ui, data=given.begin) as suite:
            if given.begin is None:
                _fill(suite, given.data, same_arguments(given))
                print(f"trained    {suite.retrain()['version']}")
            suite.await_functions()
            print(
                f"web page   {suite.hosting}",
                f"dashboard  {suite.hosting}/dashboard.html, as {ADMIN} with the password {suite.add_admin()}",
                f"functions  {suite.functions}",
                f"firestore  {suite.firestore}",
                f"auth       {suite.auth}",
                f"storage    {suite.storage}",
                f"UI         {suite.ui or 'off: it is not in the cache of the Firebase CLI and cannot be fetched'}",
                f"logs       {suite.folder}",
                "running until Ctrl-C",
                sep="\n",
                flush=True,
            )
            try:
                signal.pause()
            finally:
                if given.end is not None:
                    suite.export(given.end)
                    print(f"exported   {given.end}", flush=True)
    except (ProgramMissing, NotAnswering) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        # The load has said why.
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    return 0


def _fill(suite: Suite, data: Path | None, options: Sequence[str]) -> None:
    if data:
        suite.load(data, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            write_sample(Path(folder), users=99, events=50, interactions=467, seed=1, now=datetime.now(UTC))
            suite.load(Path(folder))


def _check_exports(given: argparse.Namespace) -> None:
    """Raise `InvalidField` for an import that is none, and for an export that would replace another folder."""
    if given.begin is not None and given.data is not None:
        raise InvalidField("--import", str(given.begin), "an export or FOLDER, not both")
    if given.begin is not None and not (given.begin / _METADATA).is_file():
        raise InvalidField("--import", str(given.begin), f"the folder of an export, with {_METADATA}")
    if given.end is not None and not given.end.absolute().parent.is_dir():
        raise InvalidField("--export-on-exit", str(given.end), "a folder in one that exists")
    if given.end is not None and given.end.exists() and not (given.end / _METADATA).is_file():
        raise InvalidField("--export-on-exit", str(given.end), "a new folder, or an export, which is replaced")


if __name__ == "__main__":
    sys.exit(main())
