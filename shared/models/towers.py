"""Two towers as a model of its own: the cosine of a user's and an event's vector, see `signals/towers.py`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import named
from shared.catalog.attributes import part, prefixed
from shared.catalog.catalog import Catalog
from shared.models.baselines import MostPopular, with_ties
from shared.models.scorer import TrainingInput
from shared.signals.signal import SignalParams
from shared.signals.towers import Towers as TowersSignal
from shared.signals.towers import event_vectors, products, user_vectors
from shared.signals.users import UserBatch

_PREFIX: Final = "towers."
_SIGNAL: Final = TowersSignal()


class Towers:
    """Two-tower model: events by cosine, those of equal cosine by popularity; by popularity for unknown users.

    Attributes
    ----------
    params : parameters of the towers, see `TowersSignal.fit`.
    """

    name: ClassVar[str] = "towers"
    needs_extra: ClassVar[bool] = True

    def __init__(self, params: SignalParams) -> None:
        self.params = params
        self._prepared: SignalParams | None = None

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Model fitted to the interactions of at most `MAX_LEARNED`, as the signal of the blend is."""
        return cls(given.replay().params(TowersSignal.name, given.now))

    def prepare(self) -> None:
        """Warm-up: convert the parameters to float32."""
        self._prepared = _SIGNAL.as_float32(self.params)

    def score(self, batch: UserBatch) -> NDArray[np.float64]:
        """Ranking scores, float64 of shape (b, c): cosine, and popularity rank among equals, see `with_ties`."""
        return with_ties(self.cosines(batch), MostPopular().score(batch))

    def personal_scores(self, batch: UserBatch) -> dict[str, NDArray[np.float32]]:
        """Personal part of the scores, source "collaborative": cosine, 0 where unknown, float32 of shape (b, c)."""
        return {TowersSignal.source: self.cosines(batch)}

    def report(self) -> dict[str, Any]:
        """Sizes of the model, for the manifest."""
        return {"dimensions": len(self.params["bias"]), "attributes": len(self.params["columns"])}

    def cosines(self, batch: UserBatch) -> NDArray[np.float32]:
        """Cosines of b users and c candidates, float32 of shape (b, c), −1..1; 0 for unknown users."""
        params = self._prepared or self.params
        candidates = batch.candidates
        return products(user_vectors(params, batch), event_vectors(params, candidates.catalog, candidates.rows))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the towers."""
        return prefixed(self.params, _PREFIX)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], catalog: Catalog) -> Self:
        """Model from its artifact arrays; raises `ValueError` where these do not fit the catalog."""
        params = part(arrays, _PREFIX)
        with named(_PREFIX):
            _SIGNAL.check(params, catalog)
        return cls(params)
