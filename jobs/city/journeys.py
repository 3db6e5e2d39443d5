"""Who looks at which event: a pair of a user and an event comes once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.city.offers import Offers
from jobs.city.people import People
from jobs.city.taste import favourites

_MAX_DRAWS: Final = 262_144
_MIN_DRAWS: Final = 16
_CURIOUS: Final = 0.1
_SHARE_WITH_FRIENDS: Final = 0.15
_GOOD_YIELD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Journeys:
    """Pairs in the order in which they were drawn; `with_friend` marks events that a friend looked at as well."""

    users: NDArray[np.int64]
    events: NDArray[np.int64]
    with_friend: NDArray[np.bool_]


class Chooser:
    """Draws events for users: mostly of favourite organizers, some that friends chose, some by chance.

    Parameters
    ----------
    rng : the source of chance.
    people, offers : the city.
    """

    def __init__(self, rng: np.random.Generator, people: People, offers: Offers) -> None:
        self._rng = rng
        self._people = people
        self._hosts, self._shares = favourites(rng, people, offers)
        self._activity = np.cumsum(rng.gamma(0.8, 1.0, len(people.ages)) + 0.02)
        self._by_host = np.argsort(offers.hosts, kind="stable")
        # The first 0 lets a host's events be the span between two entries.
        self._pull = np.concatenate([[0.0], np.cumsum(np.exp(offers.appeals[self._by_host]))])
        self._bounds = np.searchsorted(offers.hosts[self._by_host], np.arange(offers.hosts.max() + 2))

    def draw(self, count: int, *, curious: float, known: NDArray[np.int64]) -> Journeys:
        """`count` pairs, possibly repeated; a share `curious` of them by chance, the same for every user and event.

        Parameters
        ----------
        count : how many.
        curious : in 0..1.
        known : int64 – pairs of earlier draws as `user_row * n_events + event_row`, sorted.
        """
        rng, people, events = self._rng, self._people, len(self._by_host)
        users = np.searchsorted(self._activity, rng.random(count) * self._activity[-1], side="right")
        users = np.minimum(users, len(self._activity) - 1)
        nth = (rng.random(count)[:, None] >= self._shares[users]).sum(axis=1)
        hosts = self._hosts[users, np.minimum(nth, self._hosts.shape[1] - 1)]
        chosen = self._one_of(self._pull[self._bounds[hosts]], self._pull[self._bounds[hosts + 1]])
        by_chance = rng.random(count) < curious
        users[by_chance] = rng.integers(len(people.ages), size=by_chance.sum())
        chosen[by_chance] = rng.integers(events, size=by_chance.sum())

        pairs = np.sort(np.concatenate([known, users * events + chosen]))
        friends = _one_in(rng, people.friend_rows, people.friend_starts[users], people.friend_starts[users + 1])
        first, last = (np.searchsorted(pairs, (friends + shift) * events) for shift in (0, 1))
        copied = _one_in(rng, pairs, first, last) % events
        follows = (friends >= 0) & (first < last) & ~by_chance & (rng.random(count) < _SHARE_WITH_FRIENDS)
        return Journeys(users, np.where(follows, copied, chosen), follows)

    def _one_of(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int64]:
        points = low + self._rng.random(len(low)) * (high - low)
        places = np.searchsorted(self._pull, points, side="right") - 1
        return self._by_host[np.minimum(places, len(self._by_host) - 1)]


def _one_in(
    rng: np.random.Generator, values: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """One of `values[start:end]` for each span, -1 for an empty one."""
    places = starts + (rng.random(len(starts)) * (ends - starts)).astype(np.int64)
    return np.where(starts < ends, np.append(values, -1)[np.minimum(places, len(values))], -1)


def journeys(rng: np.random.Generator, people: People, offers: Offers) -> Iterator[Journeys]:
    """Growing chunks of pairs, until every user has looked at every event.

    They do not depend on how many are wanted, so a longer run only adds to a shorter one.
    """
    chooser = Chooser(rng, people, offers)
    events = len(offers.hosts)
    total = len(people.ages) * events
    known = np.empty(0, np.int64)
    curious, count = _CURIOUS, min(_MAX_DRAWS, max(_MIN_DRAWS, len(people.ages)))
    while len(known) < total and curious <= 1.0:
        drawn = chooser.draw(count, curious=curious, known=known)
        keys = drawn.users * events + drawn.events
        _, firsts = np.unique(keys, return_index=True)
        new = np.sort(firsts[~np.isin(keys[firsts], known, assume_unique=True)])
        known = np.sort(np.concatenate([known, keys[new]]))
        if len(new) < _GOOD_YIELD * count:
            curious += 0.3
        yield Journeys(drawn.users[new], drawn.events[new], drawn.with_friend[new])
        count = min(_MAX_DRAWS, 2 * count)
    rest = rng.permutation(np.setdiff1d(np.arange(total), known, assume_unique=True)) if len(known) < total else known
    for start in range(0, total - len(known), _MAX_DRAWS):
        part = rest[start : start + _MAX_DRAWS]
        yield Journeys(part // events, part % events, np.zeros(len(part), np.bool_))
