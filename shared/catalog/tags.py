"""Tags of events for exact filters: unlike a TF-IDF attribute, they include rare tags and those newer than training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranges


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags of n events as a CSR list of 64-bit hashes, which need no vocabulary.

    Attributes
    ----------
    starts : int64 of shape (n + 1,) – event i has the hashes `starts[i]:starts[i + 1]`.
    hashes : uint64 of shape (number of tags,) – BLAKE2b of the tag's UTF-8 bytes.

    >>> Tags.of([["jazz", "live"], [], ["yoga"]]).having(["yoga", "live"]).tolist()
    [True, False, True]
    """

    starts: NDArray[np.int64]
    hashes: NDArray[np.uint64]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> Self:
        """Tags of n events from their lists of tags."""
        starts = np.concatenate([[0], np.cumsum([len(tags) for tags in lists])]).astype(np.int64)
        return cls(starts, _hashes([tag for tags in lists for tag in tags]))

    def having(self, wanted: Sequence[str]) -> NDArray[np.bool_]:
        """Mask of the events with at least one of the `wanted` tags, bool of shape (n,)."""
        found = np.concatenate([[0], np.cumsum(np.isin(self.hashes, _hashes(wanted)))])
        return found[self.starts[1:]] > found[self.starts[:-1]]

    def merged(self, changed: Self, old: NDArray[np.integer], new: NDArray[np.integer], size: int) -> Self:
        """Tags of `size` events, merged from `self` and `changed`.

        Parameters
        ----------
        changed : tags of the added or replaced events, which win.
        old, new : int of shape (n,) and (m,) – merged rows of the events of `self` and `changed`.
        size : number of merged events.
        """
        begins, lengths = np.zeros(size, np.int64), np.zeros(size, np.int64)
        for tags, rows, offset in ((self, old, 0), (changed, new, len(self.hashes))):
            begins[rows], lengths[rows] = tags.starts[:-1] + offset, np.diff(tags.starts)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return type(self)(starts, np.concatenate([self.hashes, changed.hashes])[ranges(begins, lengths)])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the tags, by name."""
        return {"starts": self.starts, "hashes": self.hashes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Tags from their artifact arrays."""
        return cls(arrays["starts"], arrays["hashes"])


def _hashes(tags: Sequence[str]) -> NDArray[np.uint64]:
    digests = (int.from_bytes(blake2b(tag.encode(), digest_size=8).digest(), "little") for tag in tags)
    return np.fromiter(digests, np.uint64, len(tags))
