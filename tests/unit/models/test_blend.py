"""Origin of the blend's weights: learned, popularity or hand-set."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.learning.listwise import TrainingGroups
from shared.models import blend
from shared.models.blend import HAND_SET, MIN_GROUPS, Blend, learn
from shared.signals.registry import RETIRED, SIGNALS
from shared.signals.users import SEGMENTS

NAMES = [signal.name for signal in SIGNALS]
_SIZE = 30


def _groups(
    rng: np.random.Generator, *by: str, count: int = 1_600, windows: int = 8, segment: int = 0
) -> TrainingGroups:
    """Training groups of a positive among 30 events in a segment: some signals are predictive, others are noise."""
    values = np.zeros((count, _SIZE, len(NAMES)), np.float32)
    for name in dict.fromkeys((*by, "likes", "rising", "nearness")):
        values[:, :, NAMES.index(name)] = rng.normal(size=(count, _SIZE))
    utility = 1.5 * sum(values[:, :, NAMES.index(name)] for name in by) + rng.gumbel(size=(count, _SIZE))
    return TrainingGroups(
        values=values.reshape(count * _SIZE, -1),
        labels=(utility == utility.max(axis=1, keepdims=True)).astype(np.float32).ravel(),
        log_weights=np.zeros(count * _SIZE, np.float32),
        starts=np.arange(count, dtype=np.int64) * _SIZE,
        segments=np.full(count, segment, np.int64),
        windows=np.sort(np.arange(count) % windows),
    )


def _origin(groups: TrainingGroups, segment: int = 0) -> tuple[str, NDArray[np.float32]]:
    weights, learning = learn([groups])
    return learning["weights_from"][SEGMENTS[segment]], weights[segment]


@pytest.mark.parametrize("draws", [[], [_groups(np.random.default_rng(0), "declared_tags", count=MIN_GROUPS - 1)] * 4])
def test_with_too_few_training_groups_the_weights_are_hand_set(draws: list[TrainingGroups]) -> None:
    weights, learning = learn(draws)
    assert (weights == HAND_SET).all()
    assert learning["weights_from"] == "hand"
    assert str(MIN_GROUPS) in learning["why"]


@pytest.mark.parametrize("windows", [1, 2, 8])
def test_cold_start_users_get_learned_weights_when_declared_tags_are_predictive(windows: int) -> None:
    origin, weights = _origin(_groups(np.random.default_rng(1), "declared_tags", windows=windows))
    assert origin == "learned"
    assert NAMES[int(weights.argmax())] == "declared_tags"


def _drifted(before: TrainingGroups, after: TrainingGroups) -> TrainingGroups:
    """Concept drift: groups of `before` in the earlier half of the windows, of `after` in the later half."""
    parts = {
        name: np.concatenate([getattr(before, name), getattr(after, name)])
        for name in ("values", "labels", "log_weights", "segments")
    }
    starts = np.concatenate([before.starts, after.starts + len(before.values)])
    return replace(before, **parts, starts=starts, windows=np.concatenate([before.windows, after.windows + 8]))


def test_cold_start_users_get_popularity_weights_where_these_beat_the_learned_ones() -> None:
    rng = np.random.default_rng(2)
    origin, weights = _origin(_drifted(_groups(rng, "nearness"), _groups(rng, "likes", "rising")))
    assert origin == "popularity"
    assert weights[NAMES.index("likes")] == weights[NAMES.index("rising")] > 0


def test_hand_set_weights_replace_learned_ones_in_a_segment_with_concept_drift() -> None:
    rng = np.random.default_rng(3)
    drifted = _drifted(_groups(rng, "nearness", segment=2), _groups(rng, "follows", segment=2))
    origin, weights = _origin(drifted, segment=2)
    assert origin == "hand"
    assert (weights == HAND_SET[2]).all()


def test_a_segment_without_groups_gets_weights_learned_from_the_others() -> None:
    weights, learning = learn([_groups(np.random.default_rng(4), "follows", segment=1)])
    assert learning["weights_from"] == dict.fromkeys(SEGMENTS, "learned")
    assert NAMES[int(weights[2].argmax())] == "follows"


def test_the_weights_are_the_mean_of_those_of_each_draw() -> None:
    draws = [_groups(np.random.default_rng(seed), "follows") for seed in (5, 6)]
    weights, learning = learn(draws)
    assert learning["choices"] == len(draws[0])
    assert weights == pytest.approx((learn(draws[:1])[0] + learn(draws[1:])[0]) / 2)


def _stored(*names: str) -> dict[str, NDArray[np.generic]]:
    """Arrays of a stored blend with weights 1, 2, … for these signals and `soonness`."""
    weights = np.tile(np.arange(1, len(names) + 2, dtype=np.float32), (len(SEGMENTS), 1))
    return {"blend.signals": np.array([name.encode() for name in (*names, "soonness")]), "blend.weights": weights}


def test_weights_of_retired_signals_in_a_stored_model_are_ignored() -> None:
    stored = Blend.from_arrays(_stored(*sorted(RETIRED)), Catalog.of([]))
    assert {NAMES[column] for column in np.flatnonzero(stored.weights.any(axis=0))} == {"soonness"}
    assert (stored.weights[:, NAMES.index("soonness")] == len(RETIRED) + 1).all()
    assert not RETIRED & set(NAMES)


def test_a_stored_model_with_a_weight_of_an_unknown_signal_is_refused() -> None:
    with pytest.raises(ValueError, match="no signal 'telepathy'; update it"):
        Blend.from_arrays(_stored("telepathy"), Catalog.of([]))


def test_every_fixed_weight_names_a_signal() -> None:
    fixed = {**blend._COLLABORATIVE, **blend._CONTENT, **blend._OTHERS, "likes": 0.5, "rising": 0.5}
    assert set(fixed) <= set(NAMES)
    assert {NAMES[column] for column in np.flatnonzero(HAND_SET.any(axis=0))} == set(fixed) - {"likes", "rising"}
