"""The exact tags of events, for filters: a bag leaves out the rare and the new ones, a filter must not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranges


@dataclass(frozen=True, slots=True)
class Tags:
    """Which labels each of n events has; labels are compared as 64-bit hashes, so none needs a vocabulary.

    Attributes
    ----------
    starts : int64 of shape (n + 1,) – event i owns the hashes `starts[i]:starts[i + 1]`.
    hashes : uint64.

    >>> Tags.of([["jazz", "live"], [], ["yoga"]]).having(["yoga", "live"]).tolist()
    [True, False, True]
    """

    starts: NDArray[np.int64]
    hashes: NDArray[np.uint64]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> Self:
        """The labels of n events."""
        starts = np.concatenate([[0], np.cumsum([len(labels) for labels in lists])]).astype(np.int64)
        return cls(starts, _hashes([label for labels in lists for label in labels]))

    def having(self, wanted: Sequence[str]) -> NDArray[np.bool_]:
        """Which events have at least one of these labels, bool of shape (n,)."""
        found = np.concatenate([[0], np.cumsum(np.isin(self.hashes, _hashes(wanted)))])
        return found[self.starts[1:]] > found[self.starts[:-1]]

    def merged(self, changed: Self, old: NDArray[np.integer], new: NDArray[np.integer], size: int) -> Self:
        """The labels with other events put in; `old` and `new` are the places of the two parts among `size`."""
        begins, lengths = np.zeros(size, np.int64), np.zeros(size, np.int64)
        for labels, places, offset in ((self, old, 0), (changed, new, len(self.hashes))):
            begins[places], lengths[places] = labels.starts[:-1] + offset, np.diff(labels.starts)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return type(self)(starts, np.concatenate([self.hashes, changed.hashes])[ranges(begins, lengths)])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        return {"starts": self.starts, "hashes": self.hashes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`."""
        return cls(arrays["starts"], arrays["hashes"])


def _hashes(labels: Sequence[str]) -> NDArray[np.uint64]:
    digests = (int.from_bytes(blake2b(label.encode(), digest_size=8).digest(), "little") for label in labels)
    return np.fromiter(digests, np.uint64, len(labels))
