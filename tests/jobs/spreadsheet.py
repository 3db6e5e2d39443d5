"""Folders as a spreadsheet exports them: other separators, encodings, dates and numbers than the ones it was given."""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

_TIMES = ("starts_at", "ends_at", "created_at", "occurred_at")
_DECIMALS = ("latitude", "longitude", "price", "max_price", "value")
_LISTS = ("tags", "preferred_categories", "preferred_tags", "friends")
_BOMS = {"utf-8-sig": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Dialect of an export: how its rows, and how its cells are written."""

    separator: str = ","
    encoding: str = "utf-8"
    line_end: str = "\r\n"
    is_all_quoted: bool = False
    is_declared: bool = False
    titles: Sequence[str] = ()
    n_empty: int = 0
    dates: str = "%Y-%m-%dT%H:%M:%S"
    zone: ZoneInfo | None = None
    decimal: str = "."
    list_separator: str = "|"
    columns: Mapping[str, str] = field(default_factory=dict)


def encode(header: Sequence[str], rows: Sequence[Sequence[str]], dialect: Dialect) -> bytes:
    """File of a header and rows as they are."""
    stream = io.StringIO(newline="")
    if dialect.is_declared:
        stream.write(f"sep={dialect.separator}{dialect.line_end}")
    for title in dialect.titles:
        stream.write(f"{title}{dialect.separator * (len(header) + dialect.n_empty - 1)}{dialect.line_end}")
    writer = csv.writer(
        stream,
        delimiter=dialect.separator,
        lineterminator=dialect.line_end,
        quoting=csv.QUOTE_ALL if dialect.is_all_quoted else csv.QUOTE_MINIMAL,
    )
    writer.writerows([*row, *[""] * dialect.n_empty] for row in (header, *rows))
    text = stream.getvalue()
    if dialect.n_empty:
        # Empty rows below the data, of a selection that was larger.
        text += f"{dialect.separator * (len(header) + dialect.n_empty - 1)}{dialect.line_end}" * 2
    return _BOMS.get(dialect.encoding, b"") + text.encode(dialect.encoding)


def export(source: Path, target: Path, dialect: Dialect) -> None:
    """Folder `source`, whose files are as the documentation lists them, as another program exports it to `target`."""
    target.mkdir(exist_ok=True)
    for path in source.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as stream:
            header, *rows = csv.reader(stream)
        cells = [[_cell(name, cell, dialect) for name, cell in zip(header, row, strict=True)] for row in rows]
        names = [dialect.columns.get(name, name) for name in header]
        (target / path.name).write_bytes(encode(names, cells, dialect))


def _cell(name: str, cell: str, dialect: Dialect) -> str:
    if name in _TIMES and cell and dialect.zone:
        moment = datetime.fromisoformat(cell).astimezone(dialect.zone)
        # Of an hour that comes twice, the later needs its offset.
        is_later = moment.fold or moment.utcoffset() != moment.replace(fold=1).utcoffset()
        return cell if is_later else moment.strftime(dialect.dates)
    if name in _DECIMALS and cell:
        return ("Free" if name == "price" and float(cell) == 0 else cell).replace(".", dialect.decimal)
    return cell.replace("|", dialect.list_separator) if name in _LISTS else cell
