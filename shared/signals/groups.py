"""Groups of candidates that share a value, so that a score of the value is computed once for each group."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.attributes import CategoricalAttribute, Codes


@dataclass(frozen=True, slots=True)
class Values:
    """Distinct values of a field among c candidates, m of them.

    Attributes
    ----------
    codes : int64 of shape (m,) – rows of the field's names, ascending.
    trained : int32 of shape (m,) – rows of the training's names, -1 for a newer name.
    of_candidates : int64 of shape (c,) – position of each candidate's value in `codes`, m where it has none.
    of_names : int64 of shape (n + 1,) – position in `codes` of each of the field's n names, -1 where no candidate has
        it, and of an unknown value last.
    """

    codes: NDArray[np.int64]
    trained: Codes
    of_candidates: NDArray[np.int64]
    of_names: NDArray[np.int64]

    @classmethod
    def of(cls, field: CategoricalAttribute, codes: Codes) -> Self:
        """Distinct values of c candidates with these `codes` of a field, int32 of shape (c,), -1 where unknown."""
        is_used = np.zeros(len(field.names) + 1, np.bool_)
        is_used[codes] = True
        found = np.flatnonzero(is_used[:-1])
        of_names = np.full(len(is_used), -1, np.int64)
        of_names[found] = np.arange(len(found))
        of_candidates = of_names[codes]
        return cls(found, field.trained[found], np.where(of_candidates < 0, len(found), of_candidates), of_names)

    def __len__(self) -> int:
        return len(self.codes)

    def positions_of(self, codes: NDArray[np.integer]) -> NDArray[np.int64]:
        """Positions of other events' codes among these values, int64 of the shape of `codes`; -1 where absent."""
        positions: NDArray[np.int64] = self.of_names[codes]
        return positions


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of c candidates with equal keys, m of them.

    Attributes
    ----------
    rows : int of shape (m,) – row of one event of each group.
    of_candidates : int64 of shape (c,) – group of each candidate, m where it has none.
    """

    rows: NDArray[np.integer]
    of_candidates: NDArray[np.int64]

    @classmethod
    def of(cls, rows: NDArray[np.integer], keys: NDArray[np.uint64]) -> Self:
        """Groups of the events `rows` by `keys`, uint64 of shape (c,); an event with the key 0 is in no group."""
        found, first, groups = np.unique(keys, return_index=True, return_inverse=True)
        n_unknown = int(len(found) > 0 and found[0] == 0)
        groups = groups.astype(np.int64) - n_unknown
        return cls(rows[first[n_unknown:]], np.where(groups < 0, len(found) - n_unknown, groups))

    def __len__(self) -> int:
        return len(self.rows)
