"""Keys of names: the one form in which categories, tags, cities and titles of series are compared."""

from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

import regex

_UNSEEN: Final = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cc}--\s]+", flags=regex.V1)
"""Characters without a shape, such as zero-width and soft hyphens, marks of direction and selectors of variants."""


def name_key(name: str) -> str:
    r"""Key of a name: equal for spellings that differ only in case, in normal form or in what cannot be seen.

    Compatibility composed (NFKC), case folded, without characters that have no shape, with single spaces; "" for a name
    that nobody sees. Names are compared by key and shown as written. The key of a key is the key.
    (Unicode Standard, 3.13: "compatibility caseless match".)

    >>> name_key("S\u00e3o Paulo") == name_key(" sa\u0303o\u00a0PAULO\u200b ")
    True
    """
    if name.isascii() and name.isprintable():
        return " ".join(name.casefold().split())
    # Twice, since folding may give characters that compose or fold again.
    return " ".join(_folded(_folded(name)).split())


def name_keys(names: Iterable[str]) -> list[str]:
    """Distinct keys of names, in their order; names that nobody sees are left out."""
    return [key for key in dict.fromkeys(map(name_key, names)) if key]


def _folded(name: str) -> str:
    # Decomposed first, since folding an accent that is part of a letter differs from folding one that follows it.
    return normalize("NFKC", _UNSEEN.sub("", normalize("NFKD", name)).casefold())
