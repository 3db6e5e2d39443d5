"""Tags of events for exact filters: unlike a TF-IDF attribute, they include rare tags and those newer than training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_offsets
from shared.arrays.merge import Merge
from shared.arrays.patched import Patched
from shared.arrays.ragged import Ragged


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags of n events as lists of 64-bit hashes, which need no vocabulary.

    Attributes
    ----------
    lists : patched ragged array of n rows – the hashes of each event's tags, uint64: BLAKE2b of the UTF-8 bytes.

    >>> Tags.of([["jazz", "live"], [], ["yoga"]]).having(["yoga", "live"]).tolist()
    [True, False, True]
    """

    lists: Patched[NDArray[np.uint64]]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> Self:
        """Tags of n events from their lists of tags."""
        lengths = np.array([len(tags) for tags in lists], np.int64)
        return cls(Patched.of(Ragged.of_lengths(lengths, _hashes([tag for tags in lists for tag in tags]))))

    def having(self, wanted: Sequence[str]) -> NDArray[np.bool_]:
        """Mask of the events with at least one of the `wanted` tags, bool of shape (n,)."""
        wanted_hashes = _hashes(wanted)
        return self.lists.having(lambda hashes: np.isin(hashes, wanted_hashes))

    def merged(self, changed: Self, merge: Merge) -> Self:
        """Tags of the events of `self` and of m added or replaced ones, `changed`, which win."""
        return replace(self, lists=self.lists.merged(changed.lists.joined(), merge))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the tags, by name."""
        lists = self.lists.joined()
        return {"starts": lists.starts, "hashes": lists.values[0]}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_events: int) -> Self:
        """Tags of n events from their artifact arrays; raises `ValueError` where these do not fit."""
        hashes = checked(arrays, "hashes", "u8", -1)
        return cls(Patched.of(Ragged(checked_offsets(arrays, "starts", n_events, len(hashes)), (hashes,))))


def _hashes(tags: Sequence[str]) -> NDArray[np.uint64]:
    digests = (int.from_bytes(blake2b(tag.encode(), digest_size=8).digest(), "little") for tag in tags)
    return np.fromiter(digests, np.uint64, len(tags))
