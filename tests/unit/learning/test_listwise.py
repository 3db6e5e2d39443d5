"""Weights from choices: known ones are found again."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.learning.listwise import Choices, estimated_ndcg, fit_choices

TRUE = np.array([[2.0, 0.0, 1.0], [0.5, 0.0, 1.0]], np.float32)
NONE_FREE = np.zeros(3, np.bool_)


def _choices(rng: np.random.Generator, weights: NDArray[np.float32], *, count: int = 3_000, size: int = 20) -> Choices:
    """Choices of one among `size` by people of two segments who really weigh as `weights` says."""
    values = rng.normal(size=(count, size, weights.shape[1])).astype(np.float32)
    segments = np.arange(count) % len(weights)
    utility = np.einsum("gsf,gf->gs", values, weights[segments]) + rng.gumbel(size=(count, size))
    chosen = (utility == utility.max(axis=1, keepdims=True)).astype(np.float32)
    return Choices(
        values=values.reshape(count * size, -1),
        chosen=chosen.ravel(),
        offsets=np.zeros(count * size, np.float32),
        starts=np.arange(count, dtype=np.int64) * size,
        segments=segments.astype(np.int64),
        windows=np.zeros(count, np.int64),
    )


def _fit(choices: Choices, *, is_free: NDArray[np.bool_] = NONE_FREE) -> NDArray[np.float32]:
    return fit_choices(choices, n_segments=2, ridge=1.0, is_free=is_free)


def test_the_weights_that_people_choose_by_are_found() -> None:
    assert _fit(_choices(np.random.default_rng(1), TRUE)) == pytest.approx(TRUE, abs=0.15)


def test_a_signal_that_speaks_against_gets_no_weight_unless_it_may() -> None:
    choices = _choices(np.random.default_rng(2), np.array([[1.0, -1.0, 0.0]], np.float32))
    assert _fit(choices)[0, 1] == 0
    assert _fit(choices, is_free=np.array([False, True, False]))[0, 1] == pytest.approx(-1, abs=0.15)


def test_a_sample_of_the_rest_gives_the_weights_of_all_of_it() -> None:
    """People choose one of 20; we see their pick and each other event only by its chance, popular ones more often."""
    rng = np.random.default_rng(3)
    whole = _choices(rng, TRUE, count=6_000)
    chances = np.clip(0.3 + 0.2 * whole.values[:, 0], 0.1, 0.9)
    kept = (whole.chosen > 0) | (rng.random(len(chances)) < chances)
    sizes = np.add.reduceat(kept.astype(np.int64), whole.starts)
    offsets = np.where(whole.chosen > 0, 0, -np.log(chances)).astype(np.float32)
    sampled = Choices(
        values=whole.values[kept],
        chosen=whole.chosen[kept],
        offsets=offsets[kept],
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        segments=whole.segments,
        windows=whole.windows,
    )
    assert _fit(sampled) == pytest.approx(_fit(whole), abs=0.3)


def test_a_segment_without_choices_weighs_as_the_other_one_does() -> None:
    choices = _choices(np.random.default_rng(4), TRUE[:1])
    weights = _fit(choices)
    assert weights[1] == pytest.approx(weights[0] * 3 / 4, rel=0.02)


def test_nothing_to_learn_from_gives_no_weights() -> None:
    choices = _choices(np.random.default_rng(5), TRUE, count=10)
    silent = replace(choices, values=np.zeros_like(choices.values))
    assert not _fit(silent).any()


def test_ndcg_counts_ranks_within_each_choice() -> None:
    choices = Choices(
        values=np.array([[3], [2], [1], [1], [2], [3]], np.float32),
        chosen=np.array([1, 0, 0, 0.5, 0.5, 0], np.float32),
        offsets=np.zeros(6, np.float32),
        starts=np.array([0, 3]),
        segments=np.array([0, 0]),
        windows=np.array([0, 1]),
    )
    second, third, ideal = 1 / np.log2(3), 1 / np.log2(4), 1 + 1 / np.log2(3)
    assert estimated_ndcg(choices, np.ones((1, 1), np.float32)) == pytest.approx([1, (second + third) / ideal])
    only = choices.where(np.array([False, True]))
    assert estimated_ndcg(only, np.ones((1, 1), np.float32)) == pytest.approx([(second + third) / ideal])
