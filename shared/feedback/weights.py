"""Confidence weights of interactions (implicit feedback) by type, with exponential decay by age."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.entities.interaction import MAX_STARS
from shared.entities.interaction_type import Meaning

TYPES: Final = tuple(InteractionType)
"""Interaction types in the order of their codes."""

CODES: Final = {kind: code for code, kind in enumerate(TYPES)}
"""Code of each interaction type in int8 columns: its index in `InteractionType`."""

_BY_CODE: Final = np.array([kind.meaning.weight for kind in TYPES], np.float32)
NEUTRAL_STARS: Final = 3.0
STARS_TO_WEIGHT: Final = 0.5
"""Confidence per star above or below neutral, so that 1..5 stars give the weights −1..1."""


def codes_where(of: Callable[[Meaning], bool]) -> NDArray[np.bool_]:
    """Lookup table of a condition on interaction types, bool of shape (len(TYPES),), to be indexed with codes."""
    return np.array([of(kind.meaning) for kind in TYPES], np.bool_)


FAMILY: Final = np.array([TYPES.index(InteractionType(kind.family)) for kind in TYPES], np.int8)
"""Lookup table by code: the code that names the family, see `InteractionType.family`."""

LASTS: Final = codes_where(lambda meaning: not meaning.repeats)
"""Lookup table by code: types whose interactions are states that replace each other."""

IS_REMEMBERED: Final = codes_where(lambda meaning: meaning.is_remembered)
"""Lookup table by code: types that belong in histories."""

IS_HIT: Final = codes_where(lambda meaning: meaning.is_hit)
TAKES_EVENT: Final = codes_where(lambda meaning: meaning.takes_event)
IS_CONSUMED: Final = codes_where(lambda meaning: meaning.takes_event or meaning.hides_event)
"""Lookup tables by code: hits; bookings and attendances; and types after which the event is excluded from lists."""
HAS_STARS: Final = codes_where(lambda meaning: meaning.has_stars)
"""Lookup table by code: types whose value is the user's judgement of the event."""


def confidence_weights(
    codes: NDArray[np.int8],
    values: NDArray[np.float32],
    age_days: NDArray[np.float32],
    *,
    half_life_days: float,
) -> NDArray[np.float32]:
    """Confidence weights of interactions with decay, float32 of the shape of `codes`, −1..1; negative for dislikes.

    Parameters
    ----------
    codes : int8 of shape (n,) – type codes, see `CODES`.
    values : float32 of shape (n,) – 1 to 5 stars where the type has them, see `Meaning`; without any, NaN, the weight
        is that of the type. Ignored for other types.
    age_days : float32 of shape (n,) – age; negative ages, from clocks that run ahead, count as 0.
    half_life_days : age at which an interaction weighs half; inf for no decay.
    """
    weights = _BY_CODE[codes]
    rated = np.flatnonzero(HAS_STARS[codes])
    # Reviews of earlier versions may have any number.
    rated = rated[(values[rated] >= 1) & (values[rated] <= MAX_STARS)]
    weights[rated] = (values[rated] - NEUTRAL_STARS) * STARS_TO_WEIGHT
    if np.isinf(half_life_days):
        return weights
    decayed: NDArray[np.float32] = weights * np.exp2(-np.maximum(age_days, 0) / half_life_days)
    return decayed.astype(np.float32)
