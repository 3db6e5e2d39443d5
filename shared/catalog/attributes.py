"""Attributes of events that future events share: categorical ones (one value per event) and TF-IDF ones (many).

A model has parameters for the names that were in the catalog at training. Events that arrive later may bring new
names; `trained` maps a name's row to its row at training, so parameters stay valid while the catalog grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_ids, checked_offsets
from shared.arrays.merge import Merge
from shared.arrays.patched import Patched
from shared.arrays.positions import distinct
from shared.arrays.ragged import Ragged
from shared.arrays.vocabulary import UNKNOWN, Vocabulary

Codes = NDArray[np.int32]
_MIN_EVENTS: Final = 2
"""Minimum number of events with a name: a name of a single event relates it to no other."""

_MAX_NAMES: Final = 50_000
"""Maximum size of a TF-IDF vocabulary, which bounds the artifact; the most frequent names stay."""

_MAX_COLUMNS: Final = 1 << 16
"""Number of columns that `_Columns` can tell apart."""

_Columns = NDArray[np.uint16]

_MAX_WEIGHT: Final = 1e3
"""Upper bound of stored weights and IDF, whose logarithms stay far below: no product of them overflows."""

_MULTIPLIERS: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))
"""Odd 64-bit constants of the SplitMix64 generator, which mix the bits of a hash."""


@dataclass(frozen=True, slots=True)
class CategoricalAttribute:
    """Categorical attribute of n events, with at most one value each.

    Attributes
    ----------
    names : vocabulary of the m distinct values.
    codes : int32 of shape (n,) – rows of `names`, -1 where unknown.
    trained : int32 of shape (m,) – row of each value at training, -1 for a newer value.
    """

    names: Vocabulary
    codes: Codes
    trained: Codes

    @classmethod
    def of(cls, values: Sequence[str]) -> Self:
        """Categorical attribute of n events from their values; "" means unknown."""
        names = Vocabulary.of(value for value in values if value)
        return cls(names, names.rows(values).astype(np.int32), np.arange(len(names), dtype=np.int32))

    def at(self, rows: NDArray[np.integer]) -> Codes:
        """Codes of the events `rows`, int32 of the shape of `rows`; -1 where the row is -1 or the value unknown."""
        if not len(self.codes):
            return np.full(len(rows), UNKNOWN, np.int32)
        codes: Codes = self.codes.take(rows)
        # Candidates, of which there may be a million, have no row -1.
        return codes if rows.min(initial=0) >= 0 else np.where(rows >= 0, codes, np.int32(UNKNOWN))

    def trained_at(self, rows: NDArray[np.integer]) -> Codes:
        """Codes at training of the events `rows`, int32 of the shape of `rows`; -1 for unknown and newer values."""
        codes = self.at(rows)
        return np.where(codes >= 0, self.trained[codes], np.int32(UNKNOWN)) if len(self.trained) else codes

    def merged(self, changed: Self, merge: Merge) -> Self:
        """Categorical attribute of the events of `self` and of m added or replaced ones; `self` itself where all stay.

        Parameters
        ----------
        changed : attribute of the m events, whose values win.
        merge : merge of the m events with those of `self`.
        """
        of_names = Merge.of(self.names, changed.names)
        # The extra last element is the code of an unknown value.
        changed_codes = np.append(of_names.changed, UNKNOWN)[changed.codes]
        codes = merge.column(of_names.rows(self.codes).astype(np.int32, copy=False), changed_codes.astype(np.int32))
        if codes is self.codes:
            return self
        return type(self)(of_names.keys, codes, of_names.carried(self.trained, UNKNOWN))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the attribute, by name."""
        return {"names": self.names.keys, "codes": self.codes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_events: int) -> Self:
        """Categorical attribute of n events from its artifact arrays; raises `ValueError` where these do not fit.

        As at training, every value has its own row in `trained`.
        """
        names = Vocabulary(checked_ids(arrays, "names"))
        codes = checked(arrays, "codes", "i4", n_events, low=UNKNOWN, high=len(names) - 1)
        return cls(names, codes, np.arange(len(names), dtype=np.int32))


@dataclass(frozen=True, slots=True)
class TfIdfAttribute:
    """TF-IDF attribute of n events, any number of names each: a sparse matrix (n, m) with rows of length 1 or empty.

    An entry is (1 + log tf) · (log((1 + N) / (1 + df)) + 1), where N is the number of events with any name; each row
    is then scaled to length 1. Names of fewer than two events are left out, since they relate no events; names that
    are newer than training are ignored.
    (Salton, Buckley: "Term-weighting approaches in automatic text retrieval", 1988.)

    Attributes
    ----------
    names : vocabulary of the m names.
    idf : float32 of shape (m,) – inverse document frequency of each name.
    matrix : patched ragged array of n rows – columns, uint16, rows of `names`, and TF-IDF weights, float32.
    """

    names: Vocabulary
    idf: NDArray[np.float32]
    matrix: Patched[_Columns, NDArray[np.float32]]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> Self:
        """TF-IDF attribute fitted to the lists of names of n events; repeated names count as term frequency."""
        every = Vocabulary.of(name for names in lists for name in names)
        events = np.repeat(np.arange(len(lists)), [len(names) for names in lists])
        codes = every.rows([name for names in lists for name in names])
        pairs = distinct(events * max(len(every), 1) + codes)
        counts = np.bincount(pairs % max(len(every), 1), minlength=len(every))
        # With too many names the most frequent stay; ties go by the order of names.
        kept = np.argsort(-counts, kind="stable")[:_MAX_NAMES]
        kept = np.sort(kept[counts[kept] >= _MIN_EVENTS])
        n_named = sum(1 for names in lists if names)
        idf = (np.log((1 + n_named) / (1 + counts[kept])) + 1).astype(np.float32)
        no_events = Ragged(np.zeros(1, np.int64), (np.empty(0, np.uint16), np.empty(0, np.float32)))
        return cls(Vocabulary(every.keys[kept]), idf, Patched.of(no_events)).with_rows(lists)

    def with_rows(self, lists: Sequence[Sequence[str]]) -> Self:
        """TF-IDF attribute of other events, weighted with this vocabulary and IDF; unknown names are ignored."""
        size = max(len(self.names), 1)
        events = np.repeat(np.arange(len(lists)), [len(names) for names in lists])
        codes = self.names.rows([name for names in lists for name in names])
        known = codes >= 0
        pairs, counts = np.unique(events[known] * size + codes[known], return_counts=True)
        owners, columns = pairs // size, (pairs % size).astype(np.uint16)
        weights = ((1 + np.log(counts)) * self.idf[columns]).astype(np.float32)
        lengths = np.sqrt(np.bincount(owners, weights=weights**2, minlength=len(lists)))
        unit = (weights / lengths[owners]).astype(np.float32)
        matrix = Ragged.of_lengths(np.bincount(owners, minlength=len(lists)), columns, unit)
        return replace(self, matrix=Patched.of(matrix))

    def entries(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], Codes, NDArray[np.float32]]:
        """Matrix entries of the events `rows`, event by event, as arrays of shape (k,).

        Position in `rows` (int64), column (int32) and weight (float32) of each entry.
        """
        picked = self.matrix.rows(rows)
        columns, weights = picked.values
        return picked.row_of_entry(), columns.astype(np.int32), weights

    def fingerprints(self, rows: NDArray[np.integer]) -> NDArray[np.uint64]:
        """Hashes of the matrix rows of the events `rows`, uint64 of the shape of `rows`; 0 for an empty row.

        Events with equal rows have equal hashes.
        """
        positions, columns, weights = self.entries(rows)
        entries = (columns.astype(np.uint64) + np.uint64(1)) << np.uint64(32) | weights.view(np.uint32)
        for multiplier in _MULTIPLIERS:
            entries *= multiplier
            entries ^= entries >> np.uint64(32)
        sums = np.zeros(len(rows), np.uint64)
        if len(positions):
            begins = np.flatnonzero(np.diff(positions, prepend=-1))
            sums[positions[begins]] = np.add.reduceat(entries, begins)
        return sums

    def merged(self, changed: Self, merge: Merge) -> Self:
        """TF-IDF attribute of the events of `self` and of m added or replaced ones; `self` itself where all stay.

        Parameters
        ----------
        changed : attribute of the m events, with the same names and IDF, whose rows win.
        merge : merge of the m events with those of `self`.
        """
        matrix = self.matrix.merged(changed.matrix.joined(), merge)
        return self if matrix is self.matrix else replace(self, matrix=matrix)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the attribute, by name."""
        matrix = self.matrix.joined()
        columns, weights = matrix.values
        return {
            "names": self.names.keys,
            "idf": self.idf,
            "starts": matrix.starts,
            "columns": columns.astype(np.int32),
            "weights": weights,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_events: int) -> Self:
        """TF-IDF attribute of n events from its artifact arrays; raises `ValueError` where these do not fit."""
        names = Vocabulary(checked_ids(arrays, "names"))
        if len(names) > _MAX_COLUMNS:
            raise ValueError(f"names: expected at most {_MAX_COLUMNS} of them, got {len(names)}")
        columns = checked(arrays, "columns", "i4", -1, low=0, high=len(names) - 1)
        matrix = Ragged(
            checked_offsets(arrays, "starts", n_events, len(columns)),
            (columns.astype(np.uint16), checked(arrays, "weights", "f4", len(columns), low=0, high=_MAX_WEIGHT)),
        )
        return cls(names, checked(arrays, "idf", "f4", len(names), low=0, high=_MAX_WEIGHT), Patched.of(matrix))


def part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Arrays whose names begin with `prefix`, by their names without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def prefixed(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Arrays renamed by putting `prefix` before each name."""
    return {prefix + name: array for name, array in arrays.items()}
