"""Popularity that fades, in a form that survives any order of arrival.

Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay: a practical time decay model for streaming
systems", ICDE 2009): an interaction of weight w at time t adds w · 2^((t − L) / h) to its event's sum, L being a
fixed landmark and h the half-life. The sum only ever grows by additions, which commute, so an atomic increment
is enough and a late interaction counts as an early one does. Dividing by 2^((now − L) / h) gives today's popularity;
to rank events by it no division is needed.
"""

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import Interaction
from shared.models.interactions import DAY_S, InteractionTable
from shared.models.weights import CODES, taste_weights

HALF_LIFE_DAYS: Final = 14.0
LANDMARK: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""With 14 days of half-life, float64 holds sums for interactions of 1986 to 2064."""


def growth(occurred_at: NDArray[np.float64]) -> NDArray[np.float64]:
    """2^((t − L) / h) for POSIX seconds t, float64 of the same shape; clipped to what a float64 can hold."""
    half_lives = (occurred_at - LANDMARK.timestamp()) / (HALF_LIFE_DAYS * DAY_S)
    grown: NDArray[np.float64] = np.exp2(np.clip(half_lives, -1_000.0, 1_000.0))
    return grown


def popularity_weights(
    codes: NDArray[np.int8], values: NDArray[np.float32], occurred_at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each interaction's addition to its event's sum, float64 of shape (n,).

    Undecayed taste weights below 0 count as 0: a dismissal is one user's taste, not an event's unpopularity.
    The columns are those of `InteractionTable`.
    """
    weights = taste_weights(codes, values, np.zeros(len(codes), np.float32), half_life_days=np.inf)
    added: NDArray[np.float64] = np.maximum(weights, 0) * growth(occurred_at)
    return added


def popularity_weight(interaction: Interaction) -> float:
    """One interaction's addition to its event's sum."""
    value = np.nan if interaction.value is None else interaction.value
    return float(
        popularity_weights(
            np.array([CODES[interaction.type]], np.int8),
            np.array([value], np.float32),
            np.array([interaction.occurred_at.timestamp()]),
        )[0]
    )


def popularity(table: InteractionTable, n_events: int) -> NDArray[np.float64]:
    """Forward-decayed popularity of each event at the landmark, float64 of shape (n_events,)."""
    known = table.event_rows >= 0
    added = popularity_weights(table.codes, table.values, table.occurred_at)[known]
    return np.bincount(table.event_rows[known], weights=added, minlength=n_events).astype(np.float64)
