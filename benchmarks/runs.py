"""What the command lines of benchmarks share: emulators, the machine, and what is printed and written."""

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
    """Measure, show and, where `out` names a file, write JSON; returns the exit status, 1 without a program."""
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
    """The Firestore emulator, to which this process and its children connect until the block ends."""
    with firestore_emulator() as host:
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = host
        try:
            yield
        finally:
            os.environ.pop(_VARIABLE)
            if before is not None:
                os.environ[_VARIABLE] = before
