"""Deep models with made-up parameters, so that what serves them can be tested where nothing trains them."""

import json

import numpy as np
from numpy.typing import NDArray

from shared.ranking.recommender import Recommender
from shared.ranking.soundness import K
from shared.services.training import smoke_test
from shared.services.training.dataset import TrainingSet
from shared.signals.node_attributes import attributes_of, most_used
from shared.signals.recent_likes import LikedPairs
from shared.signals.signal import Signal, SignalParams, TrainingData
from shared.signals.towers import Towers
from tests import laws
from tests.bare import answer_without_torch
from tests.examples import NOW

_DIMENSIONS = 8


def made_up(data: TrainingData) -> SignalParams:
    """Parameters of towers with random weights, of the attributes of liked events and of what users declare."""
    columns = most_used(attributes_of(data.catalog, np.unique(LikedPairs.of_data(data).events)).values[0])
    drawn = _Drawn()
    return {
        "columns": columns.astype(np.int32),
        "embeddings": drawn(len(columns), _DIMENSIONS),
        "text": drawn(data.catalog.meaning.words.shape[1], _DIMENSIONS),
        "layer": drawn(_DIMENSIONS, _DIMENSIONS),
        "bias": drawn(_DIMENSIONS),
        "history": drawn(_DIMENSIONS, _DIMENSIONS),
        "features": data.declared.names.keys,
        "declared": drawn(len(data.declared.names), _DIMENSIONS),
    }


def made_up_graph(data: TrainingData) -> SignalParams:
    """Parameters of a graph with random vectors, of liked events, their attributes and what users declare."""
    events = np.unique(LikedPairs.of_data(data).events)
    columns = most_used(attributes_of(data.catalog, events).values[0])
    drawn = _Drawn()
    return {
        "events": events.astype(np.int32),
        "vectors": drawn(len(events), _DIMENSIONS),
        "messages": drawn(len(events), _DIMENSIONS),
        "columns": columns.astype(np.int32),
        "attributes": drawn(len(columns), _DIMENSIONS),
        "features": data.declared.names.keys,
        "declared": drawn(len(data.declared.names), _DIMENSIONS),
    }


class _Drawn:
    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def __call__(self, *shape: int) -> NDArray[np.float16]:
        """Random numbers in half precision."""
        return (self._rng.normal(size=shape) * 0.3).astype(np.float16)


def fitted(signal: Signal, data: TrainingData) -> SignalParams:
    """Parameters of a signal: fitted, and made up for the towers."""
    return made_up(data) if isinstance(signal, Towers) else signal.fit(data)


def assert_same_without_pytorch(model: str, recommender: Recommender, training: TrainingSet) -> None:
    """A process that cannot import PyTorch gives the lists of this one, from the artifact of the named model."""
    manifest, data = laws.artifact(model, recommender)
    profiles = smoke_test.questions(training.table, training.catalog, training.users)
    answers: list[bytes] = []

    def run(request: bytes) -> bytes:
        answers.append(answer_without_torch(request))
        return answers[-1]

    assert smoke_test.check(recommender, manifest, data, profiles, run) == ""
    lists = [recommender.recommend(profile, k=K, now=NOW) for profile in profiles]
    assert json.loads(answers[0]) == [[[item.event_id, item.score] for item in items] for items in lists]
