"""How much somebody likes what is on, and the few organizers to whom they are loyal."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.city.offers import Offers
from jobs.city.people import People

_PER_KM: Final = 0.25
_OVER_BUDGET: Final = 4.0
_MAX_OVER: Final = 2.0
_CHANCE: Final = 0.6
_SHORTEST: Final = np.float32(1e-9)
_FAVOURITES: Final = 8
_CHUNK_CELLS: Final = 2_000_000


def liking(
    people: People, user_rows: NDArray[np.int64], offers: Offers, event_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """float64 of the shape to which the rows broadcast: taste less distance and price, plus the event's appeal."""
    apart = people.homes[user_rows] - offers.places[event_rows]
    over = offers.prices[event_rows] / people.budgets[user_rows] - 1.0
    return (
        people.tastes[user_rows, offers.topics[event_rows]]
        + offers.appeals[event_rows]
        - _PER_KM * np.hypot(apart[..., 0], apart[..., 1])
        - _OVER_BUDGET * np.clip(over, 0.0, _MAX_OVER)
    )


def favourites(
    rng: np.random.Generator, people: People, offers: Offers
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Organizers to whom each user is loyal.

    Returns
    -------
    host_rows : int64 of shape (n_users, k) – rows of organizers, k at most 8.
    shares : float64 of the same shape – cumulative over a row, ending in 1: how often the user turns to each.
    """
    # An organizer is judged by its first event: what one host puts on differs little.
    _, firsts = np.unique(offers.hosts, return_index=True)
    count, width = len(people.ages), min(_FAVOURITES, len(firsts))
    host_rows = np.empty((count, width), np.int64)
    shares = np.empty((count, width))
    step = max(1, _CHUNK_CELLS // len(firsts))
    for start in range(0, count, step):
        user_rows = np.arange(start, min(start + step, count))[:, None]
        scores = liking(people, user_rows, offers, firsts[None, :])
        # In single precision an exponential can be 0, and its logarithm infinite.
        waits = np.maximum(rng.standard_exponential(scores.shape, dtype=np.float32), _SHORTEST)
        scores -= _CHANCE * np.log(waits)
        best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
        weights = np.exp(np.take_along_axis(scores, best, axis=1) - scores.max(axis=1, keepdims=True))
        rows = slice(start, start + len(user_rows))
        host_rows[rows] = offers.hosts[firsts][best]
        shares[rows] = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    shares[:, -1] = 1.0
    return host_rows, shares
