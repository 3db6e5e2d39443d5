"""Randomized truncated SVD against the dense decomposition."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from shared.arrays.svd import right_singular_vectors


def _matrix(rng: np.random.Generator, shape: tuple[int, int], rank: int) -> np.ndarray:
    left, right = (np.linalg.qr(rng.normal(size=(size, rank)))[0] for size in shape)
    product: np.ndarray = (left * 0.8 ** np.arange(rank)) @ right.T
    return product


@pytest.mark.parametrize("shape", [(300, 120), (120, 300)])
def test_vectors_equal_those_of_the_dense_decomposition(shape: tuple[int, int]) -> None:
    dense = _matrix(np.random.default_rng(1), shape, 40)
    found = right_singular_vectors(csr_array(dense.astype(np.float32)), 10)
    expected = np.linalg.svd(dense)[2][:10].T
    assert np.abs((found * expected).sum(axis=0)) == pytest.approx(np.ones(10), abs=1e-3)
    assert (found[np.abs(found).argmax(axis=0), np.arange(10)] > 0).all()


def test_a_matrix_of_lower_rank_is_reconstructed() -> None:
    dense = _matrix(np.random.default_rng(2), (50, 30), 3)
    found = right_singular_vectors(csr_array(dense.astype(np.float32)), 20)
    assert found.shape == (30, 20)
    assert np.isfinite(found).all()
    projected = dense @ found[:, :3] @ found[:, :3].T
    assert projected == pytest.approx(dense, abs=1e-4)


def test_equal_seeds_give_equal_vectors() -> None:
    matrix = csr_array(_matrix(np.random.default_rng(3), (60, 50), 30).astype(np.float32))
    first, again, differently_seeded = (right_singular_vectors(matrix, 5, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert first == pytest.approx(differently_seeded, abs=1e-2)
