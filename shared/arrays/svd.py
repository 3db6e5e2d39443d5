"""Randomized truncated SVD: leading right singular vectors of a large sparse matrix."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

_OVERSAMPLING: Final = 10
_POWER_ITERATIONS: Final = 2
_TINY: Final = 1e-6
"""Eigenvalues below this share of the largest count as 0: float32 products are no more precise."""


def right_singular_vectors(matrix: "csr_array", rank: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Right singular vectors of an m × n matrix, the `rank` leading ones as columns, float32 of shape (n, rank).

    A randomized range finder in the column space with two power iterations, orthonormalized in each, then the
    eigenvectors of the small Gram matrix of A Q. The left vectors are not computed, since the model stores no users;
    all dense work is matrix products. (Halko, Martinsson, Tropp: "Finding structure with randomness", SIAM Review
    2011.) The sign of each vector makes its largest entry positive. `rank` is at most min(m, n); if the matrix has a
    lower rank, the last vectors are zeros.
    """
    transposed = matrix.T.tocsr()
    size = min(rank + _OVERSAMPLING, *matrix.shape)
    if size == matrix.shape[1]:
        basis = np.eye(size, dtype=np.float32)
    else:
        basis = np.random.default_rng(seed).standard_normal((matrix.shape[1], size), dtype=np.float32)
        for _ in range(_POWER_ITERATIONS):
            basis = transposed @ (matrix @ basis)
            basis = basis @ _whitening(basis)
    projected = matrix @ basis
    _, eigenvectors = np.linalg.eigh((projected.T @ projected).astype(np.float64))
    vectors = basis @ eigenvectors[:, ::-1][:, :rank].astype(np.float32)
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    signed: NDArray[np.float32] = vectors * np.where(largest < 0, np.float32(-1), np.float32(1))
    return signed


def _whitening(basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whitening matrix W that makes the columns of `basis` @ W orthonormal; zeros for directions without variance."""
    values, vectors = np.linalg.eigh((basis.T @ basis).astype(np.float64))
    has_variance = values > _TINY * values[-1]
    scaled: NDArray[np.float32] = (vectors * np.where(has_variance, values.clip(1e-30) ** -0.5, 0)).astype(np.float32)
    return scaled
