"""Draw of whole users by a hash of their ids, which every engine that reads the ledger draws alike."""

from hashlib import md5
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIGITS: Final = 4
"""Hexadecimal digits of MD5 by which users are drawn: SQL engines have that hash, too. Of a million interactions, a
bucket of 65,536 has fifteen, so a draw leaves little room."""

BUCKETS: Final = 16**DIGITS
"""Number of buckets of users."""


def buckets(user_ids: NDArray[np.bytes_]) -> NDArray[np.int32]:
    """Bucket of each user, int32 of shape (n,) in 0..`BUCKETS`-1: the first digits of the MD5 of the UTF-8 id.

    >>> buckets(np.array([b"ada", b"bob"])).tolist(), md5(b"ada", usedforsecurity=False).hexdigest()[:4]
    ([35981, 40861], '8c8d')
    """
    # MD5 spreads ids evenly and hides nothing.
    digests = (md5(key, usedforsecurity=False).hexdigest()[:DIGITS] for key in user_ids.tolist())
    return np.fromiter((int(digits, 16) for digits in digests), np.int32, len(user_ids))


def last_bucket(counts: NDArray[np.integer], limit: int) -> int:
    """Last bucket of the draw: those up to it have at most `limit` interactions together.

    Where the first bucket with any has more, it is drawn alone: some users are needed to learn from.

    Parameters
    ----------
    counts : int of shape (`BUCKETS`,) – interactions of the users of each bucket.

    >>> last_bucket(np.array([0, 7, 2, 4, 0]), 9), last_bucket(np.array([0, 7, 2, 4, 0]), 5)
    (2, 1)
    """
    fits = int(np.searchsorted(np.cumsum(counts), limit, side="right"))
    first = int(np.argmax(counts > 0))
    return max(fits - 1, first)
