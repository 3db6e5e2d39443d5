"""Registry of models. Adding a model takes a file and a line here."""

from collections.abc import Mapping
from typing import Final

from shared.models.baselines import MostPopular, TruncatedSVD
from shared.models.blend import Blend
from shared.models.scorer import Scorer

MODELS: Final[Mapping[str, type[Scorer]]] = {model.name: model for model in (Blend, TruncatedSVD, MostPopular)}
"""Model classes by name, in the order in which a training fits and compares the challengers."""
