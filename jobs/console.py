"""Console output of command lines: lines that stay, progress that is redrawn, and text tables."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:  # only terminals show progress, and the import takes a tenth of a second
    from rich.progress import Progress, TaskID

_REDRAW_S: Final = 0.1
"""Shortest time between two redraws, seconds; what is told in between costs next to nothing."""


class Task:
    """Step of a command that may take longer than a second, shown with its rate and the time that is left.

    Parameters
    ----------
    progress : where it is shown; None shows nothing.
    task_id : its line there.
    """

    def __init__(self, progress: "Progress | None" = None, task_id: "TaskID | None" = None) -> None:
        self._progress = progress
        self._id = task_id
        self._began = self._redrawn = time.monotonic()

    def update(self, share: float, count: int | None = None, *, now: str | None = None) -> None:
        """Note of how far the step is; throttled, so it may be called for every row.

        Parameters
        ----------
        share : share of the work that is done, 0..1.
        count : number of items that are done, from which the rate follows.
        now : description of what is done now; None keeps the one before.
        """
        if self._progress is None or self._id is None:
            return
        moment = time.monotonic()
        if moment - self._redrawn < _REDRAW_S and share < 1:
            return
        self._redrawn = moment
        rate = "" if count is None else f"{count:,} ({count / max(moment - self._began, 1e-9):,.0f}/s)"
        self._progress.update(self._id, completed=share, rate=rate, description=now, refresh=True)


class Console:
    """Output of a command for people: lines that stay, and on a terminal the progress of its steps.

    A redrawn line would fill a log file, so progress is quiet where the stream is not a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._progress: Progress | None = None

    def say(self, line: str) -> None:
        """Permanent line, above the progress that is shown."""
        if self._progress is None:
            print(line, file=self._stream, flush=True)
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def task(self, description: str) -> Iterator[Task]:
        """Progress of a step, gone after the block."""
        if not self._stream.isatty():
            yield Task()
            return
        outer = self._progress
        progress = outer or self._started()
        task_id = progress.add_task(description, total=1.0, rate="")
        try:
            yield Task(progress, task_id)
        finally:
            progress.remove_task(task_id)
            if outer is None:
                progress.stop()
                self._progress = None

    def _started(self) -> "Progress":
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._progress = Progress(*columns, console=Terminal(file=self._stream), transient=True)
        self._progress.start()
        return self._progress


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Text table: the first `left` columns aligned left, the remaining columns right.

    >>> print(table(["file", "loaded"], [["users.csv", "99"], ["events.csv", "1,050"]]))
    file        loaded
    users.csv       99
    events.csv   1,050
    """
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ("  ".join(_aligned(row, widths, left)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def _aligned(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [
        text.ljust(width) if column < left else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
