"""CSV reader that works row by row, so that a bad row does not affect the rows around it."""

import csv
import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Self

from jobs.encoding import detect
from jobs.header import find_header
from jobs.lines import MAX_RECORD_BYTES, Lines, split
from jobs.naming import Naming

_SHOWN: Final = 10
"""Most fields of which reasons are shown in short."""
# Bytes that are not UTF-8, as decoded by "surrogateescape", and NUL, which no store needs in texts.
_BROKEN: Final = re.compile("[\x00\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rejected row: file, first line of the row (from 1), field and reason."""

    file: str
    line: int
    field: str
    reason: str

    @property
    def expected(self) -> str:
        """Reason without the value of the row, which may be about a user."""
        return self.reason.partition(", got ")[0]


@dataclass(frozen=True, slots=True)
class Row:
    """Accepted row: first line (from 1) and its cells with text by field; spaces alone are none."""

    line: int
    cells: dict[str, str]


class CsvFile:
    """CSV file with a header, as spreadsheets and databases write it.

    Encoding (see `encoding.py`), line endings and separator (comma, semicolon, tab, bar, or the one of a line `sep=;`)
    are those of the file, spaces after separators included; quoting is that of RFC 4180. The header is the line with
    the most names of fields among the first, so that titles may stand above it.

    An unclosed quote would swallow the rest of the file. Therefore, a record that spans lines and does not fit the
    header is rejected at its first line, and reading goes on with its second line.

    Parameters
    ----------
    path : path of the file.
    columns : fields to read; the columns of no field are listed in `unknown`.
    required : fields that the header must have; raises `InvalidField` naming the first missing one.
    assigned, offered : columns with other names than their field, see `Naming`.
    """

    def __init__(
        self,
        path: Path,
        *,
        columns: Sequence[str],
        required: Sequence[str],
        assigned: Mapping[str, str] | None = None,
        offered: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0
        self._columns = frozenset(columns)
        self.naming = Naming(self._columns, assigned or {}, offered)
        self.encoding = detect(path)
        with path.open("rb") as stream:
            self._header = find_header(path.name, Lines(self.encoding, stream), self.naming, required)
        self.header = self._header.names
        self.header_line = self._header.line
        fields = self.naming.fields(self.header)
        self.fields = tuple(fields)
        self.unknown = tuple(dict.fromkeys(name for name in self.header if name and name not in fields.values()))
        self._positions = [(self.header.index(theirs), ours) for ours, theirs in fields.items()]
        self._n_named = max((index for index, name in enumerate(self.header, 1) if name), default=0)
        self._blank = f"{string.whitespace}{self._header.separator}"

    def __iter__(self) -> Iterator[Row | Rejection]:
        """Rows and rejections in file order; `position` is the number of bytes read so far, out of `size`."""
        with self.path.open("rb") as stream:
            for item in self._rows(stream):
                self.position = stream.tell()
                yield item

    def cells(self, field: str) -> Iterator[str]:
        """Non-empty cells of a field in file order, from a reading of their own; without those of rejected rows."""
        with self.path.open("rb") as stream:
            for item in self._rows(stream):
                if isinstance(item, Row) and field in item.cells:
                    yield item.cells[field]

    def _rows(self, stream: BinaryIO) -> Iterator[Row | Rejection]:
        lines = Lines(self.encoding, stream, self._header.separator, is_spaced=self._header.is_spaced)
        for line, data in islice(lines.records(), self._header.n_before + 1, None):
            if data is None:
                yield self._rejection(line, f"a record of at most {MAX_RECORD_BYTES:,} bytes with closed quotes")
                continue
            cells = self._cells(line, data)
            if cells is None:
                continue
            if isinstance(cells, Rejection):
                lines.retry_from_second()
                yield cells
            # Most records are ASCII, and searching each of their cells would be slow.
            elif (not data.isascii() or b"\0" in data) and (broken := self._broken(line, cells)):
                yield broken
            else:
                named = ((name, cells[index]) for index, name in self._positions)
                yield Row(line, {name: cell for name, cell in named if cell and not cell.isspace()})

    def _cells(self, line: int, data: bytes) -> list[str] | Rejection | None:
        """Cells of a record that fits the header; None for a record without text."""
        text = data.decode("utf-8", "surrogateescape")
        if not (some := text.strip(self._blank)) or some.isspace():
            return None
        try:
            cells = split(text, self._header.separator, is_spaced=self._header.is_spaced)
        except csv.Error as error:
            return self._rejection(line, f"RFC 4180 quoting ({error})")
        if len(cells) != len(self.header) and not self._fits(cells):
            return self._rejection(line, f"{self._n_named} columns, got {len(cells)}")
        return cells

    def _broken(self, line: int, cells: list[str]) -> Rejection | None:
        """Rejection of a record with bytes that are no text; None if it has none."""
        for name, cell in zip(self.header, cells, strict=False):
            if broken := _BROKEN.search(cell):
                reason = f"UTF-8 text, got the byte 0x{ord(broken[0]) & 0xFF:02x}"
                return self._rejection(line, reason, field=name or "row")
        return None

    def _fits(self, cells: list[str]) -> bool:
        """Fit of a record with fewer or more cells than the header, which differ in cells without a name or text."""
        return len(cells) >= self._n_named and not any(map(str.strip, cells[len(self.header) :]))

    def _rejection(self, line: int, expected: str, *, field: str = "row") -> Rejection:
        return Rejection(self.path.name, line, field, f"expected {expected}")


class Rejections:
    """Counts of rejected rows by file and by field, each field with its first rejection."""

    def __init__(self) -> None:
        self.by_file: Counter[str] = Counter()
        self._by_field: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], Rejection] = {}

    def add(self, rejection: Rejection) -> None:
        """Count a rejection."""
        key = rejection.file, rejection.field
        self.by_file[rejection.file] += 1
        self._by_field[key] += 1
        self._first.setdefault(key, rejection)

    def in_short(self) -> Iterator[str]:
        """Lines of text: the number of rows of each field, most first, and its first reason."""
        for (file, field), count in self._by_field.most_common(_SHOWN):
            first = self._first[file, field]
            where = f"{count:,} rows rejected, the first at line" if count > 1 else "a row rejected, line"
            yield f"warning: {file}: {where} {first.line}: {field}: {first.expected}"


class RejectionFile(Rejections):
    """CSV file of rejections, written row by row and replaced by every run; a context manager."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._stream = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(("file", "line", "field", "reason"))

    def add(self, rejection: Rejection) -> None:
        """Append a rejection to the file and to the counts."""
        super().add(rejection)
        self._writer.writerow((rejection.file, rejection.line, rejection.field, rejection.reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()
