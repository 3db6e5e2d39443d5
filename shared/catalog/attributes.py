"""What outlasts an event: its attributes, as codes of named values (one an event) and as bags of weighted names.

A model learns about the names it was trained with. Events that arrive later may bring new ones; `trained` says which
place a name has among those of the training, so what a model learned needs no moving when a catalog grows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import distinct, ranges
from shared.arrays.vocabulary import UNKNOWN, Vocabulary

Codes = NDArray[np.int32]
_MIN_EVENTS: Final = 2
_MAX_NAMES: Final = 50_000
_MULTIPLIERS: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))
_WORD: Final = re.compile(r"[^\W\d_]{2,40}")


def words(text: str) -> list[str]:
    """The words of a text in lower case: runs of two to forty letters of any script.

    >>> words("Jazz & Blues: the 2nd Night")
    ['jazz', 'blues', 'the', 'nd', 'night']
    """
    return _WORD.findall(text.lower())


@dataclass(frozen=True, slots=True)
class CategoricalAttribute:
    """One attribute of n events that has at most one value each.

    Attributes
    ----------
    names : the m values that occur.
    codes : int32 of shape (n,) – rows of `names`, -1 where unknown.
    trained : int32 of shape (m,) – rows of the training's names, -1 for a newer name.
    """

    names: Vocabulary
    codes: Codes
    trained: Codes

    @classmethod
    def of(cls, values: Sequence[str]) -> Self:
        """The field of n events; "" is unknown."""
        names = Vocabulary.of(value for value in values if value)
        return cls(names, names.rows(values).astype(np.int32), np.arange(len(names), dtype=np.int32))

    def at(self, rows: NDArray[np.integer]) -> Codes:
        """The codes of some events, int32 of the shape of `rows`; -1 where the row is -1 or the value unknown."""
        if not len(self.codes):
            return np.full(len(rows), UNKNOWN, np.int32)
        return np.where(rows >= 0, self.codes[rows], np.int32(UNKNOWN))

    def trained_at(self, rows: NDArray[np.integer]) -> Codes:
        """The same as rows of the training's names, -1 for a newer one too."""
        codes = self.at(rows)
        return np.where(codes >= 0, self.trained[codes], np.int32(UNKNOWN)) if len(self.trained) else codes

    def merged(self, changed: Self, old: NDArray[np.integer], new: NDArray[np.integer], size: int) -> Self:
        """The field with other events put in; `old` and `new` are the places of the two parts among `size`."""
        union = distinct(self.names.keys, changed.names.keys)
        codes = np.empty(size, np.int32)
        for part, rows in ((self, old), (changed, new)):
            codes[rows] = np.append(np.searchsorted(union, part.names.keys), UNKNOWN)[part.codes]
        trained = np.full(len(union), UNKNOWN, np.int32)
        trained[np.searchsorted(union, self.names.keys)] = self.trained
        return type(self)(Vocabulary(union), codes, trained)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        return {"names": self.names.keys, "codes": self.codes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`, right after training."""
        names = Vocabulary(arrays["names"])
        return cls(names, arrays["codes"], np.arange(len(names), dtype=np.int32))


@dataclass(frozen=True, slots=True)
class TfIdfAttribute:
    """Many names an event, weighted by TF-IDF, as a sparse matrix of n rows of length 1 (or empty).

    An entry is (1 + log tf) · (log((1 + N) / (1 + df)) + 1), N the events with
    any name, each row then scaled to length 1. Names that fewer
    than two events have are left out, since they connect nothing; names that were not there at training are ignored.
    (Salton, Buckley: "Term-weighting approaches in automatic text retrieval", 1988.)

    Attributes
    ----------
    names : the m names; `idf` float32 of shape (m,).
    starts : int64 of shape (n + 1,) – event i owns the entries `starts[i]:starts[i + 1]`.
    columns : int32 – rows of `names`; `weights` float32 of the same shape.
    """

    names: Vocabulary
    idf: NDArray[np.float32]
    starts: NDArray[np.int64]
    columns: Codes
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> Self:
        """The bag of n events' lists of names."""
        every = Vocabulary.of(name for names in lists for name in names)
        events = np.repeat(np.arange(len(lists)), [len(names) for names in lists])
        codes = every.rows([name for names in lists for name in names])
        pairs = distinct(events * max(len(every), 1) + codes)
        counts = np.bincount(pairs % max(len(every), 1), minlength=len(every))
        # The most frequent names stay where there are too many; ties in order of the name.
        kept = np.argsort(-counts, kind="stable")[:_MAX_NAMES]
        kept = np.sort(kept[counts[kept] >= _MIN_EVENTS])
        described = sum(1 for names in lists if names)
        idf = (np.log((1 + described) / (1 + counts[kept])) + 1).astype(np.float32)
        empty = cls(
            Vocabulary(every.keys[kept]), idf, np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
        )
        return empty.with_rows(lists)

    def with_rows(self, lists: Sequence[Sequence[str]]) -> Self:
        """The same names with the rows of other events."""
        size = max(len(self.names), 1)
        events = np.repeat(np.arange(len(lists)), [len(names) for names in lists])
        codes = self.names.rows([name for names in lists for name in names])
        known = codes >= 0
        pairs, counts = np.unique(events[known] * size + codes[known], return_counts=True)
        owners, columns = pairs // size, (pairs % size).astype(np.int32)
        weights = ((1 + np.log(counts)) * self.idf[columns]).astype(np.float32)
        lengths = np.sqrt(np.bincount(owners, weights=weights**2, minlength=len(lists)))
        starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(lists)))]).astype(np.int64)
        unit = (weights / lengths[owners]).astype(np.float32)
        return replace(self, starts=starts, columns=columns, weights=unit)

    def entries(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], Codes, NDArray[np.float32]]:
        """The entries of some events, one event after the other: place in `rows`, column and weight."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        places = np.repeat(np.arange(len(rows)), lengths)
        picked = ranges(self.starts[rows], lengths)
        return places, self.columns[picked], self.weights[picked]

    def fingerprints(self, rows: NDArray[np.integer]) -> NDArray[np.uint64]:
        """64-bit hashes of what is in the bags of some events, uint64 of the shape of `rows`; 0 for an empty one."""
        places, columns, weights = self.entries(rows)
        entries = (columns.astype(np.uint64) + np.uint64(1)) << np.uint64(32) | weights.view(np.uint32)
        for multiplier in _MULTIPLIERS:
            entries *= multiplier
            entries ^= entries >> np.uint64(32)
        sums = np.zeros(len(rows), np.uint64)
        if len(places):
            begins = np.flatnonzero(np.diff(places, prepend=-1))
            sums[places[begins]] = np.add.reduceat(entries, begins)
        return sums

    def merged(self, changed: Self, old: NDArray[np.integer], new: NDArray[np.integer], size: int) -> Self:
        """The bag with other events put in; `changed` has the same names."""
        source = np.empty(size, np.int64)
        source[old] = np.arange(len(old))
        source[new] = len(old) + np.arange(len(new))
        both = replace(
            self,
            starts=np.concatenate([self.starts, self.starts[-1] + changed.starts[1:]]),
            columns=np.concatenate([self.columns, changed.columns]),
            weights=np.concatenate([self.weights, changed.weights]),
        )
        places, columns, weights = both.entries(source)
        starts = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=size))]).astype(np.int64)
        return replace(both, starts=starts, columns=columns, weights=weights)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        return {
            "names": self.names.keys,
            "idf": self.idf,
            "starts": self.starts,
            "columns": self.columns,
            "weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`."""
        return cls(Vocabulary(arrays["names"]), arrays["idf"], arrays["starts"], arrays["columns"], arrays["weights"])


def part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def prefixed(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The same arrays under longer names."""
    return {prefix + name: array for name, array in arrays.items()}
