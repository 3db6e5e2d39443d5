"""Sparse matrices: sums of weights by cell, and rows of unit length."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_PROFILE_NAMES: Final = 300
"""Maximum number of entries that a row keeps: the strongest, which bounds the cost of scoring a long profile."""

_MAX_DENSE: Final = 2_000_000
"""Maximum number of cells that are summed in a dense matrix; with more, the entries are sorted by cell instead.

The dense sum saves a sixth of the time of one user's profiles, 0.39 ms without it, for 10,000 events and for 100,000,
see `benchmarks/twin_paths.py`.
"""

Sparse = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Sparse matrix in coordinate format: rows (owners) and columns as int64, values as float32, each of shape (nnz,)."""


def scatter(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Dense matrix of the weights summed by (row, column), float32 of `shape`."""
    return summed(rows.astype(np.int64) * shape[1] + columns, weights, shape)


def summed(cells: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Dense matrix of the weights summed by cell number `row * n_columns + column`, float32 of `shape`."""
    size = shape[0] * shape[1]
    sums = np.bincount(cells, weights=weights, minlength=size) if size else np.zeros(0)
    return sums.astype(np.float32).reshape(shape)


def unit_sparse(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], n_rows: int
) -> Sparse:
    """Sparse matrix of the weights summed by cell, rows scaled to length 1, for column numbers with large gaps.

    Each row keeps its `MAX_PROFILE_NAMES` largest entries; entries are in order of row, then column.
    """
    names, local = np.unique(columns, return_inverse=True)
    owners, positions, values = unit_rows(rows, local, weights, (n_rows, len(names)))
    return owners, names[positions].astype(np.int64), values


def unit_rows(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]
) -> Sparse:
    """Sparse matrix of the weights summed by cell, rows scaled to length 1, for columns 0..shape[1]-1.

    Each row keeps its `MAX_PROFILE_NAMES` largest entries; entries are in order of row, then column.
    """
    n_rows, size = shape[0], max(shape[1], 1)
    cells = rows.astype(np.int64) * size + columns
    if n_rows * size <= _MAX_DENSE:
        # A small dense matrix of sums avoids sorting all entries.
        sums = np.bincount(cells, weights=weights, minlength=n_rows * size)
        found = np.flatnonzero(sums)
        sums = sums[found]
    else:
        found, inverse = np.unique(cells, return_inverse=True)
        sums = np.bincount(inverse, weights=weights, minlength=len(found))
    owners, entry_columns = found // size, found % size
    lengths = np.sqrt(np.bincount(owners, weights=sums**2, minlength=n_rows))
    values = (sums / np.maximum(lengths[owners], 1e-12)).astype(np.float32)
    starts = np.searchsorted(owners, np.arange(n_rows + 1))
    kept = np.ones(len(values), np.bool_)
    for row in np.flatnonzero(np.diff(starts) > MAX_PROFILE_NAMES):
        strongest = np.argsort(-values[starts[row] : starts[row + 1]], kind="stable")
        kept[starts[row] + strongest[MAX_PROFILE_NAMES:]] = False
    return owners[kept], entry_columns[kept], values[kept]
