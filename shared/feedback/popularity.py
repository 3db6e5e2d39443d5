"""Popularity of events with exponential decay, as sums that do not depend on the order of arrival.

Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay: a practical time decay model for streaming
systems", ICDE 2009): an interaction of weight w at time t adds w · 2^((t − L) / h) to the sum of its event, where L is
a landmark and h the half-life. The sum changes by additions only, which commute, so an atomic increment is enough and a
late interaction counts like an early one. Dividing by 2^((now − L) / h) gives the popularity at `now`; ranking by
popularity needs no division.

Counters add integers, because floating-point sums depend on their order in the last digits and overflow in time. So
landmarks roll: there is one every ten half-lives, each with its own sum, and an interaction adds to the sum of the last
landmark before it, which depends on its own time alone. From one landmark to the next a sum decays by 2^10.
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
from shared.feedback.weights import CODES, confidence_weights

HALF_LIFE_DAYS: Final = 14.0
"""Half-life h of popularity in days."""

LANDMARK: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Landmark L of the sums at training, and number 0 of the rolling ones; float64 holds sums for 1986 to 2064."""

_HALF_LIFE_S: Final = HALF_LIFE_DAYS * DAY_S


def growth(occurred_at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Forward-decay growth 2^((t − L) / h) of POSIX seconds t, float64 of the same shape, clipped to 2^±1000."""
    half_lives = (occurred_at - LANDMARK.timestamp()) / _HALF_LIFE_S
    grown: NDArray[np.float64] = np.exp2(np.clip(half_lives, -1_000.0, 1_000.0))
    return grown


def raw_weights(codes: NDArray[np.int8], values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Popularity weights of interactions without decay, float64 of shape (n,); columns as in `InteractionTable`.

    Confidence weights below 0 count as 0: a dismissal is the taste of a user, not unpopularity of the event.
    """
    weights = confidence_weights(codes, values, np.zeros(len(codes), np.float32), half_life_days=np.inf)
    added: NDArray[np.float64] = np.maximum(weights, 0).astype(np.float64)
    return added


def popularity_weights(
    codes: NDArray[np.int8], values: NDArray[np.float32], occurred_at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Popularity weights at the landmark that interactions add to their event, float64 of shape (n,).

    Columns as in `InteractionTable`.
    """
    added: NDArray[np.float64] = raw_weights(codes, values) * growth(occurred_at)
    return added


def decayed(interaction: Interaction) -> dict[int, int]:
    """Decayed weight that an interaction adds to its event: units of 1/`UNIT` by landmark number, {} for none."""
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
    """Counts that an interaction adds to each of its events: its type once, and its decayed weight."""
    return EventCounts({interaction.type: 1}, decayed(interaction))


def popularity(table: InteractionTable, n_events: int) -> NDArray[np.float64]:
    """Popularity of each event with forward decay, at the landmark, float64 of shape (n_events,)."""
    sums: NDArray[np.float64] = popularity_until(table, n_events, [np.inf])[0]
    return sums


def popularity_until(table: InteractionTable, n_events: int, moments_s: Sequence[float]) -> NDArray[np.float64]:
    """Popularity of each event at the landmark, from the interactions up to each of some times (inclusive).

    Parameters
    ----------
    moments_s : POSIX seconds.

    Returns
    -------
    float64 of shape (len(moments_s), n_events).
    """
    added = popularity_weights(table.codes, table.values, table.occurred_at)
    # The last row collects the interactions without a known event.
    rows = np.where(table.event_rows >= 0, table.event_rows, n_events)
    stops = np.searchsorted(table.occurred_at, moments_s, side="right")
    sums = [np.bincount(rows[:stop], weights=added[:stop], minlength=n_events + 1)[:-1] for stop in stops]
    return np.stack(sums).astype(np.float64)
