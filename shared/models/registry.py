"""Registry of models. A new one is a file and a line here."""

from collections.abc import Mapping
from typing import Final

from shared.models.baselines import MostPopular, TruncatedSVD
from shared.models.blend import Blend
from shared.models.scorer import Scorer

MODELS: Final[Mapping[str, type[Scorer]]] = {model.name: model for model in (Blend, TruncatedSVD, MostPopular)}
"""Models by name, in the order in which they are tried."""
