"""Common parts of benchmark command lines: requirements, emulators, results in progress and interruption."""

import json
import os
import platform
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

from jobs.console import Console
from jobs.interruption import exit_status, interruptible
from shared.errors import InvalidField, MarqueeError
from tools.emulators import programs
from tools.emulators.firestore import firestore_emulator

_VARIABLE: Final = "FIRESTORE_EMULATOR_HOST"
_GB: Final = 1_000_000_000

Measured = TypeVar("Measured")
Results = Generator[dict[str, Any], None, None]
"""Results of a benchmark in progress: each item holds everything measured so far."""


class RequirementMissing(Exception):
    """Missing requirement other than a program: a package or free disk; the message says how to get it."""


def run(measure: Callable[[], Results], show: Callable[[dict[str, Any]], None], out: Path | None) -> int:
    """Benchmark run; returns the exit status: 1 if a requirement is missing, 128 and the signal if interrupted.

    However it ends, what was measured until then is shown, and written to `out`.

    Parameters
    ----------
    measure : generator that checks requirements, then prints and yields what it measures.
    show : summary of a result, which may be of an unfinished run; never called without a result.
    out : JSON file of the result, None for none.
    """
    result: dict[str, Any] = {}
    machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
    try:
        with interruptible(), closing(measure()) as results:
            for so_far in results:
                result = so_far | machine
    except (programs.ProgramMissing, RequirementMissing) as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print("stopped before the end", file=sys.stderr)
        return exit_status(interrupt)
    finally:
        if result:
            show(result)
            if out:
                out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def run_on_folder(
    parser: ArgumentParser, measure: Callable[[Console], Measured], shown: Callable[[Measured], str], out: Path | None
) -> int:
    """Run of a benchmark of a folder, shown when it is over; returns the exit status, 1 for an unusable folder.

    Parameters
    ----------
    parser : tells of `InvalidField` and ends the program.
    measure : result, as JSON has it.
    shown : text of the result.
    out : JSON file of the result, None for none.
    """
    console = Console(sys.stderr)
    try:
        result = measure(console)
    except InvalidField as error:
        parser.error(str(error))
    except (MarqueeError, OSError) as error:
        console.say(f"error: {error}")
        return 1
    print(shown(result))
    if out:
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def report(line: str) -> None:
    """Line of the result, printed at once even into a file."""
    print(line, flush=True)


def need_firestore() -> None:
    """Check of the programs of the Firestore emulator; raises `ProgramMissing`."""
    programs.java()
    programs.firestore_jar()


def need_package(name: str) -> None:
    """Check of a peer's package; raises `RequirementMissing`."""
    if find_spec(name) is None:
        raise RequirementMissing(
            f"The benchmark compares with {name}, which is not installed: run `venv/bin/pip install -r "
            "benchmarks/requirements.txt`, or leave it out where there is an option."
        )


def need_disk(folder: Path, size: float) -> None:
    """Check that `folder`, which need not exist yet, has `size` bytes of free disk; raises `RequirementMissing`."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        raise RequirementMissing(
            f"{existing} has {free / _GB:.1f} GB of free disk, and the benchmark needs {size / _GB:.1f} GB: make room, "
            "choose smaller sizes, or let TMPDIR name a folder on another disk."
        )


def memory_mb(pid: int) -> float:
    """Resident memory of a process and all below it in MB; shared pages count for each process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(memory_mb(child) for child in children(pid))


def cpu_s(pid: int) -> float:
    """Processor time of a process and all below it in seconds, since they began; ended children count, too."""
    # The name of the program, in parentheses, may have spaces.
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(ticks) for ticks in values[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_s(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Ids of the processes that a process has started."""
    # A child belongs to the thread that started it.
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in tasks for child in path.read_text().split()]


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
