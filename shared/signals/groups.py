"""Groups of candidates that share a value, so that a score of the value is computed once for each group."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import distinct, positions_of
from shared.catalog.attributes import CategoricalAttribute, Codes

_FEW: Final = 16
"""Names of a field for each candidate, above which a search among the values is faster than a table of all names."""


@dataclass(frozen=True)
class Values:
    """Distinct values of a field among c candidates, m of them.

    Attributes
    ----------
    codes : int64 of shape (m,) – rows of the field's names, ascending.
    trained : int32 of shape (m,) – rows of the training's names, -1 for a newer name.
    of_names : int64 of shape (n + 1,) – position in `codes` of each of the field's n names, -1 where no candidate has
        it, and of an unknown value last; None for few candidates of many names, of which most have none.
    names : int32 of shape (c,) – name of each candidate's value, -1 where it has none.
    """

    codes: NDArray[np.int64]
    trained: Codes
    of_names: NDArray[np.int64] | None
    names: Codes

    @classmethod
    def of(cls, field: CategoricalAttribute, codes: Codes) -> Self:
        """Distinct values of c candidates with these `codes` of a field, int32 of shape (c,), -1 where unknown."""
        if _FEW * len(codes) < len(field.names):
            found = distinct(codes).astype(np.int64)
            found = found[found >= 0]
            return cls(found, field.trained[found], None, codes)
        is_used = np.zeros(len(field.names) + 1, np.bool_)
        is_used[codes] = True
        found = np.flatnonzero(is_used[:-1])
        of_names = np.full(len(is_used), -1, np.int64)
        of_names[found] = np.arange(len(found))
        return cls(found, field.trained[found], of_names, codes)

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def of_candidates(self) -> NDArray[np.int64]:
        """Position of each candidate's value in `codes`, int64 of shape (c,), -1 where it has none."""
        return self.positions_of(self.names)

    def at(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of the values of the candidates `columns`, int64 of the same shape; -1 where one has none."""
        return self.positions_of(self.names[columns])

    def positions_of(self, codes: NDArray[np.integer]) -> NDArray[np.int64]:
        """Positions of other events' codes among these values, int64 of the shape of `codes`; -1 where absent."""
        return positions_of(self.codes, codes) if self.of_names is None else self.of_names.take(codes)


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of c candidates with equal keys, m of them.

    Attributes
    ----------
    rows : int of shape (m,) – row of one event of each group; 0 where no event is left in it, see `moved`.
    of_candidates : int64 of shape (c,) – group of each candidate, -1 where it has none.
    keys : uint64 of shape (m,) – keys of the groups, ascending.
    of_keys : int64 of shape (m,) – group of each key.
    """

    rows: NDArray[np.integer]
    of_candidates: NDArray[np.int64]
    keys: NDArray[np.uint64]
    of_keys: NDArray[np.int64]

    @classmethod
    def of(cls, rows: NDArray[np.integer], keys: NDArray[np.uint64]) -> Self:
        """Groups of the events `rows` by `keys`, uint64 of shape (c,); an event with the key 0 is in no group."""
        found, first, groups = np.unique(keys, return_index=True, return_inverse=True)
        n_unknown = int(len(found) > 0 and found[0] == 0)
        found, first = found[n_unknown:], first[n_unknown:]
        return cls(rows[first], groups.astype(np.int64) - n_unknown, found, np.arange(len(found)))

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Groups of the candidates `columns`, int64 of the same shape; -1 where one has none."""
        return self.of_candidates[columns]

    def moved(
        self,
        rows: NDArray[np.integer],
        columns: NDArray[np.int64],
        fresh: NDArray[np.int64],
        keys: NDArray[np.uint64],
    ) -> Self:
        """Groups of the events `rows`, c of them, most of which are among the events of these groups.

        Each group keeps its number, and new ones follow. A group may be left without events.

        Parameters
        ----------
        columns : int64 of shape (c,) – which of the events of these groups each one is.
        fresh : int64 of shape (t,) – events that are not among them, or have other keys by now; their `columns` count
            for nothing.
        keys : uint64 of shape (t,) – keys of the `fresh` events.
        """
        found = distinct(keys)
        new = found[(found > 0) & (positions_of(self.keys, found) < 0)]
        places = np.searchsorted(self.keys, new)
        all_keys = np.insert(self.keys, places, new)
        of_keys = np.insert(self.of_keys, places, len(self) + np.arange(len(new)))
        of_candidates = self.of_candidates.take(columns)
        of_candidates[fresh] = np.append(of_keys, -1)[positions_of(all_keys, keys)]
        # The first event of each group, and one for the events without a group.
        first = np.zeros(len(all_keys) + 1, rows.dtype)
        first[of_candidates[::-1]] = rows[::-1]
        return type(self)(first[:-1], of_candidates, all_keys, of_keys)
