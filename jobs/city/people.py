"""Users of the synthetic city: homes, ages, budgets, friends and preferences by topic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.city.places import CITY, NEIGHBOURHOODS, scatter, to_location
from jobs.city.themes import Theme
from shared.entities import User

# Preference added to the first, second and third favourite theme.
_FAVOURITES: Final = (3.2, 2.0, 1.2)
_DAY_S: Final = 86_400
# Users join before their first interaction: the earliest event is announced less than 240 days before now.
_JOINED_DAYS_AGO: Final = (250, 900)
_AGES: Final = (16, 85)
_CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class People:
    """User columns, by row.

    Parameters
    ----------
    homes : float64 of shape (n, 2) – kilometres east and north of the centre.
    ages : int64 of shape (n,) – years.
    budgets : float64 of shape (n,) – preferred maximum price in euros.
    tastes : float32 of shape (n, n_topics) – latent preference for each topic, about -3..5.
    friend_rows, friend_starts : the friends of row i are `friend_rows[friend_starts[i]:friend_starts[i + 1]]`.
    """

    homes: NDArray[np.float64]
    ages: NDArray[np.int64]
    budgets: NDArray[np.float64]
    tastes: NDArray[np.float32]
    friend_rows: NDArray[np.int64]
    friend_starts: NDArray[np.int64]


def build_people(rng: np.random.Generator, themes: Sequence[Theme], count: int) -> People:
    """Users: sample `count` of them; friends are close in the order of favourite topic, then neighbourhood."""
    shares = np.array([area.homes for area in NEIGHBOURHOODS])
    areas = rng.choice(len(shares), size=count, p=shares / shares.sum())
    ages = np.clip(16 + rng.gamma(3.2, 7.0, count), *_AGES).astype(np.int64)
    budgets = np.maximum(4.0, np.round(np.exp(rng.normal(3.3, 0.6, count))))
    tastes = np.concatenate([_tastes(rng, themes, part) for part in np.split(ages, range(_CHUNK, count, _CHUNK))])
    friend_rows, friend_starts = _friends(rng, tastes.argmax(axis=1) * len(shares) + areas)
    return People(scatter(rng, areas), ages, budgets, tastes, friend_rows, friend_starts)


def _tastes(rng: np.random.Generator, themes: Sequence[Theme], ages: NDArray[np.int64]) -> NDArray[np.float32]:
    weights, centres = np.array([(theme.weight, theme.age) for theme in themes]).T
    by_theme = np.log(weights) - np.minimum(((ages[:, None] - centres) / 16.0) ** 2, 4.0) / 2
    ranks = np.argsort(-(by_theme + rng.gumbel(size=by_theme.shape)), axis=1)
    for rank, boost in enumerate(_FAVOURITES):
        by_theme[np.arange(len(ages)), ranks[:, rank]] += boost
    topics = np.repeat(by_theme, [len(theme.topics) for theme in themes], axis=1)
    return (topics + rng.normal(0.0, 0.8, topics.shape)).astype(np.float32)


def _friends(rng: np.random.Generator, group: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Friendships in CSR form, symmetric, between users with adjacent ranks of `group`.

    Returns
    -------
    friend_rows, friend_starts : the friends of row i are `friend_rows[friend_starts[i]:friend_starts[i + 1]]`.
    """
    count = len(group)
    order = np.lexsort((rng.random(count), group))
    positions = np.repeat(np.arange(count), rng.poisson(2.0, count))
    partners = positions + np.rint(rng.normal(0.0, 6.0, len(positions))).astype(np.int64)
    is_pair = (partners != positions) & (partners >= 0) & (partners < count)
    rows, partner_rows = order[positions[is_pair]], order[partners[is_pair]]
    pairs = np.unique(np.concatenate([rows * count + partner_rows, partner_rows * count + rows]))
    return pairs % count, np.searchsorted(pairs // count, np.arange(count + 1))


def profiles(rng: np.random.Generator, themes: Sequence[Theme], people: People, *, now: datetime) -> Iterator[User]:
    """User profiles as declared: most users omit some fields, some users omit nearly all."""
    count = len(people.ages)
    topics = [(theme, topic) for theme in themes for topic in theme.topics]
    best = np.argsort(-people.tastes, axis=1, kind="stable")[:, :3].tolist()
    tells = (rng.random((count, 5)) < (0.7, 0.6, 0.5, 0.85, 0.8)).tolist()
    joined = (
        int(now.timestamp()) - rng.integers(*_JOINED_DAYS_AGO, count) * _DAY_S - rng.integers(_DAY_S, size=count)
    ).tolist()
    how_many = rng.integers(1, 4, count).tolist()
    skipped = rng.integers(5, size=count).tolist()
    for row in range(count):
        categories, tags, price, place, age = tells[row]
        liked = [topics[topic_row] for topic_row in best[row][: how_many[row]]]
        start, end = people.friend_starts[row : row + 2]
        yield User(
            user_id=f"user_{row + 1}",
            preferred_categories=tuple(dict.fromkeys(theme.category for theme, _ in liked)) if categories else (),
            preferred_tags=tuple(
                dict.fromkeys(tag for _, topic in liked for at, tag in enumerate(topic.tags) if at != skipped[row])
            )
            if tags
            else (),
            max_price=float(people.budgets[row]) if price else None,
            city=CITY,
            location=to_location(*people.homes[row].tolist()) if place else None,
            birth_year=now.year - int(people.ages[row]) if age else None,
            friends=tuple(f"user_{friend + 1}" for friend in people.friend_rows[start:end].tolist()),
            created_at=datetime.fromtimestamp(joined[row], UTC),
        )
