"""Patched ragged arrays: a large ragged array, of which some rows are replaced, without a copy of the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVarTuple, cast

import numpy as np
from numpy.typing import NDArray

from shared.arrays.merge import Merge
from shared.arrays.ragged import Ragged

Values = TypeVarTuple("Values")

_MAX_SHARE: Final = 1 / 32
"""Share of the rows that a patch may hold. A larger patch is joined with the rest: it is copied with each change."""


@dataclass(frozen=True, slots=True)
class Patched(Generic[*Values]):
    """Patched ragged array of n rows, each a row of `whole` or of `patch`.

    Attributes
    ----------
    whole : ragged array that other patched arrays share; some of its rows may be out of use.
    patch : ragged array of the other rows.
    places : int32 of shape (n,) – row of `whole` or, from `len(whole)` on, of `patch`.
    """

    whole: Ragged[*Values]
    patch: Ragged[*Values]
    places: NDArray[np.int32]

    @classmethod
    def of(cls, whole: Ragged[*Values]) -> Self:
        """Patched ragged array of the rows of `whole`, without a patch."""
        return cls(whole, whole.rows(np.empty(0, np.int64)), np.arange(len(whole), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.places)

    def joined(self) -> Ragged[*Values]:
        """Ragged array of all rows; a copy where there is a patch."""
        is_whole = len(self) == len(self.whole) and not len(self.patch)
        return self.whole if is_whole else self.rows(np.arange(len(self)))

    def rows(self, picked: NDArray[np.integer]) -> Ragged[*Values]:
        """Ragged array of the rows `picked`, int of shape (k,), in their order; rows may repeat."""
        places = self.places[picked]
        is_patched = places >= len(self.whole)
        if not is_patched.any():
            return self.whole.rows(places)
        parts = self.whole.rows(places[~is_patched]), self.patch.rows(places[is_patched] - len(self.whole))
        lengths = np.empty(len(places), np.int64)
        for mask, part in zip((~is_patched, is_patched), parts, strict=True):
            lengths[mask] = part.lengths()
        of_patch = is_patched.repeat(lengths)
        values = []
        pairs = cast("tuple[tuple[NDArray[np.generic], ...], ...]", tuple(part.values for part in parts))
        for of_whole, patched in zip(*pairs, strict=True):
            value = np.empty(len(of_patch), of_whole.dtype)
            value[~of_patch], value[of_patch] = of_whole, patched
            values.append(value)
        return Ragged.of_lengths(lengths, *cast("tuple[*Values]", tuple(values)))

    def row(self, row: int) -> tuple[*Values]:
        """Entries of one row, as arrays of shape (length,)."""
        place = int(self.places[row])
        part, place = (self.whole, place) if place < len(self.whole) else (self.patch, place - len(self.whole))
        begin, end = part.starts[place], part.starts[place + 1]
        arrays = cast("tuple[NDArray[np.generic], ...]", part.values)
        return cast("tuple[*Values]", tuple([array[begin:end] for array in arrays]))

    def lengths(self, picked: NDArray[np.integer]) -> NDArray[np.int64]:
        """Number of entries of the rows `picked`, int64 of the shape of `picked`."""
        places = self.places[picked]
        # Both parts in one array, the whole's last end and the patch's first start between them.
        begins = places + (places >= len(self.whole))
        starts = np.concatenate([self.whole.starts, self.patch.starts]) if len(self.patch) else self.whole.starts
        lengths: NDArray[np.int64] = starts[begins + 1] - starts[begins]
        return lengths

    def having(self, is_wanted: Callable[[*Values], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Mask of the rows with at least one entry that `is_wanted`, a mask of entries, selects; bool of shape (n,)."""
        masks = [part.having(is_wanted(*part.values)) for part in (self.whole, self.patch)]
        mask: NDArray[np.bool_] = np.concatenate(masks)[self.places]
        return mask

    def merged(self, changed: Ragged[*Values], merge: Merge) -> Self:
        """Patched ragged array of the rows of `self` and `changed`; `self` itself where all stay.

        Parameters
        ----------
        changed : changed rows, m of them.
        merge : merge of the m rows with the n of `self`.
        """
        if merge.old is None and self._has(merge.changed, changed):
            return self
        is_changed = np.zeros(len(merge), np.bool_)
        is_changed[merge.changed] = True
        places = merge.carried(self.places, 0).copy()
        kept = np.flatnonzero((places >= len(self.whole)) & ~is_changed)
        patches = self.patch.rows(places[kept] - len(self.whole)), changed
        lengths = np.concatenate([part.lengths() for part in patches])
        pairs = zip(*(cast("tuple[NDArray[np.generic], ...]", part.values) for part in patches), strict=True)
        values = cast("tuple[*Values]", tuple(np.concatenate(pair) for pair in pairs))
        patch = Ragged.of_lengths(lengths, *values)
        places[np.concatenate([kept, merge.changed])] = len(self.whole) + np.arange(len(patch), dtype=np.int32)
        merged = type(self)(self.whole, patch, places)
        return merged if len(patch) <= _MAX_SHARE * len(places) else self.of(merged.joined())

    def _has(self, rows: NDArray[np.integer], expected: Ragged[*Values]) -> bool:
        """Whether the rows, int of shape (m,), are those of `expected`, a ragged array of m rows."""
        found = self.rows(rows)
        pairs = cast(
            "zip[tuple[NDArray[np.generic], NDArray[np.generic]]]", zip(found.values, expected.values, strict=True)
        )
        return np.array_equal(found.starts, expected.starts) and all(np.array_equal(*pair) for pair in pairs)
