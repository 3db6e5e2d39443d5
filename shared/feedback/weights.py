"""What an interaction says about taste: its type's weight, halved with age."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.entities.interaction_type import Meaning

TYPES: Final = tuple(InteractionType)
CODES: Final = {kind: code for code, kind in enumerate(TYPES)}
"""A type's int8 code in columns: its place in `InteractionType`."""

_BY_CODE: Final = np.array([kind.meaning.weight for kind in TYPES], np.float32)
_NEUTRAL_STARS: Final = 3.0
_STARS_TO_WEIGHT: Final = 0.5


def codes_where(of: Callable[[Meaning], bool]) -> NDArray[np.bool_]:
    """Whether each type's meaning fulfils a condition, bool of shape (len(TYPES),): index it with codes."""
    return np.array([of(kind.meaning) for kind in TYPES], np.bool_)


IS_HIT: Final = codes_where(lambda meaning: meaning.is_hit)
TAKES_EVENT: Final = codes_where(lambda meaning: meaning.takes_event)
IS_CONSUMED: Final = codes_where(lambda meaning: meaning.takes_event or meaning.hides_event)
"""By code: types that are hits, types by which a user has the event, and those after which no list offers it again."""


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
