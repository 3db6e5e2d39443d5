"""Singular vectors of the normalized user × event matrix."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.svd import right_singular_vectors

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

_MIN_RANK: Final = 64
_MAX_RANK: Final = 512
_LIKES_PER_FACTOR: Final = 1_000
"""Likes that a factor needs: fewer do not tell more factors from noise."""
_MAX_USERS: Final = 100_000
"""Users that the vectors are computed from, a random sample of them where there are more: bounds training time."""
_MAX_CELLS: Final = 32_000_000
"""Cells of the dense matrix of vectors over users or events, 128 MB as float32: bounds memory."""


@dataclass(frozen=True, slots=True)
class SingularVectors:
    """Right singular vectors of the normalized user × event matrix R̃ = D_u^-½ R D_i^-½.

    The rank is the number of likes divided by `_LIKES_PER_FACTOR`, within `_MIN_RANK` and `_MAX_RANK`. With more than
    `_MAX_USERS` users the vectors come from a sample of them.

    Attributes
    ----------
    events : int32 of shape (k,) – events with likes, ascending.
    scale : float32 of shape (k,) – square roots of the events' numbers of users.
    vectors : float32 of shape (k, rank) – the vectors as columns, leading ones first.
    """

    events: NDArray[np.int32]
    scale: NDArray[np.float32]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, liked: "csr_array") -> Self:
        """Singular vectors of a user × event matrix of likes, float32 of shape (n_users, n_events), 0 or 1."""
        from scipy.sparse import diags_array

        events = np.flatnonzero(np.bincount(liked.indices, minlength=liked.shape[1]))
        active = np.flatnonzero(np.diff(liked.indptr))
        if len(active) > _MAX_USERS:
            active = np.sort(np.random.default_rng(0).choice(active, _MAX_USERS, replace=False))
        liked = liked[active][:, events]
        scale = np.sqrt(np.maximum(np.bincount(liked.indices, minlength=len(events)), 1)).astype(np.float32)
        size = max(*liked.shape, 1)
        rank = max(_MIN_RANK, min(_MAX_RANK, liked.nnz // _LIKES_PER_FACTOR, _MAX_CELLS // size))
        rank = min(rank, *liked.shape)
        if rank < 2:
            return cls(np.empty(0, np.int32), scale[:0], np.zeros((0, 0), np.float32))
        by_user = (np.diff(liked.indptr).astype(np.float32)) ** -0.5
        normalized = diags_array(by_user) @ liked @ diags_array(1 / scale)
        vectors = right_singular_vectors(normalized.astype(np.float32).tocsr(), rank)
        return cls(events.astype(np.int32), scale, vectors)
