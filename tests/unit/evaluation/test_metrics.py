"""Metrics against slow implementations and values computed by hand."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.evaluation.metrics import ndcg_and_recall, of_hits, rating_metrics, self_information, unlikeness


def _ndcg(shown: list[int], relevant: set[int]) -> float:
    gains = sum(1 / math.log2(rank + 1) for rank, column in enumerate(shown, 1) if column in relevant)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(shown), len(relevant)) + 1))
    return gains / best


def _recall(shown: list[int], relevant: set[int]) -> float:
    return len(relevant & set(shown)) / min(len(shown), len(relevant))


@st.composite
def lists_and_relevant(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    users, candidates = draw(st.integers(0, 5)), draw(st.integers(1, 12))
    k = draw(st.integers(1, candidates))
    lists = np.full((users, k), -1)
    relevant = draw(hnp.arrays(np.bool_, (users, candidates)))
    for user in range(users):
        shown = draw(st.lists(st.integers(0, candidates - 1), max_size=k, unique=True))
        lists[user, : len(shown)] = shown
        relevant[user, draw(st.integers(0, candidates - 1))] = True
    return lists, relevant


@given(case=lists_and_relevant())
def test_ndcg_and_recall_agree_with_the_formulas(case: tuple[np.ndarray, np.ndarray]) -> None:
    lists, relevant = case
    wanted = [set(np.flatnonzero(row).tolist()) for row in relevant]
    expected = [_ndcg(shown, want) for shown, want in zip(lists.tolist(), wanted, strict=True)]
    found = [_recall(shown, want) for shown, want in zip(lists.tolist(), wanted, strict=True)]
    ndcg, recall = ndcg_and_recall(lists, relevant)
    assert ndcg == pytest.approx(expected)
    assert recall == pytest.approx(found)


@pytest.mark.parametrize(
    ("shown", "relevant", "ndcg", "recall"),
    [
        ([0, 1, 2], [0, 1, 2], 1.0, 1.0),
        ([0, 1, 2], [3], 0.0, 0.0),
        ([0, 1, 2], [2], 0.5, 1.0),
        ([3, 0, 1], [0], 1 / math.log2(3), 1.0),
        ([0, 4, 1], [0, 1], 1.5 / (1 + 1 / math.log2(3)), 1.0),
        ([0, -1, -1], [0, 1], 1 / (1 + 1 / math.log2(3)), 0.5),
        ([0, 1], [0, 1, 2, 3], 1.0, 1.0),
        ([-1, -1], [0], 0.0, 0.0),
    ],
)
def test_known_lists_have_known_metrics(shown: list[int], relevant: list[int], ndcg: float, recall: float) -> None:
    mask = np.zeros((1, 5), np.bool_)
    mask[0, relevant] = True
    found_ndcg, found_recall = ndcg_and_recall(np.array([shown]), mask)
    assert found_ndcg == pytest.approx([ndcg])
    assert found_recall == pytest.approx([recall])


def test_without_users_or_candidates_there_are_no_metrics() -> None:
    ndcg, recall = ndcg_and_recall(np.empty((0, 10), np.int64), np.empty((0, 0), np.bool_))
    assert ndcg.shape == recall.shape == (0,)


def test_metrics_of_users_without_relevant_events_are_0() -> None:
    ndcg, recall = of_hits(np.zeros((1, 3), np.bool_), np.array([0]))
    assert (ndcg.tolist(), recall.tolist()) == ([0], [0])


@given(pairs=st.lists(st.tuples(st.integers(1, 5), st.floats(1, 5)), min_size=2, max_size=30))
def test_rating_metrics_agree_with_scikit_learn(pairs: list[tuple[int, float]]) -> None:
    stars, predicted = np.array(pairs, float).T
    metrics = rating_metrics(stars, predicted)
    assert metrics.ratings == len(pairs)
    assert metrics.rmse == pytest.approx(sklearn.metrics.root_mean_squared_error(stars, predicted))
    assert metrics.mae == pytest.approx(sklearn.metrics.mean_absolute_error(stars, predicted))
    if np.var(stars) > 0:
        explained = sklearn.metrics.explained_variance_score(stars, predicted)
        assert metrics.explained_variance == pytest.approx(explained, abs=1e-9)
    else:
        assert np.isnan(metrics.explained_variance)


def test_without_ratings_errors_are_undefined() -> None:
    metrics = rating_metrics(np.zeros(0), np.zeros(0))
    assert metrics.ratings == 0
    assert np.isnan([metrics.rmse, metrics.mae, metrics.explained_variance]).all()


def _unlikeness(lists: list[list[int]]) -> float:
    sets = [{column for column in shown if column >= 0} for shown in lists]
    pairs = [(left, right) for index, left in enumerate(sets) for right in sets[:index]]
    entries = sum(len(left) + len(right) for left, right in pairs)
    return 1 - sum(2 * len(left & right) for left, right in pairs) / entries if entries else 0.0


@given(case=lists_and_relevant())
def test_unlikeness_is_the_share_of_entries_that_pairs_of_lists_do_not_share(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    assert unlikeness(case[0]) == pytest.approx(_unlikeness(case[0].tolist()))


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([[0, 1], [1, 0], [0, 1]], 0.0),
        ([[0, 1], [2, 3], [4, 5]], 1.0),
        ([[0, 1], [0, 2]], 0.5),
        ([[0, 1], [0, 1], [2, 3]], 2 / 3),
        ([[0, -1], [0, -1]], 0.0),
        ([[0, 1], [0, -1]], 1 / 3),
        ([[0, 1]], 0.0),
        ([[-1, -1], [-1, -1]], 0.0),
    ],
)
def test_known_lists_have_known_unlikeness(lists: list[list[int]], expected: float) -> None:
    assert unlikeness(np.array(lists)) == pytest.approx(expected)


def test_self_information_grows_with_fewer_takers_and_none_count_as_one() -> None:
    assert self_information(np.array([16, 8, 4, 1, 0]), 16) == pytest.approx([0, 1, 2, 4, 4])
    assert self_information(np.array([0, 0]), 0).tolist() == [0, 0]
