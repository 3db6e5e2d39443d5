"""Candidates by what they have in common: what is said of all of them alike is worked out once for each group."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import places
from shared.catalog.attributes import CategoricalAttribute, Codes

FEW: Final = 300
"""So many candidates are handled one by one: to find what they have in common would take longer."""


@dataclass(frozen=True, slots=True)
class Values:
    """The m values of a field that c candidates have.

    Attributes
    ----------
    codes : int64 of shape (m,) – rows of the field's names, ascending; `trained` the same of the training's names, -1
        for a newer one.
    of_candidates : int64 of shape (c,) – the place of each candidate's value in `codes`, m where it has none.
    of_names : int64 of shape (n + 1,) – the place of each of the field's names in `codes`, -1 where no candidate has
        it, the last for an unknown value; None where there are few candidates.
    """

    codes: NDArray[np.int64]
    trained: Codes
    of_candidates: NDArray[np.int64]
    of_names: NDArray[np.int64] | None

    @classmethod
    def of(cls, field: CategoricalAttribute, codes: Codes) -> Self:
        """The values that c candidates have, by their codes."""
        if len(codes) <= FEW:
            known, numbers = np.unique(codes, return_inverse=True)
            without = int(len(known) > 0 and known[0] < 0)
            found = known[without:].astype(np.int64)
            of_names, of_candidates = None, numbers.astype(np.int64) - without
        else:
            is_there = np.zeros(len(field.names) + 1, np.bool_)
            is_there[codes] = True
            found = np.flatnonzero(is_there[:-1])
            of_names = np.full(len(is_there), -1, np.int64)
            of_names[found] = np.arange(len(found))
            of_candidates = of_names[codes]
        return cls(found, field.trained[found], np.where(of_candidates < 0, len(found), of_candidates), of_names)

    def __len__(self) -> int:
        return len(self.codes)

    def places(self, codes: NDArray[np.integer]) -> NDArray[np.int64]:
        """Where other events' values are among these, int64 of the shape of `codes`; -1 where they are not."""
        return places(self.codes, codes) if self.of_names is None else self.of_names[codes]


@dataclass(frozen=True, slots=True)
class Groups:
    """Candidates in groups of those that are the same in something.

    Attributes
    ----------
    rows : int of shape (m,) – an event of each group.
    of_candidates : int64 of shape (c,) – the group of each candidate, m where it has none.
    """

    rows: NDArray[np.integer]
    of_candidates: NDArray[np.int64]

    @classmethod
    def of(cls, rows: NDArray[np.integer], keys: NDArray[np.uint64]) -> Self:
        """Events with the same key are alike; those with the key 0 have none."""
        if len(rows) <= FEW:
            return cls(rows, np.where(keys == 0, len(rows), np.arange(len(rows))))
        found, first, groups = np.unique(keys, return_index=True, return_inverse=True)
        without = int(len(found) > 0 and found[0] == 0)
        groups = groups.astype(np.int64) - without
        return cls(rows[first[without:]], np.where(groups < 0, len(found) - without, groups))

    def __len__(self) -> int:
        return len(self.rows)
