"""Meanings of candidates: vectors of their texts, one for all candidates of the same text."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.catalog.meaning import BAG
from shared.signals.groups import Groups


@dataclass(frozen=True, slots=True)
class Meanings:
    """Vectors of m groups of candidates with the same text, in r dimensions, see `WordVectors`.

    Attributes
    ----------
    first : float32 of shape (n, r) – vectors of the first n groups.
    later : float32 of shape (m − n, r) – vectors of the groups that came after those.
    """

    first: NDArray[np.float32]
    later: NDArray[np.float32]

    @classmethod
    def of(cls, catalog: Catalog, contents: Groups) -> Self:
        """Vectors of all groups."""
        vectors = _vectors(catalog, contents, 0)
        return cls(vectors, vectors[:0])

    def extended(self, catalog: Catalog, contents: Groups) -> Self:
        """Vectors of these groups and those that `Groups.moved` has added."""
        known = len(self.first) + len(self.later)
        return type(self)(self.first, np.concatenate([self.later, _vectors(catalog, contents, known)]))

    def cosines(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines of b vectors of length 1, float32 of shape (b, r), and the m groups, float32 of shape (b, m)."""
        cosines: NDArray[np.float32] = np.hstack([_products(vectors, part) for part in (self.first, self.later)])
        return cosines


def _products(vectors: NDArray[np.float32], part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Dot products of b vectors and n groups, float32 of shape (b, n)."""
    # The last digits of a matrix product depend on the size of the matrix. A request must not tell whether the instance
    # has followed the changes of its events or has just begun with them.
    products: NDArray[np.float32] = vectors @ part.T if len(vectors) > 1 else np.vecdot(part, vectors)[None]
    return products


def _vectors(catalog: Catalog, contents: Groups, begin: int) -> NDArray[np.float32]:
    """Vectors of the groups from number `begin` on."""
    fingerprints = np.zeros(len(contents), np.uint64)
    fingerprints[contents.of_keys] = contents.keys
    return catalog.meaning.of_events(catalog.bags[BAG], contents.rows[begin:], fingerprints[begin:])
