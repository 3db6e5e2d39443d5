"""Ragged arrays: rows of different lengths in concatenated arrays, the compressed sparse row format (CSR)."""

from dataclasses import dataclass
from typing import Generic, Self, TypeVarTuple, cast

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets

Values = TypeVarTuple("Values")
Others = TypeVarTuple("Others")


@dataclass(frozen=True, slots=True)
class Ragged(Generic[*Values]):
    """Ragged array of n rows with together m entries (CSR): row i has the entries `starts[i]:starts[i + 1]`.

    Attributes
    ----------
    starts : int64 of shape (n + 1,), ascending from 0.
    values : arrays of shape (m,) – the values of the entries, such as the columns and weights of a sparse matrix.

    >>> lists = Ragged.of_lengths(np.array([2, 0, 1]), np.array([7, 8, 9]))
    >>> lists.rows(np.array([2, 0])).values[0].tolist()
    [9, 7, 8]
    """

    starts: NDArray[np.int64]
    values: tuple[*Values]

    @classmethod
    def of_lengths(cls, lengths: NDArray[np.integer], *values: *Values) -> Self:
        """Ragged array of entries that are in order of their rows; `lengths` has shape (n,)."""
        return cls(offsets(lengths), values)

    @classmethod
    def of_ranges(cls, begins: NDArray[np.integer], lengths: NDArray[np.integer], *values: *Values) -> Self:
        """Ragged array whose row i is the range `begins[i]:begins[i] + lengths[i]` of the given arrays, copied.

        >>> Ragged.of_ranges(np.array([7, 0, 3]), np.array([2, 0, 3]), np.arange(10)).values[0].tolist()
        [7, 8, 3, 4, 5]
        """
        starts = offsets(lengths)
        return cls(starts, _picked(values, np.arange(starts[-1]) + (begins - starts[:-1]).repeat(lengths)))

    @classmethod
    def grouped(cls, rows: NDArray[np.integer], size: int, *values: *Values) -> Self:
        """Ragged array of `size` rows from entries in any order, which each row keeps.

        Inverts a sparse matrix: its columns become the rows, and the rows of its entries a value.

        Parameters
        ----------
        rows : int of shape (m,) – row of each entry, at least 0; entries with `size` or more are left out.
        """
        starts = offsets(np.bincount(rows, minlength=size)[:size])
        # NumPy sorts numbers of 16 bits digit by digit, in a sixth of the time of comparisons.
        keys = np.minimum(rows, size).astype(np.uint16) if size <= np.iinfo(np.uint16).max else rows
        order = np.argsort(keys, kind="stable")[: starts[-1]]
        return cls(starts, _picked(values, order))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def lengths(self) -> NDArray[np.int64]:
        """Number of entries of each row, int64 of shape (n,)."""
        return self.starts[1:] - self.starts[:-1]

    def row_of_entry(self) -> NDArray[np.int64]:
        """Row of each entry, int64 of shape (m,), ascending."""
        return np.arange(len(self)).repeat(self.lengths())

    def rows(self, picked: NDArray[np.integer]) -> Self:
        """Ragged array of the rows `picked`, int of shape (k,), in their order; rows may repeat."""
        begins = self.starts[picked]
        return self.of_ranges(begins, self.starts[picked + 1] - begins, *self.values)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """Ragged array with only the entries that `mask`, bool of shape (m,), selects."""
        return type(self)(offsets(mask)[self.starts], _picked(self.values, mask))

    def having(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mask of the rows with at least one entry that `mask`, bool of shape (m,), selects; bool of shape (n,)."""
        return np.diff(offsets(mask)[self.starts]) > 0

    def with_values(self, *values: *Others) -> "Ragged[*Others]":
        """Ragged array of the same row lengths with other values, arrays of shape (m,)."""
        return Ragged(self.starts, values)


def _picked(values: tuple[*Values], index: NDArray[np.integer] | NDArray[np.bool_]) -> tuple[*Values]:
    arrays = cast("tuple[NDArray[np.generic], ...]", values)
    return cast("tuple[*Values]", tuple([array[index] for array in arrays]))
