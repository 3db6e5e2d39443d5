"""Inverted index of a bag: the groups of candidates in whose content a name occurs."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.ragged import Ragged
from shared.catalog.attributes import TfIdfAttribute
from shared.signals.groups import Groups

Lists = Ragged[NDArray[np.int64], NDArray[np.float32]]
"""Ragged array with a row for each name of a bag: groups, int64, and weights, float32."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Inverted index of a bag over m groups of candidates with the same content.

    Attributes
    ----------
    first : lists of the first `n_first` groups.
    n_first : number of groups that were there when `first` was made.
    later : lists of the groups after those.
    """

    first: Lists
    n_first: int
    later: Lists

    @classmethod
    def of(cls, bag: TfIdfAttribute, contents: Groups) -> Self:
        """Inverted index of all groups."""
        return cls(_lists(bag, contents, 0), len(contents), _lists(bag, contents, len(contents)))

    def extended(self, bag: TfIdfAttribute, contents: Groups) -> Self:
        """Inverted index of these groups and those that `Groups.moved` has added."""
        return type(self)(self.first, self.n_first, _lists(bag, contents, self.n_first))

    def of_names(self, names: NDArray[np.int64]) -> list[Lists]:
        """Lists of the names, int64 of shape (k,): parts of a ragged array of k rows, each with groups of its own."""
        parts = [self.first, self.later] if len(self.later.values[0]) else [self.first]
        return [part.rows(names) for part in parts]


def _lists(bag: TfIdfAttribute, contents: Groups, begin: int) -> Lists:
    """Lists of the groups from number `begin` on."""
    groups, names, weights = bag.entries(contents.rows[begin:])
    return Ragged.grouped(names, len(bag.names), begin + groups, weights)
