"""Training of deep models with PyTorch: the same arrays again, nothing of the future, and lists without PyTorch."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.console import Console
from jobs.folder import read_dataset
from jobs.sample import write_sample
from shared.learning.replay import Replay
from shared.learning.windows import windows_of
from shared.models.artifact import pack
from shared.models.graph import Graph
from shared.models.registry import MODELS, trainable
from shared.models.towers import Towers
from shared.ranking.recommender import Recommender
from shared.services.training.dataset import Dataset, TrainingSet
from shared.signals.towers import event_vectors
from tests import laws
from tests.examples import NOW
from tests.towers import assert_same_without_pytorch

DEEP = pytest.mark.parametrize("name", [Towers.name, Graph.name])


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder: Path = tmp_path_factory.mktemp("city")
    write_sample(folder, now=NOW, users=400, events=300, interactions=8_000, seed=2)
    return read_dataset(folder, Console(), before=NOW)


def _trained(name: str, data: Dataset, seed: int = 0) -> tuple[TrainingSet, Recommender]:
    training = TrainingSet.of(data, now=NOW, seed=seed)
    return training, training.fit(name, NOW, half_life_days=90.0)


def _same(arrays: dict[str, NDArray[Any]], others: dict[str, NDArray[Any]]) -> bool:
    return pack(arrays) == pack(others)


def test_with_the_extra_all_models_can_be_trained() -> None:
    assert list(trainable()) == list(MODELS)


@DEEP
def test_the_same_seed_gives_the_same_arrays_and_another_one_others(name: str, city: Dataset) -> None:
    first, again, other = (_trained(name, city, seed)[1].scorer.to_arrays() for seed in (0, 0, 1))
    assert _same(first, again)
    assert not _same(first, other)


def test_towers_as_of_the_start_of_a_window_know_nothing_of_what_follows(city: Dataset) -> None:
    training = TrainingSet.of(city, now=NOW)
    [*_, window] = windows_of(training.table, NOW.timestamp())
    start = datetime.fromtimestamp(window.start_s, UTC)
    # Accounts are the same in both, since which of them models learn from is known only at the time of the training.
    table, is_later = training.table, training.table.occurred_at >= window.start_s
    events = np.random.default_rng(3).permutation(table.event_rows)
    scrambled = replace(table, event_rows=np.where(is_later, events, table.event_rows))
    replays = [Replay(each, training.catalog, training.users, now=NOW) for each in (table, scrambled)]
    for moment in (start - timedelta(days=20), start):
        params, others = (replay.params("towers", moment) for replay in replays)
        assert len(params["bias"])
        assert _same(dict(params), dict(others))
    assert not _same(*(dict(replay.params("towers", NOW)) for replay in replays))


@pytest.mark.parametrize("name", ["blend", Towers.name, Graph.name])
def test_a_process_without_pytorch_gives_the_same_lists(name: str, city: Dataset) -> None:
    training, recommender = _trained(name, city)
    arrays = recommender.to_arrays()
    if name == "blend":
        assert "towers" in recommender.scorer.report()["weights"]["many"]
        assert b"towers" in arrays["blend.signals"].tolist()
        assert len(arrays["signal.towers.bias"])
    assert_same_without_pytorch(name, recommender, training)


def test_with_few_likes_nothing_is_fitted() -> None:
    data = laws.city()
    few = replace(data, interactions=data.interactions[:100])
    training = TrainingSet.of(few, now=NOW)
    assert training.replay.params("towers", NOW)["embeddings"].shape == (0, 0)


def test_an_event_that_is_newer_than_the_training_gets_the_vector_of_its_attributes(city: Dataset) -> None:
    _, recommender = _trained(Towers.name, city)
    [event_id] = recommender.catalog.events.ids(recommender.live(NOW).rows[:1])
    [event] = [event for event in city.events if event.event_id == event_id]
    newer = recommender.with_events([replace(event, event_id="newer")])
    assert isinstance(newer.scorer, Towers)
    vectors = event_vectors(newer.scorer.params, newer.catalog, newer.catalog.events.rows([event_id, "newer"]))
    assert np.array_equal(vectors[0], vectors[1])
    assert vectors[0].any()
