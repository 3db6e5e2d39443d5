"""Contract of all models: trained from one input, stored as plain arrays, asked for scores of users and candidates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from shared.feedback.interactions import InteractionTable
from shared.learning.replay import Replay
from shared.signals.users import UserBatch


@dataclass(frozen=True, slots=True)
class TrainingInput:
    """Input of every model's training.

    Attributes
    ----------
    table : interactions before `now`, made for the catalog.
    n_events : rows of the catalog.
    half_life_days : age at which an interaction weighs half, see `Settings`.
    replay : gives the deployment's past as training groups; asked only by models that learn to rank.
    """

    table: InteractionTable
    n_events: int
    now: datetime
    half_life_days: float
    replay: Callable[[], Replay]


class Scorer(Protocol):
    """Model that scores c candidates for b users.

    Attributes
    ----------
    name : names the model in settings, in the manifest and in `models/registry.py`.
    """

    name: ClassVar[str]

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Trained model."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `to_arrays`; raises `KeyError` or `ValueError` where they are not its own."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""

    def report(self) -> dict[str, Any]:
        """Settings and learned weights as plain values, for the manifest."""

    def prepare(self) -> None:
        """Unpack what scoring needs, so that an instance's first answer need not wait for it."""

    def score(self, batch: UserBatch) -> NDArray[np.floating]:
        """Scores that order the lists: finite, shape (b, c)."""

    def personal_scores(self, batch: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """Part of the score that is the users' own, by source, shape (b, c) each; weighed as the first user's is."""
