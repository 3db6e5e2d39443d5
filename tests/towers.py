"""Two towers with made-up parameters, so that what serves them can be tested where nothing trains them."""

import numpy as np

from shared.signals.node_attributes import attributes_of, most_used
from shared.signals.recent_likes import LikedPairs
from shared.signals.signal import Signal, SignalParams, TrainingData
from shared.signals.towers import Towers

_DIMENSIONS = 8


def made_up(data: TrainingData) -> SignalParams:
    """Parameters of towers with random weights, of the attributes of liked events and of what users declare."""
    rng = np.random.default_rng(0)
    columns = most_used(attributes_of(data.catalog, np.unique(LikedPairs.of_data(data).events)).values[0])

    def drawn(*shape: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float16]]":
        return (rng.normal(size=shape) * 0.3).astype(np.float16)

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


def fitted(signal: Signal, data: TrainingData) -> SignalParams:
    """Parameters of a signal: fitted, and made up for the towers."""
    return made_up(data) if isinstance(signal, Towers) else signal.fit(data)
