"""Utility of events for users, and the favourite organizers of each user."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.city.offers import Offers
from jobs.city.people import People

# Utility lost per kilometre, and per unit of relative excess of the price over the budget, up to a maximum excess.
_PER_KM: Final = 0.25
_OVER_BUDGET: Final = 4.0
_MAX_OVER: Final = 2.0
# Scale of the Gumbel noise that selects favourite organizers, and their number per user.
_NOISE_SCALE: Final = 0.6
_FAVOURITES: Final = 8
_SHORTEST: Final = np.float32(1e-9)
# Bounds the memory of a chunk of users × organizers.
_CHUNK_CELLS: Final = 2_000_000


def utility(
    people: People, user_rows: NDArray[np.int64], offers: Offers, event_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Utility of events for users, float64 of the rows' broadcast shape: preference, appeal, distance, price."""
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
    """Favourite organizers of each user, sampled by utility (Gumbel top-k).

    Returns
    -------
    host_rows : int64 of shape (n_users, k) – rows of organizers, k at most 8.
    shares : float64 of shape (n_users, k) – cumulative choice probabilities, ending in 1.
    """
    # The first event represents its organizer, since the events of an organizer differ little.
    _, firsts = np.unique(offers.hosts, return_index=True)
    count, width = len(people.ages), min(_FAVOURITES, len(firsts))
    host_rows = np.empty((count, width), np.int64)
    shares = np.empty((count, width))
    step = max(1, _CHUNK_CELLS // len(firsts))
    for start in range(0, count, step):
        user_rows = np.arange(start, min(start + step, count))[:, None]
        scores = utility(people, user_rows, offers, firsts[None, :])
        # In single precision, an exponential sample can be 0 and its logarithm infinite.
        waits = np.maximum(rng.standard_exponential(scores.shape, dtype=np.float32), _SHORTEST)
        scores -= _NOISE_SCALE * np.log(waits)
        best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
        weights = np.exp(np.take_along_axis(scores, best, axis=1) - scores.max(axis=1, keepdims=True))
        rows = slice(start, start + len(user_rows))
        host_rows[rows] = offers.hosts[firsts][best]
        shares[rows] = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    shares[:, -1] = 1.0
    return host_rows, shares
