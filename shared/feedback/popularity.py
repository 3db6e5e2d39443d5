"""Popularity that fades, in a form that survives any order of arrival.

Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay: a practical time decay model for streaming
systems", ICDE 2009): an interaction of weight w at time t adds w · 2^((t − L) / h) to its event's sum, L being a
landmark and h the half-life. The sum only ever grows by additions, which commute, so an atomic increment
is enough and a late interaction counts as an early one does. Dividing by 2^((now − L) / h) gives today's popularity;
to rank events by it no division is needed.

Counters add whole numbers, because floating-point sums depend on their order in the last digits and would outgrow any
number. So the landmark is rolled: one lies every ten half-lives, each with a sum of its own, and an interaction adds to
that of the last landmark before it, which follows from its own time alone. A sum is worth 2^10 less at the next one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import EventCounts, Interaction, InteractionType
from shared.entities.counts import HALF_LIVES_A_PERIOD, UNIT
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.weights import CODES, taste_weights

HALF_LIFE_DAYS: Final = 14.0
LANDMARK: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Of training's sums and the first of the rolled ones; float64 holds sums for interactions of 1986 to 2064."""

_HALF_LIFE_S: Final = HALF_LIFE_DAYS * DAY_S


def growth(occurred_at: NDArray[np.float64]) -> NDArray[np.float64]:
    """2^((t − L) / h) for POSIX seconds t, float64 of the same shape; clipped to what a float64 can hold."""
    half_lives = (occurred_at - LANDMARK.timestamp()) / _HALF_LIFE_S
    grown: NDArray[np.float64] = np.exp2(np.clip(half_lives, -1_000.0, 1_000.0))
    return grown


def raw_weights(codes: NDArray[np.int8], values: NDArray[np.float32]) -> NDArray[np.float64]:
    """What interactions add at their own time, float64 of shape (n,).

    Taste weights below 0 count as 0: a dismissal is one user's taste, not an event's unpopularity.
    """
    weights = taste_weights(codes, values, np.zeros(len(codes), np.float32), half_life_days=np.inf)
    added: NDArray[np.float64] = np.maximum(weights, 0).astype(np.float64)
    return added


def popularity_weights(
    codes: NDArray[np.int8], values: NDArray[np.float32], occurred_at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each interaction's addition to its event's sum, float64 of shape (n,); columns as in `InteractionTable`."""
    added: NDArray[np.float64] = raw_weights(codes, values) * growth(occurred_at)
    return added


def decayed(interaction: Interaction) -> dict[int, int]:
    """What an interaction adds to the sums of its event: units by landmark, {} where it adds nothing."""
    weight = _weight(interaction.type, interaction.value)
    half_lives = (interaction.occurred_at - LANDMARK).total_seconds() / _HALF_LIFE_S
    number, since = divmod(half_lives, HALF_LIVES_A_PERIOD)
    units = round(weight * UNIT * 2.0**since)
    return {int(number): units} if units else {}


@lru_cache(maxsize=1_000)
def _weight(kind: InteractionType, value: float | None) -> float:
    stars = np.nan if value is None else value
    return float(raw_weights(np.array([CODES[kind]], np.int8), np.array([stars], np.float32))[0])


def counts_of(interaction: Interaction) -> EventCounts:
    """What an interaction adds to each event that it is about."""
    return EventCounts({interaction.type: 1}, decayed(interaction))


def popularity(table: InteractionTable, n_events: int) -> NDArray[np.float64]:
    """Forward-decayed popularity of each event at the landmark, float64 of shape (n_events,)."""
    sums: NDArray[np.float64] = popularity_until(table, n_events, [np.inf])[0]
    return sums


def popularity_until(table: InteractionTable, n_events: int, moments_s: Sequence[float]) -> NDArray[np.float64]:
    """The same of what had occurred by some moments, POSIX seconds, float64 of shape (len(moments_s), n_events)."""
    added = popularity_weights(table.codes, table.values, table.occurred_at)
    # The last row takes what has no known event.
    rows = np.where(table.event_rows >= 0, table.event_rows, n_events)
    stops = np.searchsorted(table.occurred_at, moments_s, side="right")
    sums = [np.bincount(rows[:stop], weights=added[:stop], minlength=n_events + 1)[:-1] for stop in stops]
    return np.stack(sums).astype(np.float64)
