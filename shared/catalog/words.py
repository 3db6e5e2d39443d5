"""Words of texts in any script."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import regex

from shared.entities.names import folded

_MAX_LENGTH: Final = 40
"""Length limit of a word: what is longer is an address or data."""
_WORD: Final = regex.compile(r"\b\w.*?\b", flags=regex.V1 | regex.WORD | regex.DOTALL)
"""Word of Unicode Standard Annex 29, whose boundaries `\\b` means with the flag WORD."""
_ASCII_WORD: Final = re.compile(r"\w++(?:(?:(?<=[a-z])[.:'](?=[a-z])|(?<=[0-9])[.,;'](?=[0-9]))\w++)*+", re.ASCII)
"""Words of lower-case ASCII. Most texts are mostly ASCII, for which the standard library is twice as fast."""
_BEYOND_ASCII: Final = re.compile(r"((?<!\S)[\x21-\x7e]*+[^\x00-\x7f]\S*+(?:\s++[\x21-\x7e]*+[^\x00-\x7f]\S*+)*+)")
"""Neighbours between spaces that are not all ASCII."""
_UNSPACED: Final = regex.compile(
    r"((?:[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Line_Break=Complex_Context}ー]\p{M}*)+)", flags=regex.V1
)
"""Stretch of scripts without spaces between words: Han, kana, Thai, Lao, Khmer, Myanmar and their kin."""
_MAY_BE_UNSPACED: Final = re.compile("[\u0e00-\U0010ffff]")
"""Characters from Thai on, which spares texts in Latin, Greek, Cyrillic, Arabic or Devanagari the slower search."""
_GRAPHEME: Final = regex.compile(r"\X\p{M}*")
_LETTER: Final = regex.compile(r"\p{L}")
_SYLLABLE: Final = regex.compile(r"[\p{Hangul}\p{Ethiopic}\p{Yi}]")
_ELISION: Final = re.compile(
    r"^(?:[cdjlmnst]|(?:jus|lors|puis|quoi)?qu|un|(?:a|da|de|ne|su)?ll|gl|quell|bell)'"
    r"(?=[^\W\d_bcdfgjklmnpqrstvwxyz])"
)
"""Elided article or preposition of French, Italian or Catalan, which the annex leaves to the language."""


def words(text: str) -> list[str]:
    """Tokens of a text: its words by Unicode Standard Annex 29 that have a letter, in the folded form of names.

    A script without spaces between words gives pairs of neighbouring graphemes (character bigrams), and graphemes
    without a neighbour. A single letter is a token only if it is a syllable, as in Hangul.

    >>> words("Jazz & Blues: the 2nd Night")
    ['jazz', 'blues', 'the', '2nd', 'night']
    >>> words("東京の音楽 L'été 2026")
    ['東京', '京の', 'の音', '音楽', 'été']
    """
    # A space of no width separates words where scripts have no spaces.
    text = folded(text.replace("\u200b", " ")).replace("\u2019", "'")
    if text.isascii():
        return _ascii_words(text)
    tokens: list[str] = []
    for number, stretch in enumerate(_BEYOND_ASCII.split(text)):
        tokens += _other_words(stretch) if number % 2 else _ascii_words(stretch)
    return tokens


def _ascii_words(text: str) -> list[str]:
    found = _without_elisions(_ASCII_WORD.findall(text), text)
    return [word for word in found if word.islower() and 2 <= len(word) <= _MAX_LENGTH]


def _other_words(text: str) -> list[str]:
    tokens: list[str] = []
    for number, stretch in enumerate(_UNSPACED.split(text) if _MAY_BE_UNSPACED.search(text) else [text]):
        tokens += _bigrams(stretch) if number % 2 else _spaced_words(stretch)
    return tokens


def _spaced_words(text: str) -> list[str]:
    found = _without_elisions(_WORD.findall(text), text)
    return [
        word
        for word in found
        if (word.isalpha() or _LETTER.search(word))
        and (2 <= len(word) <= _MAX_LENGTH or (len(word) == 1 and _SYLLABLE.match(word)))
    ]


def _without_elisions(found: list[str], text: str) -> list[str]:
    return [_ELISION.sub("", word, 1) if "'" in word else word for word in found] if "'" in text else found


def _bigrams(run: str) -> list[str]:
    graphemes: Sequence[str] = run
    if not run.isalpha():
        # Symbols, and marks that follow no letter, are graphemes, too, but no part of a word.
        graphemes = [grapheme for grapheme in _GRAPHEME.findall(run) if _LETTER.search(grapheme)]
    return [first + second for first, second in pairwise(graphemes)] if len(graphemes) > 1 else list(graphemes)
