"""All attributes of events as the columns of one sparse matrix, for signals that regress on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import places
from shared.catalog.catalog import Catalog
from shared.signals.candidates import Candidates
from shared.signals.signal import TrainingData
from shared.signals.terms import PerToken, PerValue, Term

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

FIELDS: Final = ("organizer", "venue", "series", "district", "slot")
_BAG: Final = "tags"

Entries = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Place, column and weight of a sparse matrix's entries."""


def offsets_of(catalog: Catalog) -> NDArray[np.int64]:
    """Where each field's columns begin among all, then the bag's, then their number; trained names only."""
    sizes = [int(catalog.fields[name].trained.max(initial=-1)) + 1 for name in FIELDS]
    return np.concatenate([[0], np.cumsum([*sizes, len(catalog.bags[_BAG].names)])]).astype(np.int64)


def entries_of(catalog: Catalog, rows: NDArray[np.integer]) -> Entries:
    """The attributes of some events: place in `rows`, column and weight."""
    offsets = offsets_of(catalog)
    parts = []
    for name, offset in zip(FIELDS, offsets[:-2], strict=True):
        codes = catalog.fields[name].trained_at(rows)
        known = np.flatnonzero(codes >= 0)
        parts.append((known, offset + codes[known], np.ones(len(known), np.float32)))
    owners, columns, weights = catalog.bags[_BAG].entries(rows)
    parts.append((owners, offsets[-2] + columns, weights))
    all_owners, all_columns, all_weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return all_owners, all_columns, all_weights


@dataclass(frozen=True, slots=True)
class Shared:
    """Which of k kept attribute columns the candidates' values and names are.

    Attributes
    ----------
    fields : by field, places among the candidates' values and among the kept columns, int64 of shape (t,) each.
    names, places : int64 – names of the bag and their places among the kept columns.
    """

    fields: tuple[tuple[str, NDArray[np.int64], NDArray[np.int64]], ...]
    names: NDArray[np.int64]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, candidates: Candidates, kept: NDArray[np.integer]) -> Self:
        """For the ascending columns `kept`."""
        offsets = offsets_of(candidates.catalog)
        begins = np.searchsorted(kept, offsets)
        fields = []
        for name, offset, begin, end in zip(FIELDS, offsets[:-2], begins[:-2], begins[1:-1], strict=True):
            found = places(kept[begin:end] - offset, candidates.values(name).trained)
            columns = np.flatnonzero(found >= 0)
            fields.append((name, columns, begin + found[columns]))
        of_bag = np.arange(begins[-2], begins[-1])
        return cls(tuple(fields), (kept[of_bag] - offsets[-2]).astype(np.int64), of_bag)


def terms_of(shared: Shared, wanted: NDArray[np.float32]) -> Iterator[Term]:
    """What b users want of each of k attributes, `wanted` of shape (b, k), as parts of a score."""
    for field, columns, found in shared.fields:
        yield PerValue(field, wanted[:, found], columns)
    owners = np.repeat(np.arange(len(wanted)), len(shared.names))
    yield PerToken(_BAG, (owners, np.tile(shared.names, len(wanted)), wanted[:, shared.places].ravel()))


def attributes(catalog: Catalog) -> "csr_array":
    """Events × attributes, float32 of shape (n_events, n_attributes)."""
    from scipy.sparse import coo_array

    owners, columns, weights = entries_of(catalog, np.arange(len(catalog)))
    return coo_array((weights, (owners, columns)), shape=(len(catalog), int(offsets_of(catalog)[-1]))).tocsr()


def liked_events(data: TrainingData) -> "csr_array":
    """Users × events, float32 of shape (n_users, n_events): 1 where the user liked the event."""

    def make() -> "csr_array":
        from scipy.sparse import coo_array

        size = max(len(data.catalog), 1)
        cells = np.unique(data.table.user_rows[data.liked].astype(np.int64) * size + data.table.event_rows[data.liked])
        ones = np.ones(len(cells), np.float32)
        shape = (len(data.table.users), len(data.catalog))
        return coo_array((ones, (cells // size, cells % size)), shape=shape).tocsr()

    return data.cached("liked events", make)
