"""The models that can be trained."""

from typing import Final

BLEND: Final = "blend"
SVD: Final = "svd"
POPULARITY: Final = "popularity"
MODELS: Final = (BLEND, SVD, POPULARITY)
