"""Attributes of events as columns with learned embeddings: fields, the hour of the day and tags."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets, positions_of
from shared.arrays.ragged import Ragged
from shared.catalog.catalog import Catalog

FIELDS: Final = ("organizer", "venue", "series", "district", "slot", "category")
MAX_COLUMNS: Final = 20_000
"""Attributes with an embedding, those of most liked events: bounds the artifact to 2.6 MB and the time of a step."""

_BAG: Final = "tags"
_CHUNK: Final = 4_096
"""Events whose embeddings are summed at once: bounds memory."""
_HOURS: Final = 24
_HOUR_S: Final = 3_600.0

Attributes = Ragged[NDArray[np.int64], NDArray[np.float32]]
"""Attributes of n events, a ragged array of n rows: column and weight of each, columns ascending."""


def column_offsets(catalog: Catalog) -> NDArray[np.int64]:
    """First column of each field, then of the hours and of the bag, then the number of columns; trained names only."""
    sizes = [int(catalog.fields[name].trained.max(initial=-1)) + 1 for name in FIELDS]
    return offsets([*sizes, _HOURS, len(catalog.bags[_BAG].names)])


def attributes_of(catalog: Catalog, rows: NDArray[np.integer]) -> Attributes:
    """Attributes of the events `rows`: weight 1 for a field's value and the local hour of the start, TF-IDF for tags.

    Values that are newer than the training have no column.
    """
    first_columns = column_offsets(catalog)
    codes = [catalog.fields[name].trained_at(rows) for name in FIELDS]
    local_s = catalog.starts_at[rows] + catalog.start_shift_s[rows]
    is_dated = np.isfinite(local_s)
    codes.append(np.where(is_dated, np.where(is_dated, local_s, 0) // _HOUR_S % _HOURS, -1).astype(np.int32))
    numbers = np.stack(codes, axis=1)
    columns = numbers + first_columns[: len(codes)]
    positions, of_bag = np.nonzero(numbers >= 0)
    tagged, tags, weights = catalog.bags[_BAG].entries(rows)
    owners = np.concatenate([positions, tagged])
    # Entries of one event stay in the order of columns, since those of the bag come last.
    return Ragged.grouped(
        owners,
        len(rows),
        np.concatenate([columns[positions, of_bag], first_columns[len(codes)] + tags]).astype(np.int64),
        np.concatenate([np.ones(len(positions), np.float32), weights]),
    )


def most_used(columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Distinct columns, the `MAX_COLUMNS` that occur most often of them, ascending."""
    found, counts = np.unique(columns, return_counts=True)
    return np.sort(found[np.argsort(-counts, kind="stable")[:MAX_COLUMNS]])


def sums_of_attributes(
    catalog: Catalog, rows: NDArray[np.integer], columns: NDArray[np.integer], embeddings: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sums of the weighted embeddings of the events' attributes, and of the weights: float32 of shape (n, d) and (n,).

    Parameters
    ----------
    columns : int of shape (k,), ascending – the attributes with an embedding; all others count for nothing.
    embeddings : float of shape (k, d).
    """
    sums = np.zeros((len(rows), embeddings.shape[1]), np.float32)
    totals = np.zeros(len(rows), np.float32)
    for begin in range(0, len(rows), _CHUNK):
        attributes = attributes_of(catalog, rows[begin : begin + _CHUNK])
        places = positions_of(columns, attributes.values[0])
        attributes = attributes.with_values(places, attributes.values[1]).where(places >= 0)
        places, weights = attributes.values
        has_any = np.flatnonzero(attributes.lengths())
        if len(has_any):
            begins = attributes.starts[:-1][has_any]
            weighted = embeddings[places].astype(np.float32, copy=False) * weights[:, None]
            sums[begin + has_any] = np.add.reduceat(weighted, begins, axis=0)
            totals[begin + has_any] = np.add.reduceat(weights, begins)
    return sums, totals
