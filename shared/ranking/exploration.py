"""Exploration: a share of a list's slots is given to events with little feedback, drawn with known probabilities.

New events get their first look this way, and what users do with a random event tells about any other way to rank
(Li, Chu, Langford, Schapire: "A contextual-bandit approach to personalized news article recommendation", WWW 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities.provenance import MAX_EXPLORED
from shared.ranking.rerank import Cap

MAX_POOL: Final = 50
"""Limit of the events that are explored at a time: each gets enough looks within a day to be judged."""
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd number that spreads hashes, that of Fibonacci hashing."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """Exploration of a list.

    Attributes
    ----------
    share : chance of each slot to be explored, 0..1.
    seed : seed of the draws.
    """

    share: float
    seed: int


@dataclass(frozen=True, slots=True)
class Explored:
    """Explored slot: its position in a list, and the chance, above 0 up to 1, of its event among those drawn from."""

    position: int
    probability: float


def least_known(
    popularity: NDArray[np.floating],
    fingerprints: NDArray[np.uint64],
    allowed: NDArray[np.bool_],
    now: datetime,
    *,
    limit: int = MAX_POOL,
) -> NDArray[np.int64]:
    """Columns of the events with the least feedback, int64: at most `limit`, and at most half of those allowed.

    Of events with as little, others come each UTC day, so that none waits for ever.

    Parameters
    ----------
    popularity : float of shape (c,) – decayed feedback.
    fingerprints : uint64 of shape (c,) – hashes of the events.
    allowed : bool of shape (c,) – candidates that may be listed.
    """
    columns = np.flatnonzero(allowed)
    size = min(limit, len(columns) // 2)
    if not size:
        return columns[:0]
    # Only those that are known as little as the last one of the pool are sorted.
    known = popularity[columns]
    columns = columns[known <= np.partition(known, size - 1)[size - 1]]
    # Products of arrays wrap around, as hashes do.
    day = np.full(1, now.astimezone(UTC).date().toordinal(), np.uint64) * _MULTIPLIER
    turns = (fingerprints[columns] ^ day) * _MULTIPLIER
    order = np.lexsort((turns, popularity[columns]))
    least: NDArray[np.int64] = columns[order[:size]]
    return least


def with_explored(
    ranked: NDArray[np.int64],
    pool: NDArray[np.int64],
    exploration: Exploration,
    *,
    pinned: int = 0,
    caps: Sequence[Cap] = (),
) -> tuple[NDArray[np.int64], tuple[Explored, ...]]:
    """List with explored slots, as long as before: the ranked events that they push out are the last ones.

    Each slot after the pinned ones is explored with the chance `share`. Its event is drawn uniformly from the pool,
    without those that the list holds or that would exceed a cap.

    Parameters
    ----------
    ranked : int64 of shape (n,) – columns of the list, best first.
    pool : int64 of shape (m,) – columns of the events that may be drawn.

    >>> with_explored(np.array([5, 6, 7]), np.array([1]), Exploration(0.3, 2))
    (array([1, 5, 6]), (Explored(position=0, probability=1.0),))
    """
    rng = np.random.default_rng(exploration.seed)
    slots = pinned + np.flatnonzero(rng.random(len(ranked) - pinned) < exploration.share)
    listed, found = ranked.tolist(), list[Explored]()
    for slot in slots[:MAX_EXPLORED].tolist():
        drawable = _drawable(pool, np.array(listed), caps)
        if not len(drawable):
            break
        listed = [*listed[:slot], int(rng.choice(drawable)), *listed[slot:-1]]
        found.append(Explored(slot, 1 / len(drawable)))
    return np.array(listed, np.int64), tuple(found)


def _drawable(pool: NDArray[np.int64], listed: NDArray[np.int64], caps: Sequence[Cap]) -> NDArray[np.int64]:
    """Events of the pool that may be put into a list."""
    kept = pool[~np.isin(pool, listed)]
    for cap in caps:
        taken, counts = np.unique(cap.groups[np.concatenate([cap.before, listed])], return_counts=True)
        full = taken[(counts >= cap.limit) & (taken >= 0)]
        kept = kept[~np.isin(cap.groups[kept], full)]
    return kept
