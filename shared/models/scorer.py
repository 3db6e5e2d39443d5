"""What every model can do with the candidates of a request."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.signals.users import Request


class Scorer(Protocol):
    """A model over the candidates of a request."""

    def prepare(self) -> None:
        """Get ready to score quickly: takes a moment that an instance's first answer is spared."""

    def score(self, request: Request) -> NDArray[np.floating]:
        """What orders the lists: finite, shape (b, c)."""

    def tastes(self, request: Request) -> Mapping[str, NDArray[np.float32]]:
        """The part that is the users' own, by its source, shape (b, c) each; all are weighed as the first user is."""

    def report(self) -> dict[str, Any]:
        """How it was trained, for the manifest."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
