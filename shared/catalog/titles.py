"""Titles of events for answers and reasons: whole, as UTF-8 in one array."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_offsets
from shared.arrays.merge import Merge
from shared.arrays.patched import Patched
from shared.arrays.ragged import Ragged
from shared.errors import shortened

_FORMER_BYTES: Final = 100
"""Bytes at which earlier versions cut titles, in the middle of a character or not."""


@dataclass(frozen=True, slots=True)
class Titles:
    """Titles of n events.

    Attributes
    ----------
    texts : patched ragged array of n rows – the UTF-8 bytes of each title, uint8; none where the title is unknown.

    >>> Titles.of(["Jazz 🎷", ""]).at(0)
    'Jazz 🎷'
    """

    texts: Patched[NDArray[np.uint8]]

    @classmethod
    def of(cls, titles: Sequence[str]) -> Self:
        """Titles of n events; "" means unknown."""
        encoded = [title.encode() for title in titles]
        lengths = np.array([len(title) for title in encoded], np.int64)
        return cls(Patched.of(Ragged.of_lengths(lengths, np.frombuffer(b"".join(encoded), np.uint8))))

    def at(self, row: int) -> str:
        """Title of a row, "" where unknown."""
        (letters,) = self.texts.row(row)
        return letters.tobytes().decode()

    def merged(self, changed: Self, merge: Merge) -> Self:
        """Titles of the events of `self` and of m added or replaced ones, `changed`, which win."""
        return replace(self, texts=self.texts.merged(changed.texts.joined(), merge))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the titles, by name."""
        texts = self.texts.joined()
        return {"starts": texts.starts, "letters": texts.values[0]}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_events: int) -> Self:
        """Titles of n events from their artifact arrays; raises `ValueError` where these do not fit."""
        letters = checked(arrays, "letters", "u1", -1)
        starts = checked_offsets(arrays, "starts", n_events, len(letters))
        begins = letters[starts[:-1][starts[:-1] < len(letters)]]
        try:
            letters.tobytes().decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"letters: expected UTF-8, got {error}") from error
        if ((begins & 0xC0) == 0x80).any():
            raise ValueError("starts: expected titles that begin with a character")
        return cls(Patched.of(Ragged(starts, (letters,))))

    @classmethod
    def of_former(cls, titles: NDArray[np.bytes_]) -> Self:
        """Titles from an artifact of an earlier version, bytes ("S") of shape (n,); one that was cut says so."""
        return cls.of([_former(title) for title in titles.tolist()])


def _former(title: bytes) -> str:
    text = title.decode(errors="ignore")
    # What was cut may have taken a part of the last grapheme with it.
    return shortened(text, len(text) - 1) if len(title) == _FORMER_BYTES else text
