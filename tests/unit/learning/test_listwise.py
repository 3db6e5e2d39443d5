"""Listwise learning to rank: weights that generated the training groups are recovered."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from shared.learning.listwise import TrainingGroups, estimated_ndcg, fit_listwise

TRUE = np.array([[2.0, 0.0, 1.0], [0.5, 0.0, 1.0]], np.float32)
NONE_NEGATIVE = np.zeros(3, np.bool_)


def _groups(
    rng: np.random.Generator, weights: NDArray[np.float32], *, count: int = 3_000, size: int = 20
) -> TrainingGroups:
    """Training groups with one positive of `size` rows, drawn from a conditional logit with `weights` by segment."""
    values = rng.normal(size=(count, size, weights.shape[1])).astype(np.float32)
    segments = np.arange(count) % len(weights)
    utility = np.einsum("gsf,gf->gs", values, weights[segments]) + rng.gumbel(size=(count, size))
    labels = (utility == utility.max(axis=1, keepdims=True)).astype(np.float32)
    return TrainingGroups(
        values=values.reshape(count * size, -1),
        labels=labels.ravel(),
        log_weights=np.zeros(count * size, np.float32),
        starts=np.arange(count, dtype=np.int64) * size,
        segments=segments.astype(np.int64),
        windows=np.zeros(count, np.int64),
    )


def _fit(groups: TrainingGroups, *, may_be_negative: NDArray[np.bool_] = NONE_NEGATIVE) -> NDArray[np.float32]:
    return fit_listwise(groups, n_segments=2, ridge=1.0, may_be_negative=may_be_negative)


def test_true_weights_are_recovered() -> None:
    assert _fit(_groups(np.random.default_rng(1), TRUE)) == pytest.approx(TRUE, abs=0.15)


def test_a_negative_weight_is_clipped_to_zero_unless_allowed() -> None:
    groups = _groups(np.random.default_rng(2), np.array([[1.0, -1.0, 0.0]], np.float32))
    assert _fit(groups)[0, 1] == 0
    assert _fit(groups, may_be_negative=np.array([False, True, False]))[0, 1] == pytest.approx(-1, abs=0.15)


def test_sampled_negatives_with_importance_weights_give_the_weights_of_all_negatives() -> None:
    """Negatives of 20 rows are kept with different probabilities, the positive always."""
    rng = np.random.default_rng(3)
    whole = _groups(rng, TRUE, count=6_000)
    probabilities = np.clip(0.3 + 0.2 * whole.values[:, 0], 0.1, 0.9)
    kept = (whole.labels > 0) | (rng.random(len(probabilities)) < probabilities)
    sizes = np.add.reduceat(kept.astype(np.int64), whole.starts)
    log_weights = np.where(whole.labels > 0, 0, -np.log(probabilities)).astype(np.float32)
    sampled = TrainingGroups(
        values=whole.values[kept],
        labels=whole.labels[kept],
        log_weights=log_weights[kept],
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        segments=whole.segments,
        windows=whole.windows,
    )
    assert _fit(sampled) == pytest.approx(_fit(whole), abs=0.3)


def test_a_segment_without_groups_follows_the_other_segment() -> None:
    groups = _groups(np.random.default_rng(4), TRUE[:1])
    weights = _fit(groups)
    assert weights[1] == pytest.approx(weights[0] * 3 / 4, rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_no_weights_within_the_bounds_have_a_lower_loss(seed: int) -> None:
    """Nearly equal signals, some of little use, of different scales; scipy's solver, run to its end, is the oracle."""
    rng = np.random.default_rng(seed)
    true = np.array([[2.0, 0.0, -1.0, 0.3, 0.0], [0.5, 0.1, 1.0, -0.2, 0.0]], np.float32)
    groups = _groups(rng, true, count=400, size=8)
    values = np.concatenate([groups.values, groups.values[:, :2] + rng.normal(0, 0.05, (3_200, 2))], axis=1)
    groups = replace(groups, values=(values * np.geomspace(0.01, 100, 7)).astype(np.float32))
    may_be_negative = rng.random(7) < 0.4
    found = fit_listwise(groups, n_segments=2, ridge=0.5, may_be_negative=may_be_negative)
    assert (found[:, ~may_be_negative] >= 0).all()
    size = np.sqrt(np.mean(groups.values.astype(np.float64) ** 2, axis=0))
    bounds = [(None if free else 0.0, None) for free in may_be_negative] * 2
    solved = minimize(_loss, np.zeros(14), (groups, size), "L-BFGS-B", bounds=bounds, options={"maxiter": 2_000})
    assert _loss((found * size).ravel(), groups, size) <= solved.fun * (1 + 1e-6)


def _loss(flat: NDArray[np.float64], groups: TrainingGroups, size: NDArray[np.float64]) -> float:
    """Penalized loss of weights in units of the signals' root mean square: groups of eight rows, a ridge of 0.5."""
    weights = flat.reshape(2, -1)
    ridge = 0.5 / 2 * ((weights**2).mean(axis=0).sum() + 3 * ((weights - weights.mean(axis=0)) ** 2).sum())
    scores = np.einsum("gsf,gf->gs", groups.values.reshape(len(groups), 8, -1) / size, weights[groups.segments])
    return float(ridge + np.log(np.exp(scores).sum(axis=1)).sum() - groups.labels @ scores.ravel())


def test_signals_that_are_all_zero_get_no_weight() -> None:
    groups = _groups(np.random.default_rng(5), TRUE, count=10)
    constant = replace(groups, values=np.zeros_like(groups.values))
    assert not _fit(constant).any()


def test_ndcg_ranks_within_each_group() -> None:
    groups = TrainingGroups(
        values=np.array([[3], [2], [1], [1], [2], [3]], np.float32),
        labels=np.array([1, 0, 0, 0.5, 0.5, 0], np.float32),
        log_weights=np.zeros(6, np.float32),
        starts=np.array([0, 3]),
        segments=np.array([0, 0]),
        windows=np.array([0, 1]),
    )
    second, third, ideal = 1 / np.log2(3), 1 / np.log2(4), 1 + 1 / np.log2(3)
    assert estimated_ndcg(groups, np.ones((1, 1), np.float32)) == pytest.approx([1, (second + third) / ideal])
    second_group = groups.where(np.array([False, True]))
    assert estimated_ndcg(second_group, np.ones((1, 1), np.float32)) == pytest.approx([(second + third) / ideal])
