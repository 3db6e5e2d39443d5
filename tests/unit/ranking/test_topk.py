"""Top-k selection against sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.ranking import topk

shapes = st.tuples(st.integers(0, 4), st.integers(0, 60))
few_values = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])


def _top_by_sorting(scores: np.ndarray, allowed: np.ndarray, k: int) -> list[list[tuple[int, float]]]:
    """Oracle: each user's top k pairs of column and score from a full sort; (-1, -inf) where nothing is left."""
    lists = []
    for row, may_list in zip(scores.tolist(), allowed.tolist(), strict=True):
        left = [(-score, column) for column, score in enumerate(row) if may_list[column] and score > -np.inf]
        best = [(column, -negated) for negated, column in sorted(left)[:k]]
        lists.append(best + [(-1, -np.inf)] * (min(k, len(row)) - len(best)))
    return lists


@given(data=st.data(), shape=shapes, k=st.integers(1, 70))
def test_top_agrees_with_sorting_each_row(data: st.DataObject, shape: tuple[int, int], k: int) -> None:
    scores = data.draw(hnp.arrays(data.draw(st.sampled_from([np.float32, np.float64])), shape, elements=few_values))
    allowed = data.draw(hnp.arrays(np.bool_, shape))
    columns, best = topk.top(scores, allowed, k)
    assert columns.shape == best.shape == (shape[0], min(k, shape[1]))
    got = [list(zip(*pair, strict=True)) for pair in zip(columns.tolist(), best.tolist(), strict=True)]
    assert got == _top_by_sorting(scores, allowed, k)


@pytest.mark.parametrize("k", [1, 5, 100])
def test_ties_go_to_the_first_column(k: int) -> None:
    columns, _ = topk.top(np.zeros((2, 100), np.float32), np.ones((2, 100), np.bool_), k)
    assert columns.tolist() == [list(range(k))] * 2


@pytest.mark.parametrize("k", [1, 10, 300])
@pytest.mark.parametrize("size", [1_500, 5_000])
@pytest.mark.parametrize("kind", ["spread", "tied", "few allowed", "none sampled"])
def test_top_of_long_rows_agrees_with_sorting_all(kind: str, size: int, k: int) -> None:
    rng = np.random.default_rng(size + k)
    scores, allowed = rng.normal(size=size).astype(np.float32), rng.random(size) < 0.9
    if kind == "tied":
        scores = np.round(scores)
    if kind == "few allowed":
        allowed = rng.random(size) < 0.004
    if kind == "none sampled":
        # The sample takes the first of every `size // 1_000` scores in a row.
        allowed[:: size // 1_000] = False
    columns, best = topk.top(scores[None], allowed[None], k)
    order = np.argsort(np.where(allowed, -scores, np.inf), kind="stable")[:k]
    expected = np.where(allowed[order], order, -1)
    assert columns[0].tolist() == expected.tolist()
    assert best[0].tolist() == np.where(allowed[order], scores[order], -np.inf).tolist()
