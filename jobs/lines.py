"""Records of a CSV file: physical lines, joined while quotes are open, and their cells."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final

from jobs.encoding import Encoding

MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
"""Size limit of a record in bytes, so that an unclosed quote cannot fill the memory."""


class Lines:
    """Record reader: joins physical lines to one record while quotes are open.

    `separator` is what stands before a quote that opens a cell, maybe with spaces if `is_spaced`; "" for anything.
    """

    def __init__(self, encoding: Encoding, stream: BinaryIO, separator: str = "", *, is_spaced: bool = False) -> None:
        self._readline = encoding.lines(stream).readline
        # A quote within a cell that has no quotes around it, such as 7" single, opens nothing.
        self._opening = (
            re.compile(rf'(?:^|{re.escape(separator)}){" *" if is_spaced else ""}"'.encode()) if separator else None
        )
        self._again: deque[bytes] = deque()
        self._line = 0
        self._parts: list[bytes] = []

    def records(self) -> Iterator[tuple[int, bytes | None]]:
        """Records as `(first line, bytes in UTF-8)`; None instead of bytes if a record is too long or never ends."""
        while first := self._next():
            start = self._line
            parts, size, is_open = [first], len(first), self._opens(first)
            while is_open and size <= MAX_RECORD_BYTES and (more := self._next()):
                parts.append(more)
                size += len(more)
                is_open ^= _is_odd(more)
            self._parts = parts
            if is_open or size > MAX_RECORD_BYTES:
                self.retry_from_second()
                yield start, None
            else:
                yield start, first if len(parts) == 1 else b"".join(parts)

    def retry_from_second(self) -> None:
        """Retry of the last record: its lines from the second on are read again as new records."""
        again = self._parts[1:]
        self._again.extendleft(reversed(again))
        self._line -= len(again)

    def _opens(self, line: bytes) -> bool:
        return _is_odd(line) and (self._opening is None or self._opening.search(line) is not None)

    def _next(self) -> bytes:
        if self._again:
            line = self._again.popleft()
        else:
            line = self._readline(MAX_RECORD_BYTES + 1)
            rest = line
            # Skip the rest of an overlong line, which is rejected anyway.
            while len(rest) > MAX_RECORD_BYTES and not rest.endswith(b"\n"):
                rest = self._readline(MAX_RECORD_BYTES + 1)
        if line:
            self._line += 1
        return line


def _is_odd(line: bytes) -> bool:
    return line.count(b'"') % 2 == 1


def split(text: str, separator: str, *, is_spaced: bool = False) -> list[str]:
    """Cells of a record; raises `csv.Error` if its quotes are not those of RFC 4180.

    With `is_spaced`, spaces after a separator are no part of a cell.
    """
    if '"' not in text:
        line = text.rstrip("\r\n")
        if "\r" not in line:
            cells = line.split(separator)
            return [cell.lstrip(" ") for cell in cells] if is_spaced else cells
    # The limit of the csv module is global to the process; records are already bounded by MAX_RECORD_BYTES.
    csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        rows = list(csv.reader([text], delimiter=separator, skipinitialspace=is_spaced, strict=True))
    except csv.Error:
        # Web spreadsheets separate by tabs without any quoting, and a cell has neither tabs nor line breaks.
        if separator != "\t" or "\n" in text.rstrip("\r\n"):
            raise
        return text.rstrip("\r\n").split(separator)
    return rows[0] if rows else []
