"""Succession of candidate sets: what was computed of one serves the next, whose events are mostly the same."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.merge import Merge
from shared.catalog.catalog import Catalog
from shared.signals.static_candidates import StaticCandidates

_MAX_CHANGED: Final = 1 / 8
"""Share of new and changed candidates above which all is computed anew."""


@dataclass(frozen=True, slots=True)
class Succession:
    """Candidates of an earlier catalog, c of them, and what became of them in a later one.

    Attributes
    ----------
    earlier : the candidates.
    rows : int of shape (c,) – their rows in the later catalog.
    is_changed : bool of shape (c,) – whether the event was replaced since.
    """

    earlier: StaticCandidates
    rows: NDArray[np.integer]
    is_changed: NDArray[np.bool_]

    @classmethod
    def of(cls, earlier: StaticCandidates) -> Self:
        """Succession in the candidates' own catalog."""
        return cls(earlier, earlier.rows, np.zeros(len(earlier), np.bool_))

    def after(self, merge: Merge) -> Self:
        """Succession in the catalog after a merge of changed events, see `Catalog.with_changes`."""
        is_merged = np.zeros(len(merge), np.bool_)
        is_merged[merge.changed] = True
        rows = merge.rows(self.rows)
        return type(self)(self.earlier, rows, self.is_changed | is_merged[rows])

    def candidates(self, catalog: Catalog, rows: NDArray[np.integer]) -> StaticCandidates:
        """Candidates `rows`, int of shape (k,) without repeats, of the later catalog."""
        if catalog is self.earlier.catalog and np.array_equal(rows, self.rows):
            return self.earlier
        column_of_row = np.full(len(catalog), -1, np.int64)
        column_of_row[self.rows] = np.arange(len(self.rows))
        columns = column_of_row.take(rows)
        # The extra last element is for rows that are new.
        is_changed = np.append(self.is_changed, True).take(columns)
        if is_changed.sum() > _MAX_CHANGED * len(rows):
            return StaticCandidates(catalog, rows)
        return self.earlier.following(catalog, rows, columns, is_changed)
