"""Stars of reviews without any, estimated from their words by a deployment's own reviews with stars.

Ridge regression on hashed n-grams of words and of characters, weighted by TF-IDF. No list of words, no stemming and no
splitting of words that belongs to a language: characters carry those that are written without spaces.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.entities.interaction import MAX_STARS
from shared.entities.names import folded

if TYPE_CHECKING:  # serving imports this package, and must not pay for the library
    import scipy.sparse as sp

MIN_REVIEWS: Final = 500
"""Reviews with stars and words from which a model is fitted."""

MIN_CORRELATION: Final = 0.2
"""Correlation with the stars of reviews held out below which nothing is estimated: words tell too little."""

_MAX_FITTED: Final = 20_000
_MAX_CHARACTERS: Final = 2_000_000
"""Bounds of the reviews that a model is fitted to, the newest ones, and of their characters: some 150 MB of n-grams."""
_MAX_ESTIMATED: Final = 50_000
"""Bound of the reviews that are estimated, the newest ones; the others stay neutral."""
_CHUNK: Final = 2_000
_READ: Final = 1_000
"""Characters of a review that are read."""
_HELD_OUT: Final = 5
"""One of so many reviews is held out for the correlation."""
_FEATURES: Final = 1 << 18
_WORD: Final = re.compile(r"\w+|[^\w\s]+")
"""Words, also those of one letter, and signs such as emoji, which say more than many a word."""
_ALPHA: Final = 1.0
"""Penalty of the ridge regression, for rows of length 1."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimated stars of reviews.

    Attributes
    ----------
    stars : float32 of shape (n,) – 1..5; NaN where nothing was estimated.
    fitted : number of the reviews that the model was fitted to, 0 for none.
    correlation : Pearson correlation with the stars of reviews held out, NaN where none is defined.
    """

    stars: NDArray[np.float32]
    fitted: int = 0
    correlation: float = float("nan")


def estimate_stars(texts: Sequence[str], stars: NDArray[np.float32]) -> Estimates:
    """Stars of the reviews that have none, estimated from those that have some.

    Nothing is estimated where fewer than `MIN_REVIEWS` have stars and words, or where their words do not tell them.

    Parameters
    ----------
    texts : words of n reviews, the newest last; "" has none.
    stars : float32 of shape (n,) – stars, 1..5; NaN for those to be estimated.
    """
    estimated = np.full(len(texts), np.nan, np.float32)
    has_words = np.array([bool(text.strip()) for text in texts], np.bool_)
    known = _newest(texts, np.flatnonzero(has_words & ~np.isnan(stars)))
    if len(known) < MIN_REVIEWS:
        return Estimates(estimated)
    wanted = np.flatnonzero(has_words & np.isnan(stars))[-_MAX_ESTIMATED:]
    rows, labels = _features([texts[row] for row in known]), stars[known].astype(np.float64)
    is_held_out = np.random.default_rng(len(known)).permutation(len(known)) % _HELD_OUT == 0
    correlation = _correlation(_Ridge(rows[~is_held_out], labels[~is_held_out])(rows[is_held_out]), labels[is_held_out])
    if not correlation >= MIN_CORRELATION:
        return Estimates(estimated, len(known), correlation)
    model = _Ridge(rows, labels)
    for chunk in _chunks(wanted):
        expected = model(_features([texts[row] for row in chunk]))
        estimated[chunk] = np.clip(expected, 1.0, MAX_STARS)
    return Estimates(estimated, len(known), correlation)


class _Ridge:
    """Ridge regression of stars on TF-IDF rows, fitted to counts of n-grams."""

    def __init__(self, counts: "sp.csr_matrix[np.float64]", stars: NDArray[np.float64]) -> None:
        # A tenth of a second each, which starts must not pay.
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import Ridge

        self._weights = TfidfTransformer(sublinear_tf=True).fit(counts)
        self._model = Ridge(alpha=_ALPHA, solver="sparse_cg", tol=1e-3).fit(self._weights.transform(counts), stars)

    def __call__(self, counts: "sp.csr_matrix[np.float64]") -> NDArray[np.float64]:
        expected: NDArray[np.float64] = self._model.predict(self._weights.transform(counts))
        return expected


def _features(texts: Sequence[str]) -> "sp.csr_matrix[np.float64]":
    """Counts of hashed n-grams of one or two words and of two to four characters, CSR of shape (n, 2 · `_FEATURES`)."""
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import HashingVectorizer

    read = [folded(text[:_READ]) for text in texts]
    hashed = partial(HashingVectorizer, n_features=_FEATURES, norm=None, alternate_sign=False, lowercase=False)
    words = hashed(analyzer="word", tokenizer=_WORD.findall, token_pattern=None, ngram_range=(1, 2))
    characters = hashed(analyzer="char_wb", ngram_range=(2, 4))
    return sp.csr_matrix(sp.hstack([words.transform(read), characters.transform(read)]))


def _newest(texts: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Latest of `rows` that are not too many and not too long together."""
    rows = rows[-_MAX_FITTED:]
    lengths = np.cumsum([min(len(texts[row]), _READ) for row in rows[::-1]])
    return rows[len(rows) - int(np.searchsorted(lengths, _MAX_CHARACTERS, side="right")) :]


def _chunks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for begin in range(0, len(rows), _CHUNK):
        yield rows[begin : begin + _CHUNK]


def _correlation(expected: NDArray[np.float64], stars: NDArray[np.float64]) -> float:
    if np.ptp(stars) == 0 or np.ptp(expected) == 0:
        return float("nan")
    return float(np.corrcoef(expected, stars)[0, 1])
