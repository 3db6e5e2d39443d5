"""Meaning of texts: vectors of words that occur in the same texts, and of events by their words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked
from shared.arrays.positions import positions_of
from shared.arrays.sparse import Sparse
from shared.arrays.svd import right_singular_vectors
from shared.catalog.attributes import TfIdfAttribute

BAG: Final = "text"
"""Name of the bag whose words have vectors."""
RANK: Final = 64
"""Dimensions of the vectors: 32 rank worse, and 128 no better."""
_CHUNK: Final = 65_536
"""Entries of a bag that are read at once: bounds memory."""
_SUMMED: Final = 4_096
"""Entries whose vectors are summed at once, in a MB: what a request frees stays with the process where it is much."""


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Vectors of the m names of a bag in r dimensions, r at most `RANK`, and stored vectors of k contents.

    The vectors are the leading right singular vectors of the event × name matrix, so that words of the same texts are
    near each other, and events can be alike that share no word. The direction of the mean event, which tells no two
    events apart, is taken out of them. (Deerwester, Dumais, Furnas, Landauer, Harshman: "Indexing by latent semantic
    analysis", 1990; Mu, Viswanath: "All-but-the-top", ICLR 2018.)

    Attributes
    ----------
    words : float16 of shape (m, r) – vector of each name.
    fingerprints : uint64 of shape (k,) – hashes of contents, see `TfIdfAttribute.fingerprints`, ascending.
    contents : float16 of shape (k, r) – vector of each of these contents, of length 1 or 0.
    """

    words: NDArray[np.float16]
    fingerprints: NDArray[np.uint64]
    contents: NDArray[np.float16]

    @classmethod
    def of(cls, bag: TfIdfAttribute) -> Self:
        """Word vectors of a bag, without contents; of no dimensions where fewer than two events have a name."""
        matrix = bag.matrix.joined()
        named = np.flatnonzero(matrix.lengths())
        rank = min(RANK, len(named), len(bag.names))
        if rank < 2:
            return cls._of(np.zeros((len(bag.names), 0), np.float16))
        # An instance without a model has no texts, and needs no scipy.
        from scipy.sparse import csr_array

        columns, weights = matrix.values
        entries = csr_array((weights, columns, matrix.starts), shape=(len(matrix), len(bag.names)))[named]
        words = right_singular_vectors(entries, rank)
        mean = (entries @ words).mean(axis=0)
        mean /= max(float(np.linalg.norm(mean)), 1e-12)
        return cls._of((words - np.outer(words @ mean, mean)).astype(np.float16))

    @classmethod
    def _of(cls, words: NDArray[np.float16]) -> Self:
        return cls(words, np.empty(0, np.uint64), np.empty((0, words.shape[1]), np.float16))

    def keeping(self, bag: TfIdfAttribute, rows: NDArray[np.integer]) -> Self:
        """Word vectors with the contents of the events `rows` stored, which need not be computed again then."""
        fingerprints, first = np.unique(bag.fingerprints(rows), return_index=True)
        return replace(self, fingerprints=fingerprints, contents=self._computed(bag, rows[first]))

    def of_events(
        self, bag: TfIdfAttribute, rows: NDArray[np.integer], fingerprints: NDArray[np.uint64]
    ) -> NDArray[np.float32]:
        """Vectors of n events, float32 of shape (n, r), of length 1, or 0 without a name.

        Parameters
        ----------
        rows : int of shape (n,) – the events, rows of the bag.
        fingerprints : uint64 of shape (n,) – hashes of their contents.
        """
        places = positions_of(self.fingerprints, fingerprints)
        vectors = np.zeros((len(rows), self.words.shape[1]), np.float32)
        stored, others = places >= 0, np.flatnonzero(places < 0)
        vectors[stored] = self.contents[places[stored]]
        vectors[others] = self._computed(bag, rows[others])
        return vectors

    def of_profiles(self, profiles: Sparse, b: int) -> NDArray[np.float32]:
        """Vectors of b users from profiles of the bag, float32 of shape (b, r), of length 1, or 0 without a name."""
        users, names, values = profiles
        return _unit(self._summed(users, names, values, b))

    def _computed(self, bag: TfIdfAttribute, rows: NDArray[np.integer]) -> NDArray[np.float16]:
        """Vectors of n events by their names, float16 of shape (n, r): as they are stored, so that both are equal."""
        vectors = np.zeros((len(rows), self.words.shape[1]), np.float32)
        ends = np.cumsum(bag.matrix.lengths(rows))
        begin = 0
        while begin < len(rows):
            before = int(ends[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, before + _CHUNK, side="right")))
            vectors[begin:end] = self._summed(*bag.entries(rows[begin:end]), end - begin)
            begin = end
        return _unit(vectors).astype(np.float16)

    def _summed(
        self, owners: NDArray[np.int64], names: NDArray[np.integer], values: NDArray[np.float32], n: int
    ) -> NDArray[np.float32]:
        """Sums of word vectors, weighted, by owner 0..n-1, float32 of shape (n, r); `owners` are in ascending order."""
        sums = np.zeros((n, self.words.shape[1]), np.float32)
        begins = np.flatnonzero(np.diff(owners, prepend=-1))
        ends, first = np.append(begins[1:], len(owners)), 0
        while first < len(begins):
            begin = begins[first]
            last = max(first + 1, int(np.searchsorted(ends, begin + _SUMMED, side="right")))
            entries = slice(begin, ends[last - 1])
            weighted = self.words[names[entries]].astype(np.float32) * values[entries, None]
            sums[owners[begins[first:last]]] = np.add.reduceat(weighted, begins[first:last] - begin, axis=0)
            first = last
        return sums

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the vectors, by name."""
        return {"words": self.words, "fingerprints": self.fingerprints, "contents": self.contents}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bag: TfIdfAttribute) -> Self:
        """Word vectors of a bag from their artifact arrays; raises `ValueError` where these do not fit.

        Earlier versions stored none: then they have no dimensions.
        """
        if not arrays:
            return cls._of(np.zeros((len(bag.names), 0), np.float16))
        words = checked(arrays, "words", "f2", len(bag.names), -1)
        if words.shape[1] > RANK:
            raise ValueError(f"words: expected at most {RANK} dimensions, got {words.shape[1]}")
        fingerprints = checked(arrays, "fingerprints", "u8", -1, is_ascending=True)
        return cls(words, fingerprints, checked(arrays, "contents", "f2", len(fingerprints), words.shape[1]))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors scaled to length 1, float32 of the same shape; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-6))
    return unit
