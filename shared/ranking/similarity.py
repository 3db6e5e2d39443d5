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
