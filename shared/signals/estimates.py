"""Structures of estimated scores: inverted lists of candidates by name, and fields of few values taken together."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.ragged import Ragged
from shared.catalog.attributes import TfIdfAttribute
from shared.signals.groups import Values

_MAX_CELLS: Final = 65_536
"""Cells of a joint table: it is made for each request, and must stay small beside the candidates."""

Lists = Ragged[NDArray[np.int32], NDArray[np.float32]]
"""Ragged array with a row for each name of a bag: places of candidates, int32, and weights, float32."""


@dataclass(frozen=True, slots=True)
class Places:
    """Places of c candidates in inverted lists, m of them: those that stay keep theirs while others come and go.

    Attributes
    ----------
    of_candidates : int32 of shape (c,) – place of each candidate.
    columns : int32 of shape (m,) – candidate of each place, -1 where there is none any more.
    """

    of_candidates: NDArray[np.int32]
    columns: NDArray[np.int32]

    @classmethod
    def of(cls, c: int) -> Self:
        """Places of c candidates, in their order."""
        columns = np.arange(c, dtype=np.int32)
        return cls(columns, columns)

    def moved(self, columns: NDArray[np.int64], fresh: NDArray[np.int64]) -> Self:
        """Places of other candidates, k of them, most of which are among these.

        Parameters
        ----------
        columns : int64 of shape (k,) – which of these candidates each one is.
        fresh : int64 of shape (t,) – candidates that are none of them, or have changed: they get places of their own.
        """
        of_candidates = self.of_candidates.take(columns)
        size = len(self.columns)
        of_candidates[fresh] = np.arange(size, size + len(fresh), dtype=np.int32)
        of_places = np.full(size + len(fresh), -1, np.int32)
        of_places[of_candidates] = np.arange(len(columns), dtype=np.int32)
        return type(self)(of_candidates, of_places)


@dataclass(frozen=True, slots=True)
class NameLists:
    """Inverted index of a bag over single candidates, see `Postings` for one over their contents.

    Attributes
    ----------
    places : places of the candidates.
    first : lists of the first `n_first` places.
    n_first : number of places that were there when `first` was made.
    later : lists of the places after those.
    """

    places: Places
    first: Lists
    n_first: int
    later: Lists

    @classmethod
    def of(cls, bag: TfIdfAttribute, rows: NDArray[np.integer], places: Places) -> Self:
        """Inverted index of the events `rows`, int of shape (c,)."""
        # In place of none that are out of use.
        lists, nothing = _lists(bag, rows[places.columns], 0), _lists(bag, rows[:0], 0)
        return cls(places, lists, len(places.columns), nothing)

    def moved(self, bag: TfIdfAttribute, rows: NDArray[np.integer], places: Places) -> Self:
        """Inverted index of the events `rows`, whose places are those of these, moved."""
        later = _lists(bag, rows[places.columns[self.n_first :]], self.n_first)
        return type(self)(places, self.first, self.n_first, later)

    def add(
        self, scores: NDArray[np.float32], names: NDArray[np.int64], values: NDArray[np.float32], *, limit: int
    ) -> None:
        """Add the values of names, times their weights, to the scores of c candidates, the greatest values first.

        Parameters
        ----------
        scores : float32 of shape (c,), changed in place.
        names, values : int64 and float32 of shape (k,).
        limit : greatest number of entries of lists that are added.
        """
        order = np.argsort(-np.abs(values), kind="stable")
        begins = self.first.starts[names]
        lengths = self.first.starts[names + 1] - begins
        order = order[np.cumsum(lengths[order]) <= limit]
        for lists in (self.first, self.later):
            found = lists.rows(names[order])
            places, weights = found.values
            columns = self.places.columns[places]
            added = values[order].repeat(found.lengths()) * weights
            if len(self.places.columns) > len(scores):
                is_there = columns >= 0
                columns, added = columns[is_there], added[is_there]
            np.add.at(scores, columns, added)


def _lists(bag: TfIdfAttribute, rows: NDArray[np.integer], begin: int) -> Lists:
    """Lists of the events `rows`, whose places begin at `begin`."""
    places, names, weights = bag.entries(rows)
    return Ragged.grouped(names, len(bag.names), (begin + places).astype(np.int32), weights)


@dataclass(frozen=True, slots=True)
class Joint:
    """Fields of few values taken together: one pass over the candidates adds the scores of all.

    Attributes
    ----------
    fields : names of the fields.
    sizes : number of values of each, and one more.
    of_candidates : int64 of shape (c,) – cell of each candidate in the joint table.
    """

    fields: tuple[str, ...]
    sizes: tuple[int, ...]
    of_candidates: NDArray[np.int64]

    @classmethod
    def of(cls, values: Mapping[str, Values], c: int) -> Self:
        """Joint table of those with the fewest values, as many as `_MAX_CELLS` allows."""
        sizes = {name: len(values[name]) + 1 for name in values}
        fields = sorted(sizes, key=lambda name: sizes[name])
        while prod(sizes[name] for name in fields) > _MAX_CELLS:
            fields.pop()
        cells = np.zeros(c, np.int64)
        for name in fields:
            cells *= sizes[name]
            # The last element of a table belongs to candidates without a value, whose position is -1.
            cells += values[name].positions_of(values[name].names) % sizes[name]
        return cls(tuple(fields), tuple(sizes[name] for name in fields), cells)

    def table(self, tables: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Scores of the cells, float32, from those of the values of some fields, float32 of shape (1, m + 1) each."""
        cells = np.zeros(1, np.float32)
        for name, size in zip(self.fields, self.sizes, strict=True):
            added = tables[name][0] if name in tables else np.zeros(size, np.float32)
            cells = (cells[:, None] + added).ravel()
        return cells
