"""Where a list goes on: a cursor names what was shown, so no page repeats an event, whatever changes in between."""

import base64
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_SHOWN: Final = 500
"""How many events the pages of one list may hold."""

_BYTES: Final = 6
_MASK: Final = np.uint64((1 << 8 * _BYTES) - 1)
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


def fingerprints(keys: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """48-bit hashes of ids, uint64 of shape (n,); they depend on the id alone, not on the width of the array."""
    width = keys.dtype.itemsize
    letters = np.ascontiguousarray(keys).view(np.uint8).reshape(len(keys), width)
    hashed = np.zeros(len(keys), np.uint64)
    for place in range(width):
        # A trailing zero is padding, so it must leave the hash as it is.
        letter = letters[:, place].astype(np.uint64)
        mixed = (hashed ^ (letter * _MULTIPLIER)) * _MULTIPLIER
        hashed = np.where(letter > 0, mixed ^ (mixed >> np.uint64(29)), hashed)
    return hashed & _MASK


def encode(shown: Sequence[int] | NDArray[np.uint64]) -> str:
    """The cursor behind these fingerprints: eight characters each."""
    return base64.urlsafe_b64encode(b"".join(int(one).to_bytes(_BYTES, "big") for one in shown)).decode()


def decode(cursor: str) -> NDArray[np.uint64]:
    """The fingerprints of a cursor, a string of eight URL-safe base64 characters for each."""
    data = base64.urlsafe_b64decode(cursor)
    return np.array(
        [int.from_bytes(data[at : at + _BYTES], "big") for at in range(0, len(data), _BYTES)], dtype=np.uint64
    )
