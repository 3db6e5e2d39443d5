"""Keys of names: the one form in which categories, tags, cities and titles of series are compared."""

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

import regex

_UNSEEN: Final = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cc}--\s]+", flags=regex.V1)
"""Characters without a shape, such as zero-width and soft hyphens, marks of direction and selectors of variants."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""Those of ASCII."""


def name_key(name: str) -> str:
    r"""Key of a name: equal for spellings that differ only in case, in normal form or in what cannot be seen.

    Compatibility composed (NFKC), case folded, without characters that have no shape, with single spaces; "" for a name
    that nobody sees. Names are compared by key and shown as written. The key of a key is the key.
    (Unicode Standard, 3.13: "compatibility caseless match".)

    >>> name_key("S\u00e3o Paulo") == name_key(" sa\u0303o\u00a0PAULO\u200b ")
    True
    """
    return " ".join(folded(name).split())


def name_keys(names: Iterable[str]) -> list[str]:
    """Distinct keys of names, in their order; names that nobody sees are left out."""
    return [key for key in dict.fromkeys(map(name_key, names)) if key]


def folded(text: str) -> str:
    """Text in the form in which names are compared, with its white space as it is."""
    if text.isascii():
        return _CONTROL.sub("", text.casefold())
    # Decomposed first, since an accent within a letter folds unlike one after it; folded twice, since composing may
    # give letters that fold again.
    text = _UNSEEN.sub("", normalize("NFKD", text)).casefold()
    return normalize("NFKC", normalize("NFKC", text).casefold())
