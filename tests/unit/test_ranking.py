"""Turning scores into lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.analysis import ranking

shapes = st.tuples(st.integers(0, 4), st.integers(0, 60))
few_values = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])


def _slowly(scores: np.ndarray, allowed: np.ndarray, k: int) -> list[list[tuple[int, float]]]:
    """Each user's best columns, one after the other; (-1, -inf) where nothing is left."""
    lists = []
    for row, may in zip(scores.tolist(), allowed.tolist(), strict=True):
        left = [(-score, column) for column, score in enumerate(row) if may[column] and score > -np.inf]
        best = [(column, -negated) for negated, column in sorted(left)[:k]]
        lists.append(best + [(-1, -np.inf)] * (min(k, len(row)) - len(best)))
    return lists


@given(data=st.data(), shape=shapes, k=st.integers(1, 70))
def test_top_agrees_with_sorting_each_list_by_hand(data: st.DataObject, shape: tuple[int, int], k: int) -> None:
    scores = data.draw(hnp.arrays(data.draw(st.sampled_from([np.float32, np.float64])), shape, elements=few_values))
    allowed = data.draw(hnp.arrays(np.bool_, shape))
    columns, best = ranking.top(scores, allowed, k)
    assert columns.shape == best.shape == (shape[0], min(k, shape[1]))
    got = [list(zip(*pair, strict=True)) for pair in zip(columns.tolist(), best.tolist(), strict=True)]
    assert got == _slowly(scores, allowed, k)


@pytest.mark.parametrize("k", [1, 5, 100])
def test_ties_go_to_the_first_column_on_either_path(k: int) -> None:
    columns, _ = ranking.top(np.zeros((2, 100), np.float32), np.ones((2, 100), np.bool_), k)
    assert columns.tolist() == [list(range(k))] * 2


@pytest.mark.parametrize("k", [1, 10, 300])
@pytest.mark.parametrize("size", [1_500, 5_000])
@pytest.mark.parametrize("kind", ["spread", "tied", "few allowed", "none sampled"])
def test_top_of_many_agrees_with_sorting_all(kind: str, size: int, k: int) -> None:
    rng = np.random.default_rng(size + k)
    scores, allowed = rng.normal(size=size).astype(np.float32), rng.random(size) < 0.9
    if kind == "tied":
        scores = np.round(scores)
    if kind == "few allowed":
        allowed = rng.random(size) < 0.004
    if kind == "none sampled":
        # Of every few in a row, the first is the one that a stride meets.
        allowed[:: size // 1_000] = False
    columns, best = ranking.top(scores[None], allowed[None], k)
    order = np.argsort(np.where(allowed, -scores, np.inf), kind="stable")[:k]
    expected = np.where(allowed[order], order, -1)
    assert columns[0].tolist() == expected.tolist()
    assert best[0].tolist() == np.where(allowed[order], scores[order], -np.inf).tolist()


def test_fallback_is_most_popular_first_then_soonest_first() -> None:
    popularity = np.array([0.0, 5.0, 0.0, 7.0, 0.0])
    starts_at = np.array([np.inf, 9.0, 3.0, 8.0, 1.0])
    scores = ranking.fallback_scores(popularity, starts_at)
    assert np.argsort(-scores).tolist() == [3, 1, 4, 2, 0]
    assert scores == pytest.approx([0.2, 0.8, 0.4, 1.0, 0.6])


@given(
    columns=st.lists(
        st.tuples(st.sampled_from([0.0, 1e-300, 1.0, 1e300]), st.sampled_from([1.0, 2.0, np.inf, -np.inf])), max_size=30
    )
)
def test_fallback_scores_are_distinct_and_in_0_to_1(columns: list[tuple[float, float]]) -> None:
    popularity, starts_at = np.array(columns).reshape(-1, 2).T
    scores = ranking.fallback_scores(popularity, starts_at)
    assert len(set(scores.tolist())) == len(columns)
    assert all(0 < score <= 1 for score in scores.tolist())
    order = sorted(range(len(columns)), key=lambda row: (-popularity[row], starts_at[row], row))
    assert np.argsort(-scores).tolist() == order


def test_liked_then_unknown_then_disliked() -> None:
    personal = np.array([[0.1, np.nan, -0.5, 0.9, 0.0]])
    fallback = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    assert ranking.over(personal, fallback).tolist() == [[1.1, 0.4, 0.6 - 1, 1.9, 0.0]]


@given(data=st.data(), shape=st.tuples(st.integers(1, 3), st.integers(1, 20)))
def test_the_three_groups_never_mix(data: st.DataObject, shape: tuple[int, int]) -> None:
    values = st.sampled_from([np.nan, -1.0, -0.01, 0.0, 0.01, 1.0])
    personal = data.draw(hnp.arrays(np.float32, shape, elements=values))
    fallback = ranking.fallback_scores(np.zeros(shape[1]), np.arange(shape[1], dtype=float))
    scores = ranking.over(personal, fallback)
    assert (scores[personal > 0] > 1).all()
    assert ((scores[np.isnan(personal)] > 0) & (scores[np.isnan(personal)] <= 1)).all()
    assert (scores[personal <= 0] <= 0).all()
