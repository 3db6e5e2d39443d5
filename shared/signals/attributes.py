"""Attribute matrix: all attributes of events as the columns of one sparse matrix, for signals that regress on them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets, positions_of
from shared.catalog.catalog import Catalog
from shared.signals.candidates import Candidates
from shared.signals.terms import PerToken, PerValue, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

FIELDS: Final = ("organizer", "venue", "series", "district", "slot")
_BAG: Final = "tags"

Entries = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Sparse matrix entries (COO): row, column and weight of each."""


def column_offsets(catalog: Catalog) -> NDArray[np.int64]:
    """First column of each field, then that of the bag, then the number of columns, int64; trained names only."""
    sizes = [int(catalog.fields[name].trained.max(initial=-1)) + 1 for name in FIELDS]
    return offsets([*sizes, len(catalog.bags[_BAG].names)])


def attribute_entries(catalog: Catalog, rows: NDArray[np.integer]) -> Entries:
    """Attributes of the events `rows` as sparse entries: position in `rows`, column and weight."""
    first_columns = column_offsets(catalog)
    parts = []
    for name, first in zip(FIELDS, first_columns[:-2], strict=True):
        codes = catalog.fields[name].trained_at(rows)
        known = np.flatnonzero(codes >= 0)
        parts.append((known, first + codes[known], np.ones(len(known), np.float32)))
    positions, columns, weights = catalog.bags[_BAG].entries(rows)
    parts.append((positions, first_columns[-2] + columns, weights))
    all_positions, all_columns, all_weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return all_positions, all_columns, all_weights


def attribute_positions(candidates: Candidates, kept: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
    """Positions, int64, that map `kept`, attribute columns in ascending order, to the values and tokens of candidates.

    `FIELD.values` and `FIELD.kept` of each field are positions among the candidates' values and among `kept`;
    `tokens` and `tokens.kept` are names of the bag and their positions among `kept`.
    """
    first_columns = column_offsets(candidates.catalog)
    begins = np.searchsorted(kept, first_columns)
    positions: dict[str, NDArray[np.int64]] = {}
    for name, first, begin, end in zip(FIELDS, first_columns[:-2], begins[:-2], begins[1:-1], strict=True):
        found = positions_of(kept[begin:end] - first, candidates.static.values[name].trained)
        columns = np.flatnonzero(found >= 0)
        positions |= {f"{name}.values": columns, f"{name}.kept": begin + found[columns]}
    of_bag = np.arange(begins[-2], begins[-1])
    return positions | {"tokens": (kept[of_bag] - first_columns[-2]).astype(np.int64), "tokens.kept": of_bag}


def attribute_terms(positions: Mapping[str, NDArray[np.int64]], scores: NDArray[np.float32]) -> Iterator[Term]:
    """Score terms from b users' scores of k attributes, float32 of shape (b, k); see `attribute_positions`."""
    for field in FIELDS:
        yield PerValue(field, scores[:, positions[f"{field}.kept"]], positions[f"{field}.values"])
    tokens = positions["tokens"]
    users = np.repeat(np.arange(len(scores)), len(tokens))
    yield PerToken(_BAG, (users, np.tile(tokens, len(scores)), scores[:, positions["tokens.kept"]].ravel()))


def attribute_matrix(catalog: Catalog) -> "csr_array":
    """Event × attribute matrix, float32 of shape (n_events, n_attributes): 1 for a field's value, TF-IDF for a tag."""
    from scipy.sparse import coo_array

    rows, columns, weights = attribute_entries(catalog, np.arange(len(catalog)))
    return coo_array((weights, (rows, columns)), shape=(len(catalog), int(column_offsets(catalog)[-1]))).tocsr()


def known_likes(events: NDArray[np.integer], batch: UserBatch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Liked events of a batch that are among k ascending trained `events`, and who liked them.

    Positions in `events`, int64 of shape (t,), and the users' likes of those, float32 of shape (b, t), 0 or 1.
    """
    positions = positions_of(events, batch.candidates.catalog.trained[batch.events[0]])
    return positions[positions >= 0], batch.liked_events[:, positions >= 0]


def liked_rows(events: NDArray[np.integer], batch: UserBatch) -> NDArray[np.float32]:
    """Rows of `TrainingData.liked_matrix` for a batch of users and k ascending trained `events`, float32 (b, k)."""
    positions, likes = known_likes(events, batch)
    rows = np.zeros((len(batch), len(events)), np.float32)
    rows[:, positions] = likes
    return rows
