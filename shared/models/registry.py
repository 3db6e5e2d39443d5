"""Registry of models. Adding a model takes a file and a line here."""

from collections.abc import Mapping
from typing import Final

from shared.errors import InvalidField
from shared.models.baselines import MostPopular, TruncatedSVD
from shared.models.blend import Blend
from shared.models.graph import Graph
from shared.models.scorer import Scorer
from shared.models.towers import Towers

MODELS: Final[Mapping[str, type[Scorer]]] = {
    model.name: model for model in (Blend, TruncatedSVD, MostPopular, Towers, Graph)
}
"""Model classes by name, in the order in which a training fits and compares the challengers."""


def trainable() -> Mapping[str, type[Scorer]]:
    """Models that can be trained here: without the extra `deep` those that do not need it. All can be loaded."""
    # Serving, which has no extra, need not look for it.
    from shared.deep.extra import is_installed

    has_extra = is_installed()
    return {name: model for name, model in MODELS.items() if has_extra or not model.needs_extra}


def check_trainable(name: str) -> None:
    """Raise `InvalidField` for a model that is unknown or cannot be trained here, saying what would help."""
    from shared.deep.extra import HOW_TO_INSTALL

    if name not in MODELS:
        raise InvalidField("model", name, f"one of {', '.join(MODELS)}")
    if name not in trainable():
        others = ", ".join(trainable())
        raise InvalidField("model", name, f"one of {others}, or the packages that it needs: {HOW_TO_INSTALL}")
