"""Lists in a cell: separated by bars, commas or semicolons, or written as JSON."""

import json
from typing import Final

from jobs.cells.convention import Cells
from shared.errors import InvalidField

SEPARATOR: Final = "|"
_OTHERS: Final = (",", ";")
_QUOTED: Final = ("['", '["')


class ListColumn:
    """Lists of a column. If a cell has a bar, bars separate in the whole column, and commas are parts of items.

    Parameters
    ----------
    field : name of the field.
    cells : cells of the column, for its separator.
    """

    def __init__(self, field: str, cells: Cells) -> None:
        self._field = field
        self._cells = cells
        self._separators: tuple[str, ...] = ()

    def read(self, cell: str) -> list[str]:
        """Items of a cell; raises `InvalidField` where the column has commas and semicolons."""
        if "[" in cell:
            items = _of_json(cell)
            if items is not None:
                return items
            if cell.lstrip().startswith(_QUOTED):
                expected = 'a list in JSON, such as ["jazz", "live"], or items separated by "|"'
                raise InvalidField(self._field, cell, expected)
        separator = SEPARATOR
        if SEPARATOR in cell:
            self._separators = (SEPARATOR,)
        elif any(other in cell for other in _OTHERS):
            self._separators = self._separators or self._found()
            if len(self._separators) > 1:
                raise InvalidField(self._field, cell, 'items separated by "|", since the column has "," and ";"')
            [separator] = self._separators
        return [part.strip() for part in cell.split(separator)]

    def _found(self) -> tuple[str, ...]:
        found: set[str] = set()
        for cell in self._cells():
            if "[" not in cell or _of_json(cell) is None:
                if SEPARATOR in cell:
                    return (SEPARATOR,)
                found.update(other for other in _OTHERS if other in cell)
        return tuple(found)


def _of_json(cell: str) -> list[str] | None:
    """Items of a JSON list of texts and numbers; None for any other text."""
    try:
        items = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    is_list = isinstance(items, list) and all(isinstance(item, str | int | float) for item in items)
    return [str(item).strip() for item in items] if is_list else None
