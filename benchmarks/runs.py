"""Common parts of benchmark command lines: emulators, machine data and output."""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.emulators.firestore import firestore_emulator
from tests.emulators.programs import ProgramMissing

_VARIABLE: Final = "FIRESTORE_EMULATOR_HOST"


def run(measure: Callable[[], dict[str, Any]], show: Callable[[dict[str, Any]], None], out: Path | None) -> int:
    """Benchmark run: measure, print, and write JSON to `out` if given; returns the exit status.

    The status is 1 if a required program is missing.
    """
    try:
        result = measure() | {"cpus": os.cpu_count(), "python": platform.python_version()}
    except ProgramMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    show(result)
    if out:
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


@contextmanager
def firestore() -> Iterator[None]:
    """Firestore emulator for the duration of the block; this process and its children connect to it."""
    with firestore_emulator() as host:
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = host
        try:
            yield
        finally:
            os.environ.pop(_VARIABLE)
            if before is not None:
                os.environ[_VARIABLE] = before
