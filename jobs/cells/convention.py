"""Conventions of a column, such as the order of day and month, decided by all of its cells."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Generic, TypeVar

Cells = Callable[[], Iterable[str]]
"""All non-empty cells of a column, from a reading of their own."""

Name = TypeVar("Name")
Value = TypeVar("Value")


class Convention(Generic[Name, Value]):
    """Convention of a column: the only one by which all its cells can be read, None if there are none or several.

    Cells that no convention can read are left out. The cells are read when the convention is first asked for, so a
    column whose cells speak for themselves is not read twice.

    Parameters
    ----------
    cells : cells of the column.
    readings : values of a cell by convention; empty if no convention can read it.
    """

    def __init__(self, cells: Cells, readings: Callable[[str], Mapping[Name, Value]]) -> None:
        self._cells = cells
        self._readings = readings

    @cached_property
    def name(self) -> Name | None:
        """Convention that fits the whole column."""
        possible: set[Name] | None = None
        for cell in self._cells():
            if readings := self._readings(cell):
                possible = set(readings) if possible is None else possible & set(readings)
                if not possible:
                    return None
        return next(iter(possible)) if possible and len(possible) == 1 else None

    def choose(self, readings: Mapping[Name, Value]) -> Value | None:
        """Value of a cell: the same by every convention, or that of the column; None if neither is known."""
        values = iter(readings.values())
        first = next(values, None)
        if first is not None and all(value == first for value in values):
            return first
        return readings.get(self.name) if self.name is not None else None
