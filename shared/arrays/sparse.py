"""Small matrices that are mostly zeros."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_PROFILE_NAMES: Final = 300
_MAX_DENSE: Final = 2_000_000

Sparse = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Owners, columns and values of a sparse matrix's entries."""


def scatter(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """A dense matrix of sums, float32 of `shape`."""
    return summed(rows.astype(np.int64) * shape[1] + columns, weights, shape)


def summed(cells: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The same by cell, counted row by row."""
    size = shape[0] * shape[1]
    sums = np.bincount(cells, weights=weights, minlength=size) if size else np.zeros(0)
    return sums.astype(np.float32).reshape(shape)


def unit_sparse(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], n_rows: int
) -> Sparse:
    """Sums by cell with rows scaled to length 1, then cut to each row's `MAX_PROFILE_NAMES` strongest entries."""
    names, local = np.unique(columns, return_inverse=True)
    owners, places, values = unit_rows(rows, local, weights, (n_rows, len(names)))
    return owners, names[places].astype(np.int64), values


def unit_rows(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]
) -> Sparse:
    """The same where all columns are in use."""
    n_rows, size = shape[0], max(shape[1], 1)
    cells = rows.astype(np.int64) * size + columns
    if n_rows * size <= _MAX_DENSE:
        # Adding into a small dense matrix needs no sorting of all entries.
        sums = np.bincount(cells, weights=weights, minlength=n_rows * size)
        found = np.flatnonzero(sums)
        sums = sums[found]
    else:
        found, inverse = np.unique(cells, return_inverse=True)
        sums = np.bincount(inverse, weights=weights, minlength=len(found))
    owners, places = found // size, found % size
    lengths = np.sqrt(np.bincount(owners, weights=sums**2, minlength=n_rows))
    values = (sums / np.maximum(lengths[owners], 1e-12)).astype(np.float32)
    starts = np.searchsorted(owners, np.arange(n_rows + 1))
    kept = np.ones(len(values), np.bool_)
    for row in np.flatnonzero(np.diff(starts) > MAX_PROFILE_NAMES):
        strongest = np.argsort(-values[starts[row] : starts[row + 1]], kind="stable")
        kept[starts[row] + strongest[MAX_PROFILE_NAMES:]] = False
    return owners[kept], places[kept], values[kept]


def segment_sums(values: NDArray[np.float32], segments: NDArray[np.integer], size: int) -> NDArray[np.float32]:
    """Sums over the last axis by ascending segment number, float32 of shape (b, size)."""
    sums = np.zeros((len(values), size), np.float32)
    if len(segments):
        begins = np.flatnonzero(np.diff(segments, prepend=-1))
        sums[:, segments[begins]] = np.add.reduceat(values, begins, axis=1)
    return sums
