"""Simulated event views: distinct pairs of a user and an event, in order of sampling."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.city.offers import Offers
from jobs.city.people import People
from jobs.city.taste import favourites

# Bounds of the number of pairs per sample.
_MAX_DRAWS: Final = 262_144
_MIN_DRAWS: Final = 16
# Initial share of uniformly random pairs, and probability of viewing an event that a friend has viewed.
_EXPLORATION: Final = 0.1
_SHARE_WITH_FRIENDS: Final = 0.15
# Share of new pairs in a sample below which exploration increases.
_GOOD_YIELD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Journeys:
    """Pairs of user and event rows in order of sampling; `with_friend` marks events that a friend viewed before."""

    users: NDArray[np.int64]
    events: NDArray[np.int64]
    with_friend: NDArray[np.bool_]


class ViewSampler:
    """Sampler of event views: mostly events of favourite organizers, some viewed by friends, some uniformly random.

    Parameters
    ----------
    rng : random generator.
    people, offers : users and events of the city.
    """

    def __init__(self, rng: np.random.Generator, people: People, offers: Offers) -> None:
        self._rng = rng
        self._people = people
        self._hosts, self._shares = favourites(rng, people, offers)
        self._activity = np.cumsum(rng.gamma(0.8, 1.0, len(people.ages)) + 0.02)
        self._by_host = np.argsort(offers.hosts, kind="stable")
        # The leading 0 makes the events of an organizer the span between two consecutive bounds.
        self._cumulated = np.concatenate([[0.0], np.cumsum(np.exp(offers.appeals[self._by_host]))])
        self._bounds = np.searchsorted(offers.hosts[self._by_host], np.arange(offers.hosts.max() + 2))

    def draw(self, count: int, *, exploration: float, known: NDArray[np.int64]) -> Journeys:
        """Sample of `count` pairs, possibly repeated.

        Parameters
        ----------
        count : number of pairs.
        exploration : share of pairs that are uniformly random over users and events, 0..1.
        known : int64 – pairs of earlier samples as `user_row * n_events + event_row`, sorted.
        """
        rng, people, events = self._rng, self._people, len(self._by_host)
        users = np.searchsorted(self._activity, rng.random(count) * self._activity[-1], side="right")
        users = np.minimum(users, len(self._activity) - 1)
        nth = (rng.random(count)[:, None] >= self._shares[users]).sum(axis=1)
        hosts = self._hosts[users, np.minimum(nth, self._hosts.shape[1] - 1)]
        chosen = self._weighted(self._cumulated[self._bounds[hosts]], self._cumulated[self._bounds[hosts + 1]])
        by_chance = rng.random(count) < exploration
        users[by_chance] = rng.integers(len(people.ages), size=by_chance.sum())
        chosen[by_chance] = rng.integers(events, size=by_chance.sum())

        pairs = np.sort(np.concatenate([known, users * events + chosen]))
        friends = _uniform(rng, people.friend_rows, people.friend_starts[users], people.friend_starts[users + 1])
        first, last = (np.searchsorted(pairs, (friends + shift) * events) for shift in (0, 1))
        copied = _uniform(rng, pairs, first, last) % events
        follows = (friends >= 0) & (first < last) & ~by_chance & (rng.random(count) < _SHARE_WITH_FRIENDS)
        return Journeys(users, np.where(follows, copied, chosen), follows)

    def _weighted(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int64]:
        points = low + self._rng.random(len(low)) * (high - low)
        positions = np.searchsorted(self._cumulated, points, side="right") - 1
        return self._by_host[np.minimum(positions, len(self._by_host) - 1)]


def _uniform(
    rng: np.random.Generator, values: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Uniform sample of a value per span `values[start:end]`; -1 for an empty span."""
    positions = starts + (rng.random(len(starts)) * (ends - starts)).astype(np.int64)
    return np.where(starts < ends, np.append(values, -1)[np.minimum(positions, len(values))], -1)


def journeys(rng: np.random.Generator, people: People, offers: Offers) -> Iterator[Journeys]:
    """Distinct pairs in chunks of growing size, until every user has viewed every event.

    The sequence does not depend on how many pairs are consumed, so a longer data set extends a shorter data set.
    """
    sampler = ViewSampler(rng, people, offers)
    events = len(offers.hosts)
    total = len(people.ages) * events
    known = np.empty(0, np.int64)
    exploration, count = _EXPLORATION, min(_MAX_DRAWS, max(_MIN_DRAWS, len(people.ages)))
    while len(known) < total and exploration <= 1.0:
        drawn = sampler.draw(count, exploration=exploration, known=known)
        keys = drawn.users * events + drawn.events
        _, firsts = np.unique(keys, return_index=True)
        new = np.sort(firsts[~np.isin(keys[firsts], known, assume_unique=True)])
        known = np.sort(np.concatenate([known, keys[new]]))
        if len(new) < _GOOD_YIELD * count:
            exploration += 0.3
        yield Journeys(drawn.users[new], drawn.events[new], drawn.with_friend[new])
        count = min(_MAX_DRAWS, 2 * count)
    rest = rng.permutation(np.setdiff1d(np.arange(total), known, assume_unique=True)) if len(known) < total else known
    for start in range(0, total - len(known), _MAX_DRAWS):
        part = rest[start : start + _MAX_DRAWS]
        yield Journeys(part // events, part % events, np.zeros(len(part), np.bool_))
