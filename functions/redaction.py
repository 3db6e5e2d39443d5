"""Tracebacks for the log without what a request said: ids and values are about users, and logs are kept for long."""

import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Final

_HIDDEN: Final = "…"
_WHOLE_WORD: Final = 4
"""Length up to which a text is hidden only as a word of its own, since it may be a part of many others."""
_NUMBER: Final = re.compile(r"\d{0,5}")


def trace(error: BaseException, given: object) -> str:
    """Traceback of an error, with every text in `given`, nested in lists and maps, replaced by "…"."""
    text = "".join(traceback.format_exception(error))
    forms = {form for value in _texts(given) for form in (value, repr(value)[1:-1])}
    # The longest first, as one may be a part of another.
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        if _NUMBER.fullmatch(form):
            continue
        if len(form) > _WHOLE_WORD:
            text = text.replace(form, _HIDDEN)
        else:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", _HIDDEN, text)
    return text


def _texts(given: object) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        for value in given.values():
            yield from _texts(value)
    elif isinstance(given, list | tuple):
        for item in given:
            yield from _texts(item)
