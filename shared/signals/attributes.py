"""Attribute matrix: all attributes of events as the columns of one sparse matrix, for signals that regress on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets, positions_of
from shared.catalog.catalog import Catalog
from shared.signals.candidates import Candidates
from shared.signals.signal import TrainingData
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


@dataclass(frozen=True, slots=True)
class CandidateAttributes:
    """Mapping from k kept attribute columns to the values and names that candidates have.

    Attributes
    ----------
    fields : by field, positions among the candidates' values and among the kept columns, int64 of shape (t,) each.
    names, positions : int64 of shape (t,) – names of the bag and their positions among the kept columns.
    """

    fields: tuple[tuple[str, NDArray[np.int64], NDArray[np.int64]], ...]
    names: NDArray[np.int64]
    positions: NDArray[np.int64]

    @classmethod
    def of(cls, candidates: Candidates, kept: NDArray[np.integer]) -> Self:
        """Mapping from `kept`, attribute columns in ascending order, int of shape (k,), to these candidates."""
        first_columns = column_offsets(candidates.catalog)
        begins = np.searchsorted(kept, first_columns)
        fields = []
        for name, first, begin, end in zip(FIELDS, first_columns[:-2], begins[:-2], begins[1:-1], strict=True):
            found = positions_of(kept[begin:end] - first, candidates.values(name).trained)
            columns = np.flatnonzero(found >= 0)
            fields.append((name, columns, begin + found[columns]))
        of_bag = np.arange(begins[-2], begins[-1])
        return cls(tuple(fields), (kept[of_bag] - first_columns[-2]).astype(np.int64), of_bag)


def attribute_terms(attributes: CandidateAttributes, scores: NDArray[np.float32]) -> Iterator[Term]:
    """Score terms from b users' scores of k attributes, `scores` of shape (b, k)."""
    for field, columns, kept_columns in attributes.fields:
        yield PerValue(field, scores[:, kept_columns], columns)
    users = np.repeat(np.arange(len(scores)), len(attributes.names))
    yield PerToken(_BAG, (users, np.tile(attributes.names, len(scores)), scores[:, attributes.positions].ravel()))


def attribute_matrix(catalog: Catalog) -> "csr_array":
    """Event × attribute matrix, float32 of shape (n_events, n_attributes): 1 for a field's value, TF-IDF for a tag."""
    from scipy.sparse import coo_array

    rows, columns, weights = attribute_entries(catalog, np.arange(len(catalog)))
    return coo_array((weights, (rows, columns)), shape=(len(catalog), int(column_offsets(catalog)[-1]))).tocsr()


def liked_matrix(data: TrainingData) -> "csr_array":
    """User × event matrix of implicit feedback, float32 of shape (n_users, n_events): 1 where the user liked it."""

    def make() -> "csr_array":
        from scipy.sparse import coo_array

        size = max(len(data.catalog), 1)
        cells = np.unique(data.table.user_rows[data.liked].astype(np.int64) * size + data.table.event_rows[data.liked])
        ones = np.ones(len(cells), np.float32)
        shape = (len(data.table.users), len(data.catalog))
        return coo_array((ones, (cells // size, cells % size)), shape=shape).tocsr()

    return data.cached("liked matrix", make)


def known_likes(events: NDArray[np.integer], batch: UserBatch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Liked events of a batch that are among k ascending trained `events`, and who liked them.

    Positions in `events`, int64 of shape (t,), and the users' likes of those, float32 of shape (b, t), 0 or 1.
    """
    positions = positions_of(events, batch.candidates.catalog.trained[batch.events[0]])
    return positions[positions >= 0], batch.liked_events[:, positions >= 0]


def liked_rows(events: NDArray[np.integer], batch: UserBatch) -> NDArray[np.float32]:
    """Rows of `liked_matrix` for the users of a batch and k ascending trained `events`, float32 of shape (b, k)."""
    positions, likes = known_likes(events, batch)
    rows = np.zeros((len(batch), len(events)), np.float32)
    rows[:, positions] = likes
    return rows
