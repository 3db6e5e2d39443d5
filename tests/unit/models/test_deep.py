"""Deep models without PyTorch: they load and score, nothing trains them, and all else is as if they were not there."""

import subprocess
import sys
from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from shared.deep.extra import is_installed
from shared.entities import Profile, User
from shared.errors import InvalidField
from shared.feedback.history import Histories
from shared.models.blend import Blend
from shared.models.graph import Graph
from shared.models.scorer import Scorer
from shared.models.towers import Towers
from shared.ranking.recommender import Recommender
from shared.services.training.dataset import Dataset, TrainingSet
from shared.signals.registry import SIGNALS
from shared.signals.signal import TrainingData
from shared.signals.users import SEGMENTS, UserBatch
from tests import laws
from tests.examples import NOW
from tests.towers import assert_same_without_pytorch, fitted, made_up, made_up_graph

DATA: Final = laws.city()
TRAINING: Final = TrainingSet.of(DATA, now=NOW)
PAST: Final = TRAINING.replay.data(NOW)

_HASH: Final = """
import hashlib, sys
import shared.signals.registry as registry
if sys.argv[1] == "without":
    registry.SIGNALS = tuple(signal for signal in registry.SIGNALS if not signal.is_optional)
from shared.models.artifact import pack
from tests import laws
arrays = laws.trained("blend", laws.city()).to_arrays()
assert not [name for name in arrays if "towers" in name], sorted(arrays)
assert not [name for name in sys.modules if name.split(".")[0] == "torch" or name == "shared.deep.towers"]
print(hashlib.sha256(pack(arrays)).hexdigest())
"""

without_extra = pytest.mark.skipif(is_installed(), reason="PyTorch is installed")


def _scorer(name: str, past: TrainingData) -> Scorer:
    """Model with made-up parameters."""
    if name == Blend.name:
        weights = np.ones((len(SEGMENTS), len(SIGNALS)), np.float32)
        return Blend(weights, {signal.name: fitted(signal, past) for signal in SIGNALS})
    return Towers(made_up(past)) if name == Towers.name else Graph(made_up_graph(past))


def _recommender(name: str) -> Recommender:
    frame = TRAINING.fit("popularity", NOW, half_life_days=90.0)
    return replace(frame, scorer=_scorer(name, PAST))


@pytest.mark.parametrize("name", [Blend.name, Towers.name, Graph.name])
def test_a_process_without_pytorch_gives_the_same_lists(name: str) -> None:
    assert_same_without_pytorch(name, _recommender(name), TRAINING)


@without_extra
def test_a_training_without_the_extra_gives_the_bytes_of_a_program_that_has_no_such_signal() -> None:
    found = [
        subprocess.run([sys.executable, "-c", _HASH, kind], capture_output=True, check=True, text=True).stdout
        for kind in ("with", "without")
    ]
    assert len(found[0].strip()) == 64
    assert found[0] == found[1]


@without_extra
@pytest.mark.parametrize("name", [Towers.name, Graph.name])
def test_a_model_whose_extra_is_missing_says_how_to_get_it(name: str) -> None:
    with pytest.raises(InvalidField, match=r"pip install .*-r requirements-deep\.txt"):
        laws.trained(name, DATA)


@pytest.mark.parametrize("name", [Towers.name, Graph.name])
def test_strangers_see_what_is_popular(name: str) -> None:
    popular = TRAINING.fit("popularity", NOW, half_life_days=90.0)
    lists = [[item.event_id for item in one.recommend(k=20, now=NOW)] for one in (_recommender(name), popular)]
    assert lists[0] == lists[1]


@pytest.mark.parametrize("name", [Towers.name, Graph.name])
def test_damaged_arrays_are_refused_by_name(name: str) -> None:
    model = _scorer(name, PAST)
    arrays = model.to_arrays()
    for key, array in arrays.items():
        for damaged in (
            array[:, None],
            array.astype(np.complex64) if array.dtype.kind != "S" else array.view(np.uint8),
        ):
            with pytest.raises(ValueError, match=rf"^{key}: expected"):
                type(model).from_arrays(arrays | {key: damaged}, TRAINING.catalog)
        rest = {other: value for other, value in arrays.items() if other != key}
        with pytest.raises(ValueError, match=rf"^{key}: expected an array, got none"):
            type(model).from_arrays(rest, TRAINING.catalog)


@pytest.mark.parametrize("name", [Towers.name, Graph.name])
def test_what_a_stranger_declares_is_enough_for_a_vector(name: str) -> None:
    users = {f"u{n}": User(user_id=f"u{n}", preferred_tags=("music",)) for n in range(4)}
    done = tuple(replace(entry, user_id=f"u{n % 4}") for n, entry in enumerate(DATA.interactions))
    training = TrainingSet.of(Dataset(DATA.events, users, done), now=NOW)
    frame = training.fit("popularity", NOW, half_life_days=90.0)
    recommender = replace(frame, scorer=_scorer(name, training.replay.data(NOW)))
    histories = [Histories.of_profile(Profile(user), frame.catalog, NOW) for user in (User(user_id="x"), users["u0"])]
    stranger, declared = (
        recommender.scorer.personal_scores(UserBatch(history, recommender.live(NOW)))["collaborative"]
        for history in histories
    )
    assert not stranger.any()
    assert declared.any()
