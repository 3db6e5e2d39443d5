"""Examination propensities: how likely users look at each position of a list, estimated from a log of clicks."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

POSITIONS: Final = 50
"""Positions that are told apart; the last one stands for all that follow."""
MIN_CLICKS: Final = 200
"""Clicks below which nothing is estimated: ten positions have some 20 each then."""
_ROUNDS: Final = 50
"""Rounds of the expectation maximization, after which the propensities move by less than their standard error."""
_PRIOR: Final = 20.0
"""Exposures without examination that each position has besides its own: one that is rarely shown counts little."""


def examination(
    event_rows: NDArray[np.integer], positions: NDArray[np.integer], clicked: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """Probability to examine each position, relative to the best one, float64 of shape (POSITIONS,), 0..1.

    None with fewer than `MIN_CLICKS` clicks. In the position-based model a click needs an event that is examined, by
    position, and attractive, by event: P(click) = θ[position] · γ[event]. Lists are made for users, so the events of
    the first positions are also those that suit them; the estimate is therefore somewhat steeper than the truth, which
    makes learning from later positions weaker. (Expectation maximization as in Chuklin, Markov, de Rijke: "Click models
    for web search", 2015.)

    Parameters
    ----------
    event_rows, positions : int of shape (n,) – event and position of each exposure.
    clicked : bool of shape (n,) – whether the user clicked the event.
    """
    if np.count_nonzero(clicked) < MIN_CLICKS:
        return None
    places = np.minimum(positions, POSITIONS - 1)
    rows, events = np.unique(event_rows, return_inverse=True)
    # Cells of an event and a position, of which there are far fewer than exposures.
    cells, cell_of = np.unique(events.astype(np.int64) * POSITIONS + places, return_inverse=True)
    shown = np.bincount(cell_of).astype(np.float64)
    clicks = np.bincount(cell_of, weights=clicked)
    event, place = cells // POSITIONS, cells % POSITIONS
    shown_at, shown_of = np.bincount(place, shown, POSITIONS), np.bincount(event, shown, len(rows))
    examined, attractive = np.full(POSITIONS, 0.5), np.full(len(rows), 0.5)
    for _ in range(_ROUNDS):
        theta, gamma = examined[place], attractive[event]
        neither = np.maximum(1.0 - theta * gamma, 1e-12)
        in_vain = shown - clicks
        examined = np.bincount(place, clicks + in_vain * theta * (1 - gamma) / neither, POSITIONS) / (shown_at + _PRIOR)
        attractive = np.bincount(event, clicks + in_vain * gamma * (1 - theta) / neither, len(rows)) / shown_of
    relative: NDArray[np.float64] = examined / examined.max()
    return relative
