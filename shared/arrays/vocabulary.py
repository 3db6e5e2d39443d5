"""Vocabulary: the only translation between string ids and integer rows."""

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
UNKNOWN = -1
"""Row number of an id that is not in the vocabulary."""


class Vocabulary:
    """Vocabulary of ids, immutable and sorted; the row of an id is its rank in UTF-8 byte order.

    Parameters
    ----------
    keys : array of shape (n,), bytes ("S") – UTF-8 ids, strictly ascending.

    Sorted keys need no hash table: a lookup is a binary search, and the array of an artifact is used without a copy.

    >>> vocabulary = Vocabulary.of(["b", "a", "b"])
    >>> vocabulary.rows(["a", "b", "nobody"]).tolist()
    [0, 1, -1]
    """

    def __init__(self, keys: NDArray[np.bytes_]) -> None:
        if keys.dtype.kind != "S" or keys.ndim != 1:
            raise ValueError(f"keys: expected a vector of bytes, got {keys.dtype} of shape {keys.shape}")
        if not bool(np.all(keys[1:] > keys[:-1])):
            raise ValueError("keys: expected strictly ascending ids")
        self.keys = keys

    @classmethod
    def of(cls, ids: Iterable[str]) -> Self:
        """Vocabulary of the distinct `ids`."""
        return cls(_encode(sorted({key.encode() for key in ids})))

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, ids: Sequence[str]) -> Rows:
        """Rows of `ids`, int64 of shape (len(ids),); -1 for unknown ids."""
        return self.rows_of_keys(_encode([key.encode() for key in ids]))

    def rows_of_keys(self, wanted: NDArray[np.bytes_]) -> Rows:
        """Rows of ids given as UTF-8 bytes ("S"), int64 of shape (len(wanted),); -1 for unknown ids."""
        if not len(self.keys) or not len(wanted):
            return np.full(len(wanted), UNKNOWN, np.int64)
        rows = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[rows] == wanted, rows, UNKNOWN)

    def row(self, key: str) -> int:
        """Row of a single id, -1 if unknown."""
        return int(self.rows([key])[0])

    def ids(self, rows: NDArray[np.integer] | None = None) -> list[str]:
        """Ids of `rows`, or of all rows if None, in the order of `rows`."""
        keys = self.keys if rows is None else self.keys[rows]
        return [key.decode() for key in keys.tolist()]


def _encode(keys: list[bytes]) -> NDArray[np.bytes_]:
    return np.array(keys, dtype=np.bytes_) if keys else np.empty(0, "S1")
