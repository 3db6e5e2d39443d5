"""Pagination cursor: hashes of the events already shown, so that no page repeats an event when scores change."""

import base64
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_SHOWN: Final = 500
"""Limit of events over all pages of a list; a cursor grows by eight characters an event."""

_BYTES: Final = 6
"""Bytes of a fingerprint; six bytes are eight base64 characters without padding."""

_MASK: Final = np.uint64((1 << 8 * _BYTES) - 1)
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
"""Multiplier of Fibonacci hashing: 2^64 divided by the golden ratio."""


def fingerprints(keys: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """48-bit hashes of ids, uint64 of shape (n,); they depend on the id alone, not on the width of the array."""
    width = keys.dtype.itemsize
    letters = np.ascontiguousarray(keys).view(np.uint8).reshape(len(keys), width)
    hashed = np.zeros(len(keys), np.uint64)
    for position in range(width):
        # A trailing zero is padding, so it must leave the hash as it is.
        letter = letters[:, position].astype(np.uint64)
        mixed = (hashed ^ (letter * _MULTIPLIER)) * _MULTIPLIER
        hashed = np.where(letter > 0, mixed ^ (mixed >> np.uint64(29)), hashed)
    return hashed & _MASK


def encode(shown: Sequence[int] | NDArray[np.uint64]) -> str:
    """Cursor of the fingerprints of shown events: eight URL-safe base64 characters each."""
    return base64.urlsafe_b64encode(b"".join(int(number).to_bytes(_BYTES, "big") for number in shown)).decode()


def decode(cursor: str) -> NDArray[np.uint64]:
    """Fingerprints in a cursor, uint64 of shape (n,); the inverse of `encode`."""
    data = base64.urlsafe_b64decode(cursor)
    return np.array(
        [int.from_bytes(data[at : at + _BYTES], "big") for at in range(0, len(data), _BYTES)], dtype=np.uint64
    )
