"""Synthetic offers: texts, tags, places and prices that differ from event to event as much as real ones do."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_CONSONANTS: Final = "bcdfghjklmnprstvwxyz"
_VOWELS: Final = "aeiou"
_SYLLABLES: Final = tuple(consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS)
_MOST_SYLLABLES: Final = 3
_VOCABULARY: Final = 40_000
_TAGS: Final = 3_000
_TOPICAL: Final = 0.5
"""Share of words and tags from the topic of the event; the others are from the whole language."""

_TOPIC_WORDS: Final = 2_000
_TOPIC_TAGS: Final = 40
_EVENTS_PER_VENUE: Final = 15
_FREE: Final = 0.3
_MEAN_PRICE: Final = 25.0


@dataclass(frozen=True, slots=True)
class Offers:
    """Offers of n synthetic events, a row per event: what they are called, what they say, where, for how much.

    Attributes
    ----------
    titles, descriptions : strings of length n – three to eight words, and some forty.
    tags : lists of strings of length n – one to five tags.
    venues : int64 of shape (n,) – number of the venue.
    lat, lng : float64 of shape (n,) – place of the venue, degrees.
    prices : float64 of shape (n,) – in steps of 0.5, three in ten 0.
    """

    titles: pa.Array
    descriptions: pa.Array
    tags: pa.Array
    venues: NDArray[np.int64]
    lat: NDArray[np.float64]
    lng: NDArray[np.float64]
    prices: NDArray[np.float64]

    @classmethod
    def of(cls, topics: NDArray[np.integer], rng: np.random.Generator) -> Self:
        """Offers of n events from their topics (int of shape (n,), from 0); equal generators give equal offers."""
        size = len(topics)
        vocabulary = words(_VOCABULARY, rng)
        title_lengths = rng.integers(3, 9, size)
        lengths = np.clip(rng.lognormal(np.log(30), 0.7, size), 5, 300).astype(np.int64)
        n_venues = size // _EVENTS_PER_VENUE + 1
        venues = rng.integers(0, n_venues, size)
        lat, lng = 41.6 + 0.6 * rng.random(n_venues), -88.0 + 0.6 * rng.random(n_venues)
        tags = _lists(topics, rng.integers(1, 6, size), pa.array(vocabulary[:_TAGS]), _TOPIC_TAGS, rng)
        free = rng.random(size) < _FREE
        return cls(
            titles=_texts(topics, title_lengths, vocabulary, rng),
            descriptions=_texts(topics, lengths, vocabulary, rng),
            tags=tags,
            venues=venues,
            lat=lat[venues],
            lng=lng[venues],
            prices=np.where(free, 0.0, np.ceil(rng.exponential(_MEAN_PRICE, size) * 2) / 2),
        )


def words(size: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Vocabulary of `size` distinct words of one to three syllables; nothing but letters, as tokens of texts are."""
    words_by_length = [np.array(_SYLLABLES)]
    while len(words_by_length) < _MOST_SYLLABLES:
        longer = np.char.add(words_by_length[-1][:, None], words_by_length[0])
        words_by_length.append(longer.ravel())
    # The most frequent words are short, as in languages.
    ordered = np.concatenate([rng.permutation(of_length) for of_length in words_by_length])
    return ordered[:size]


def _texts(
    topics: NDArray[np.integer], lengths: NDArray[np.integer], vocabulary: NDArray[np.str_], rng: np.random.Generator
) -> pa.Array:
    return pc.binary_join(_lists(topics, lengths, pa.array(vocabulary), _TOPIC_WORDS, rng), " ")


def _lists(
    topics: NDArray[np.integer], lengths: NDArray[np.integer], names: pa.Array, topical: int, rng: np.random.Generator
) -> pa.ListArray:
    """Lists of names, `lengths` of shape (n,) long: some of all names, some of the `topical` names of the topic.

    Both are drawn by Zipf's law: the k-th most frequent name has a probability in proportion to 1/k.
    """
    owners = np.repeat(topics, lengths)
    anything = _zipf(len(names), len(owners), rng)
    # Neighbouring topics share a part of their names.
    of_topic = (owners * (topical // 2) + _zipf(topical, len(owners), rng)) % len(names)
    rows = np.where(rng.random(len(owners)) < _TOPICAL, of_topic, anything)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), names.take(pa.array(rows)))


def _zipf(size: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ranks from 0 to `size` - 1 by Zipf's law, int64 of shape (count,)."""
    cumulated = np.cumsum(1 / np.arange(1, size + 1))
    ranks: NDArray[np.int64] = np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")
    return ranks
