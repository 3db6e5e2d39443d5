"""Content similarity of events: weighted cosine of their attributes, so that new events have it too."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.catalog.meaning import BAG
from shared.signals.candidates import Candidates
from shared.signals.static_candidates import StaticCandidates

_TF_IDF_WEIGHTS: Final = {"text": 0.15, "tags": 0.25}
"""Weights of the TF-IDF attributes; with the others they sum to 1."""
_MEANING_WEIGHT: Final = 0.15
"""Weight of the vectors of texts, see `WordVectors`: words find the same series, meanings find the same kind."""
_CATEGORICAL_WEIGHTS: Final = {
    "series": 0.10,
    "organizer": 0.10,
    "category": 0.10,
    "subcategory": 0.10,
    "venue": 0.05,
}
_RARE: Final = 50_000
"""Entries of inverted lists, at most, that `sharing` reads of each bag, and candidates of a value that it finds."""
_TOLD: Final = 0.5
"""Share of an event's squared length that its tags and rare values must have, at least, for `sharing` to find any."""


def similarity(candidates: Candidates, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Cosine similarity of b events and c candidates, float32 of shape (b, c) in 0..1.

    An event's vector joins its TF-IDF vectors and the vector of its text, each of length 1, and one-hot vectors of its
    categorical attributes, scaled by the square roots of the weights. Texts of opposite meanings count as unrelated.

    Parameters
    ----------
    rows : int of shape (b,) – event rows of the candidates' catalog.
    """
    catalog, b = candidates.catalog, len(rows)
    products = np.zeros((b, len(candidates)), np.float32)
    for name, weight in _TF_IDF_WEIGHTS.items():
        owners, columns, weights = catalog.bags[name].entries(rows)
        products += weight * candidates.static.dot(name, (owners, columns.astype(np.int64), weights), b)
    texts = catalog.bags[BAG]
    vectors = catalog.meaning.of_events(texts, rows, texts.fingerprints(rows))
    meanings = np.maximum(candidates.static.meanings.cosines(vectors), 0)
    # The last column stays 0: it belongs to candidates without a text.
    meanings = np.pad(meanings, ((0, 0), (0, 1)))
    products += _MEANING_WEIGHT * meanings.take(candidates.static.contents[BAG].of_candidates, axis=1)
    for name, weight in _CATEGORICAL_WEIGHTS.items():
        codes = catalog.fields[name].at(rows)
        same = (candidates.static.codes[name][None, :] == codes[:, None]) & (codes >= 0)[:, None]
        products += np.float32(weight) * same
    lengths = candidates.static.derived(_lengths_of_candidates)
    cosines: NDArray[np.float32] = products / np.maximum(_lengths(catalog, rows)[:, None] * lengths, 1e-6)
    return cosines


def sharing(candidates: Candidates, row: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Candidates that share a rare tag, word or value with an event, t of them, which the most similar ones do.

    They are found in the inverted lists of the rarest names and of values that few candidates have. Their scores are
    what they share of these, and of the other values. None are found for an event of which tags and rare values tell
    too little: events are similar to it whose words are others.

    Returns
    -------
    found : int64 of shape (t,), ascending – columns of the candidates.
    scores : float32 of shape (t,) – parts of the similarities, all divided by the same number.
    """
    catalog, static, rows = candidates.catalog, candidates.static, np.array([row])
    is_found, told = np.zeros(len(candidates), np.bool_), 0.0
    of_contents: dict[str, NDArray[np.float32]] = {}
    for name, weight in _TF_IDF_WEIGHTS.items():
        _, columns, weights = catalog.bags[name].entries(rows)
        names = columns.astype(np.int64)
        sizes = sum((part.lengths() for part in static.postings[name].of_names(names)), np.zeros(len(names), np.int64))
        rarest = np.argsort(sizes, kind="stable")
        rarest = rarest[np.cumsum(sizes[rarest]) <= _RARE]
        if len(rarest):
            profile = np.zeros(len(rarest), np.int64), names[rarest], weights[rarest]
            [of_contents[name]] = static.dot_of_contents(name, profile, 1)
            is_found |= (of_contents[name] > 0).take(static.contents[name].of_candidates)
            told += weight if name != BAG else 0.0
    is_same: dict[str, NDArray[np.bool_]] = {}
    for name, weight in _CATEGORICAL_WEIGHTS.items():
        [code] = catalog.fields[name].at(rows)
        if code >= 0:
            is_same[name] = static.codes[name] == code
            if np.count_nonzero(is_same[name]) <= _RARE:
                is_found |= is_same[name]
                told += weight
    if told < _TOLD * _lengths(catalog, rows)[0] ** 2:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    found = np.flatnonzero(is_found)
    scores = np.zeros(len(found), np.float32)
    for name, products in of_contents.items():
        scores += np.float32(_TF_IDF_WEIGHTS[name]) * products.take(static.contents[name].of_candidates[found])
    for name, same in is_same.items():
        scores += np.float32(_CATEGORICAL_WEIGHTS[name]) * same[found]
    scores /= np.maximum(static.derived(_lengths_of_candidates)[found], np.float32(1e-6))
    return found, scores


def _lengths_of_candidates(candidates: StaticCandidates) -> NDArray[np.float32]:
    """Lengths of the candidates' vectors, float32 of shape (c,)."""
    return _lengths(candidates.catalog, candidates.rows)


def _lengths(catalog: Catalog, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Lengths of the events' vectors, float32 of shape (n,)."""
    squares = np.zeros(len(rows), np.float32)
    for name, weight in _TF_IDF_WEIGHTS.items():
        squares += weight * (catalog.bags[name].matrix.lengths(rows) > 0)
    if catalog.meaning.words.shape[1]:
        squares += _MEANING_WEIGHT * (catalog.bags[BAG].matrix.lengths(rows) > 0)
    for name, weight in _CATEGORICAL_WEIGHTS.items():
        squares += weight * (catalog.fields[name].at(rows) >= 0)
    lengths: NDArray[np.float32] = np.sqrt(squares)
    return lengths
