"""Many stretches of rows as one index: how the entries of some owners are picked out of a sparse matrix."""

import numpy as np
from numpy.typing import NDArray


def ranges(starts: NDArray[np.integer], lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """The whole numbers `start .. start + length - 1` of each stretch, one stretch after the other.

    >>> ranges(np.array([7, 0, 3]), np.array([2, 0, 3])).tolist()
    [7, 8, 3, 4, 5]
    """
    ends = np.cumsum(lengths)
    shifts = np.repeat(starts - (ends - lengths), lengths)
    rows: NDArray[np.int64] = np.arange(len(shifts), dtype=np.int64) + shifts
    return rows
