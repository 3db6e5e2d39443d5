"""Console output of command lines: progress lines and text tables."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

_REDRAW_S = 0.1
"""Shortest time between two redraws on a terminal, seconds."""


class Console:
    """Progress output: permanent lines, and a progress line that is redrawn on a terminal.

    A redrawn line would fill a log file. If the stream is not a terminal, it is printed every `every_s` seconds.
    """

    def __init__(self, stream: TextIO = sys.stderr, *, every_s: float = 5.0) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._pause_s = _REDRAW_S if self._is_terminal else every_s
        self._last = time.monotonic()
        self._open_line = False

    def say(self, line: str) -> None:
        """Permanent line: print it after any unfinished progress line."""
        if self._open_line:
            print(file=self._stream)
            self._open_line = False
        print(line, file=self._stream, flush=True)

    def progress(self, line: str) -> None:
        """Progress of a long step; throttled, so most calls print nothing."""
        if time.monotonic() - self._last < self._pause_s:
            return
        self._last = time.monotonic()
        if self._is_terminal:
            print(f"\r\x1b[K{line}", end="", file=self._stream, flush=True)
            self._open_line = True
        else:
            print(line, file=self._stream, flush=True)


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
