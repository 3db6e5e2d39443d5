"""Merge of changed rows into the rows of a table in order of their keys; what stays is copied, not computed again."""

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets
from shared.arrays.vocabulary import Vocabulary

_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge of n rows with m changed ones, which replace rows with their keys or are new.

    Attributes
    ----------
    keys : vocabulary of the merged rows; the same object as before where no row is new.
    old : int64 of shape (n,) – merged row of each row; None where no row is new, so that rows stay where they are.
    changed : int64 of shape (m,) – merged row of each changed one, ascending.

    >>> merge = Merge.of(Vocabulary.of(["a", "c"]), Vocabulary.of(["b", "c"]))
    >>> merge.column(np.array([1, 2]), np.array([3, 4])).tolist()
    [1, 3, 4]
    """

    keys: Vocabulary
    old: NDArray[np.int64] | None
    changed: NDArray[np.int64]

    @classmethod
    def of(cls, keys: Vocabulary, changed: Vocabulary) -> Self:
        """Merge of the rows of `changed` into those of `keys`."""
        rows = keys.rows_of_keys(changed.keys)
        is_new = rows < 0
        if not is_new.any():
            return cls(keys, None, rows)
        places = np.searchsorted(keys.keys, changed.keys)
        # Each row moves by the number of new ones before it.
        merged = places + offsets(is_new)[:-1]
        is_old = np.ones(len(keys) + int(is_new.sum()), np.bool_)
        is_old[merged[is_new]] = False
        old = np.flatnonzero(is_old)
        return cls(Vocabulary(_placed(keys.keys, old, changed.keys, merged, len(is_old))), old, merged)

    def __len__(self) -> int:
        return len(self.keys)

    def column(self, old: NDArray[_Kind], changed: NDArray[_Kind]) -> NDArray[_Kind]:
        """Merged values of the rows of shape (n,) and the changed ones of shape (m,); `old` itself where all stay."""
        changed = changed.astype(old.dtype, copy=False)
        if self.old is not None:
            return _placed(old, self.old, changed, self.changed, len(self))
        # Their bytes, since an unknown number, NaN, is equal to no other.
        if old[self.changed].tobytes() == changed.tobytes():
            return old
        merged = old.copy()
        merged[self.changed] = changed
        return merged

    def carried(self, old: NDArray[_Kind], new: float) -> NDArray[_Kind]:
        """Values of rows, of shape (n,), with `new` for each new row; `old` itself where none is new."""
        if self.old is None:
            return old
        merged = np.full(len(self), new, old.dtype)
        merged[self.old] = old
        return merged

    def rows(self, old: NDArray[np.integer]) -> NDArray[np.integer]:
        """Merged rows of rows, int of the same shape; -1 stays."""
        return old if self.old is None else np.append(self.old, -1)[old]


def _placed(
    old: NDArray[_Kind],
    old_rows: NDArray[np.int64],
    changed: NDArray[_Kind],
    changed_rows: NDArray[np.int64],
    size: int,
) -> NDArray[_Kind]:
    merged = np.empty(size, np.promote_types(old.dtype, changed.dtype))
    merged[old_rows] = old
    merged[changed_rows] = changed
    return merged
