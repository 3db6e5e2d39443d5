"""Command line of the emulator suite: runs the whole app until stopped, `python -m tools.emulators [FOLDER]`."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jobs.options import ReadingOptions, add_arguments, reading_parser, same_arguments
from jobs.sample import write_sample
from shared.errors import InvalidField
from tools.emulators.programs import ProgramMissing
from tools.emulators.suite import Suite, emulator_suite
from tools.interruption import interruptible


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the emulator suite; returns the exit status."""
    parser = reading_parser(
        "tools.emulators",
        "Run everything on the Firebase emulators, with a sample city or a CSV folder, until Ctrl-C.",
        example="FOLDER",
    )
    parser.add_argument("data", type=Path, nargs="?", metavar="FOLDER", help="CSV folder instead of the sample city")
    parser.add_argument("--port", type=int, default=5000, help="port of the web page (default: %(default)s)")
    add_arguments(parser, zone="$MARQUEE_TIMEZONE; without it, such times are rejected")
    given = parser.parse_args(arguments)
    try:
        # Before everything is started.
        options = ReadingOptions.parse(given)
    except InvalidField as error:
        parser.error(str(error))
    try:
        with interruptible(), emulator_suite(hosting_port=given.port, timezone=options.calendar().timezone) as suite:
            _fill(suite, given.data, same_arguments(given))
            print(
                f"web page   {suite.hosting}",
                f"functions  {suite.functions}",
                f"firestore  {suite.firestore}",
                f"auth       {suite.auth}",
                f"storage    {suite.storage}",
                f"logs       {suite.folder}",
                "running until Ctrl-C",
                sep="\n",
                flush=True,
            )
            signal.pause()
    except ProgramMissing as missing:
        print(f"error: {missing}", file=sys.stderr)
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
    print(f"trained    {suite.retrain()['version']}")


if __name__ == "__main__":
    sys.exit(main())
