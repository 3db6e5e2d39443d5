"""Header of a CSV file: where it is, and by what its cells are separated."""

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from jobs.lines import Lines, split
from jobs.naming import Naming
from shared.errors import InvalidField

_MAX_COLUMNS: Final = 200
_MAX_TITLES: Final = 20
"""Most records above the header: titles, notes and blank rows of a spreadsheet."""

_SEPARATORS: Final = (",", ";", "\t", "|")
_DECLARED: Final = re.compile(r'\ufeff?"?sep=([^"\w\s]|\t)"?[^\w]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a file: names of the columns, separator, and where it is: its line and the records before it.

    `is_spaced` tells that spaces follow the separators, as in `event_id, title`.
    """

    names: tuple[str, ...]
    separator: str
    is_spaced: bool = False
    line: int = 1
    n_before: int = 0


def find_header(file: str, lines: Lines, naming: Naming, required: Sequence[str]) -> Header:
    """Header among the first records: the one with all required fields, else an error about the one that is nearest."""
    where = f"{file}: header"
    separators: Sequence[str] = _SEPARATORS
    candidates: list[Header] = []
    is_broken = False
    for number, (line, data) in enumerate(islice(lines.records(), _MAX_TITLES + 1)):
        is_broken |= data is None
        text = (data or b"").decode("utf-8", "replace")
        if not number and (declared := _DECLARED.fullmatch(text)):
            separators = (declared[1],)
        for separator in separators if text.strip() else ():
            with suppress(csv.Error):
                later = [name for name in text.split(separator)[1:] if name.strip()]
                is_spaced = bool(later) and all(name.startswith(" ") for name in later)
                names = tuple(name.strip() for name in split(text, separator, is_spaced=is_spaced))
                candidates.append(Header(names, separator, is_spaced, line, number))
    if not any(naming.fields(candidate.names) for candidate in candidates) and (is_broken or not candidates):
        raise InvalidField(where, "", "a first line with the names of the columns")

    def rank(header: Header) -> tuple[bool, int]:
        fields = naming.fields(header.names)
        return all(name in fields for name in required), len(fields)

    # Of equal ranks the first counts, so a single column is one of a file with commas.
    best = max(candidates, key=rank)
    if rank(best) == (False, 0):
        best = max(candidates, key=lambda header: sum(bool(naming.close(name)) for name in header.names))
    names, fields = best.names, naming.fields(best.names)
    if len(names) > _MAX_COLUMNS or any(names.count(name) > 1 for name in fields.values()):
        raise InvalidField(where, ",".join(names), f"1 to {_MAX_COLUMNS} different names of columns")
    for name in required:
        if name not in fields:
            advice = naming.advice((column for column in names if column not in fields.values()), fields)
            raise InvalidField(where, ",".join(names), f"a column {name}{f' ({advice})' if advice else ''}")
    return best
