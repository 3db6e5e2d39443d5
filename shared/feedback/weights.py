"""What an interaction says about taste: its type's weight, halved with age."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType

TYPES: Final = tuple(InteractionType)
CODES: Final = {kind: code for code, kind in enumerate(TYPES)}
"""A type's int8 code in columns: its place in `InteractionType`."""

_WEIGHTS: Final[dict[InteractionType, float]] = {
    InteractionType.VIEW: 0.1,
    InteractionType.CLICK: 0.2,
    InteractionType.SAVE: 0.8,
    InteractionType.SHARE: 0.6,
    InteractionType.BOOKING: 1.0,
    InteractionType.ATTEND: 1.0,
    InteractionType.CANCEL: -0.8,
    InteractionType.REVIEW: 0.5,
    InteractionType.FOLLOW: 1.0,
    InteractionType.DISMISS: -1.0,
}
_BY_CODE: Final = np.array([_WEIGHTS.get(kind, 0.0) for kind in TYPES], np.float32)
_NEUTRAL_STARS: Final = 3.0
_STARS_TO_WEIGHT: Final = 0.5

POSITIVE: Final = (InteractionType.SAVE, InteractionType.BOOKING, InteractionType.ATTEND)
"""What the evaluation counts as a hit, and what makes a user warm."""


def taste_weights(
    codes: NDArray[np.int8],
    values: NDArray[np.float32],
    age_days: NDArray[np.float32],
    *,
    half_life_days: float,
) -> NDArray[np.float32]:
    """Signed confidence of interactions, float32 of the shape of `codes`.

    Parameters
    ----------
    codes : int8 – type codes, see `CODES`.
    values : float32 – stars where the type is `rating`, else ignored.
    age_days : float32 – age; negative ages, from clocks that run ahead, count as 0.
    half_life_days : age at which an interaction weighs half; inf for no decay.
    """
    weights = _BY_CODE[codes]
    rated = np.flatnonzero(codes == CODES[InteractionType.RATING])
    weights[rated] = np.nan_to_num((values[rated] - _NEUTRAL_STARS) * _STARS_TO_WEIGHT)
    if np.isinf(half_life_days):
        return weights
    decayed: NDArray[np.float32] = weights * np.exp2(-np.maximum(age_days, 0) / half_life_days)
    return decayed.astype(np.float32)


def is_positive(codes: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Whether each type code is one of `POSITIVE`."""
    return np.isin(codes, [CODES[kind] for kind in POSITIVE])
