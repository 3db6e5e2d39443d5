"""Contract of all models: trained from a `TrainingInput`, stored as plain arrays, scoring users and candidates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import InteractionTable
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving learns nothing, and its start waits for no module of learning
    from shared.learning.replay import Replay


@dataclass(frozen=True, slots=True)
class TrainingInput:
    """Input of every model's training.

    Attributes
    ----------
    table : interactions before `now`, made for the catalog.
    n_events : number of rows of the catalog.
    now : time of the training, UTC.
    half_life_days : age at which an interaction weighs half, see `Settings`.
    replay : makes the training groups from the deployment's past; called only by models that learn to rank.
    """

    table: InteractionTable
    n_events: int
    now: datetime
    half_life_days: float
    replay: "Callable[[], Replay]"


@dataclass(frozen=True, slots=True)
class Stages:
    """Scores of one user for c candidates in stages: estimates of all, better ones of some, and exact scores of few.

    Attributes
    ----------
    estimates : float32 of shape (c,) – estimated scores.
    listed_at : scores without signals by vectors, otherwise as `at` gives them.
    at : exact scores, float32 of shape (k,), of the candidates of which it is given the columns, int64 of shape (k,).
    """

    estimates: NDArray[np.float32]
    listed_at: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    at: Callable[[NDArray[np.int64]], NDArray[np.float32]]


class Scorer(Protocol):
    """Model that scores c candidates for b users.

    Attributes
    ----------
    name : name of the model in settings, in the manifest and in `models/registry.py`.
    needs_extra : whether training, not scoring, needs the extra `deep`.
    """

    name: ClassVar[str]
    needs_extra: ClassVar[bool]

    @classmethod
    def train(cls, given: TrainingInput) -> Self:
        """Trained model."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], catalog: Catalog) -> Self:
        """Model from its artifact arrays; raises `ValueError` if they are not those of this model and catalog.

        Arrays that are accepted must be safe to score with.
        """

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the model, by name."""

    def report(self) -> dict[str, Any]:
        """Settings and learned weights as plain values, for the manifest."""

    def prepare(self) -> None:
        """Warm-up: convert the stored parameters for scoring, so that the first response is not delayed."""

    def score(self, batch: UserBatch) -> NDArray[np.floating]:
        """Ranking scores of b users and c candidates: finite, shape (b, c), higher is better."""

    def personal_scores(self, batch: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """Personal part of the scores by source, float32 of shape (b, c), weighted as for the first user's segment."""


@runtime_checkable
class Staged(Protocol):
    """Model that can score many candidates in two stages."""

    def stages(self, batch: UserBatch) -> Stages:
        """Scores of one user, a batch of one, in two stages."""
