"""How alike two events are, by what outlasts them: new events have the same vectors as old ones."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.signals.candidates import Candidates

_BAGS: Final = {"text": 0.30, "tags": 0.25}
_FIELDS: Final = {
    "series": 0.10,
    "organizer": 0.10,
    "category": 0.10,
    "subcategory": 0.10,
    "venue": 0.05,
}


def similarity(candidates: Candidates, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Cosine of b events and c candidates, float32 of shape (b, c) in 0..1.

    An event's vector holds its bags, each of length 1, and a 1 for the value of each field, scaled by the roots of
    their weights.
    """
    catalog, b = candidates.catalog, len(rows)
    products = np.zeros((b, len(candidates)), np.float32)
    for name, weight in _BAGS.items():
        places, columns, weights = catalog.bags[name].entries(rows)
        products += weight * candidates.dot(name, (places, columns.astype(np.int64), weights), b)
    for name, weight in _FIELDS.items():
        codes = catalog.fields[name].at(rows)
        same = (candidates.codes(name)[None, :] == codes[:, None]) & (codes >= 0)[:, None]
        products += np.float32(weight) * same
    lengths = candidates.cached_static("likeness lengths", lambda: _lengths(catalog, candidates.rows))
    cosines: NDArray[np.float32] = products / np.maximum(_lengths(catalog, rows)[:, None] * lengths, 1e-6)
    return cosines


def _lengths(catalog: Catalog, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    squares = np.zeros(len(rows), np.float32)
    for name, weight in _BAGS.items():
        starts = catalog.bags[name].starts
        squares += weight * (starts[rows + 1] > starts[rows])
    for name, weight in _FIELDS.items():
        squares += weight * (catalog.fields[name].at(rows) >= 0)
    lengths: NDArray[np.float32] = np.sqrt(squares)
    return lengths
