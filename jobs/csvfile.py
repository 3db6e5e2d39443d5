"""CSV reader that works row by row, so that a bad row does not affect the rows around it."""

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from shared.errors import InvalidField

MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
"""Size limit of a record in bytes, so that an unclosed quote cannot fill the memory."""

_BOM: Final = b"\xef\xbb\xbf"
_MAX_COLUMNS: Final = 200
# Bytes that are not UTF-8, as decoded by "surrogateescape", and NUL, which no store needs in texts.
_BROKEN: Final = re.compile("[\x00\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rejected row: file, first line of the row (from 1), field and reason."""

    file: str
    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """Accepted row: first line (from 1) and its non-empty cells by column, requested columns only."""

    line: int
    cells: dict[str, str]


class CsvFile:
    """CSV file in UTF-8 with a header, RFC 4180 quoting and LF or CRLF line endings; a byte order mark is skipped.

    An unclosed quote would swallow the rest of the file. Therefore, a record that spans lines and does not fit the
    header is rejected at its first line, and reading goes on with its second line.

    Parameters
    ----------
    path : path of the file.
    columns : columns to read; all further columns are listed in `unknown`.
    required : columns that the header must have; raises `InvalidField` naming the first missing column.
    """

    def __init__(self, path: Path, *, columns: Sequence[str], required: Sequence[str]) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0
        self._columns = frozenset(columns)
        with path.open("rb") as stream:
            record = next(_Lines(stream).records(), None)
        self._header = _header(path.name, record)
        self.unknown = tuple(name for name in self._header if name not in self._columns)
        for name in required:
            if name not in self._header:
                raise InvalidField(f"{path.name}: header", ",".join(self._header), f"a column {name}")

    def __iter__(self) -> Iterator[Row | Rejection]:
        """Rows and rejections in file order; `position` is the number of bytes read so far, out of `size`."""
        with self.path.open("rb") as stream:
            lines = _Lines(stream)
            records = lines.records()
            next(records, None)
            for line, data in records:
                self.position = stream.tell()
                if data is None:
                    yield self._rejection(line, f"a record of at most {MAX_RECORD_BYTES:,} bytes with closed quotes")
                    continue
                cells = self._cells(line, data)
                if cells is None:
                    continue
                if isinstance(cells, Rejection):
                    lines.retry_from_second(data)
                    yield cells
                else:
                    yield self._row(line, cells)

    def _cells(self, line: int, data: bytes) -> list[str] | Rejection | None:
        """Cells of a record that fits the header, invalid UTF-8 bytes as surrogates; None for a blank record."""
        text = data.decode("utf-8", "surrogateescape")
        if not text.strip():
            return None
        try:
            cells = _split(text)
        except csv.Error as error:
            return self._rejection(line, f"RFC 4180 quoting ({error})")
        if len(cells) != len(self._header):
            return self._rejection(line, f"{len(self._header)} columns, got {len(cells)}")
        return cells

    def _row(self, line: int, cells: list[str]) -> Row | Rejection:
        for name, cell in zip(self._header, cells, strict=True):
            if broken := _BROKEN.search(cell):
                return self._rejection(line, f"UTF-8 text, got the byte 0x{ord(broken[0]) & 0xFF:02x}", field=name)
        named = zip(self._header, cells, strict=True)
        return Row(line, {name: cell for name, cell in named if cell and name in self._columns})

    def _rejection(self, line: int, expected: str, *, field: str = "row") -> Rejection:
        return Rejection(self.path.name, line, field, f"expected {expected}")


class _Lines:
    """Record reader: joins physical lines to one record while quotes are open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._again: deque[bytes] = deque()
        self._line = 0

    def records(self) -> Iterator[tuple[int, bytes | None]]:
        """Records as `(first line, bytes)`; None instead of bytes if a record is too long or never ends."""
        while first := self._next():
            start = self._line
            parts, size, is_open = [first], len(first), _is_odd(first)
            while is_open and size <= MAX_RECORD_BYTES and (more := self._next()):
                parts.append(more)
                size += len(more)
                is_open ^= _is_odd(more)
            if is_open or size > MAX_RECORD_BYTES:
                self._give_back(parts[1:])
                yield start, None
            else:
                yield start, b"".join(parts)

    def retry_from_second(self, record: bytes) -> None:
        """Retry of a record: its lines from the second on are read again as new records."""
        self._give_back(io.BytesIO(record).readlines()[1:])

    def _next(self) -> bytes:
        if self._again:
            line = self._again.popleft()
        else:
            line = self._stream.readline(MAX_RECORD_BYTES + 1)
            rest = line
            # Skip the rest of an overlong line, which is rejected anyway.
            while len(rest) > MAX_RECORD_BYTES and not rest.endswith(b"\n"):
                rest = self._stream.readline(MAX_RECORD_BYTES + 1)
        if line:
            self._line += 1
        return line

    def _give_back(self, lines: list[bytes]) -> None:
        self._again.extendleft(reversed(lines))
        self._line -= len(lines)


def _is_odd(line: bytes) -> bool:
    return line.count(b'"') % 2 == 1


def _split(text: str) -> list[str]:
    # The limit of the csv module is global to the process; records are already bounded by MAX_RECORD_BYTES.
    csv.field_size_limit(MAX_RECORD_BYTES)
    rows = list(csv.reader([text], strict=True))
    return rows[0] if rows else []


def _header(file: str, record: tuple[int, bytes | None] | None) -> list[str]:
    data = record[1] if record else None
    field = f"{file}: header"
    if data is None:
        raise InvalidField(field, "", "a first line with the names of the columns")
    try:
        names = [name.strip() for name in _split(data.removeprefix(_BOM).decode("utf-8"))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidField(field, data, f"names of columns in UTF-8, separated by commas ({error})") from error
    if not 1 <= len(names) <= _MAX_COLUMNS or len(set(names)) < len(names):
        raise InvalidField(field, ",".join(names), f"1 to {_MAX_COLUMNS} different names of columns")
    return names


class RejectionFile:
    """CSV file of rejections, written row by row and replaced by every run; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_file: Counter[str] = Counter()
        self._stream = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(("file", "line", "field", "reason"))

    def add(self, rejection: Rejection) -> None:
        """Append a rejection to the file and to the counts by file."""
        self.by_file[rejection.file] += 1
        self._writer.writerow((rejection.file, rejection.line, rejection.field, rejection.reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()
