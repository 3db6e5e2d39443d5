"""Odd values of documents: mended where they can mean one thing only, else dropped, so that none hides the document.

`Event` and `User` declare what becomes of each of their fields, and docs/data.md says the same. Bulk loads and the API
are strict, since whoever sends them a wrong value can be told.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

from shared.entities import fields
from shared.entities.fields import Document
from shared.entities.markup import plain_text
from shared.errors import InvalidField, shortened

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Entity = TypeVar("_Entity", bound="DataclassInstance")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND: Final = 10**9
LAST_SECOND: Final = 10**10
"""Bounds of seconds since 1970 of ten digits, as bulk loads take them; milliseconds are a thousand times that."""
_MAX_INTEGER: Final = 2**63
"""Bound of the integers of a store, either side of 0."""
_ELLIPSIS_BYTES: Final = len("…".encode())


@runtime_checkable
class Reference(Protocol):
    """Shape of Firestore's reference to a document, which this module does not import."""

    @property
    def id(self) -> str:
        """Id of the document."""

    @property
    def path(self) -> str:
        """Collection and id, and those of the documents above it, separated by slashes."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """Treatment of the odd values of a field, those that a strict parser refuses.

    Attributes
    ----------
    becomes : what becomes of them, in the words of docs/data.md.
    mend : value in place of an odd one, None where there is none; one that is odd itself is dropped.
    hides : whether nothing can be used of a document without this field.
    """

    becomes: str
    mend: Callable[[object], object] = lambda _: None
    hides: bool = False


def read(
    parse: Callable[[str, Document], _Entity], document_id: str, data: Document, treatments: Mapping[str, Treatment]
) -> _Entity:
    """Entity of a document, read leniently; raises `InvalidField` for a field without which it cannot be used.

    Of a document that the strict `parse` refuses, `mended` and `dropped` of the entity name the odd fields. Only fields
    that `parse` complains of are looked at: a document without any costs nothing more, and others by their number.
    """
    try:
        return parse(document_id, data)
    except InvalidField as error:
        problem = error
    document, mended, dropped = dict(data), list[str](), list[str]()
    while True:
        name = problem.field
        treatment = treatments[name]
        if treatment.hides:
            other = data.known_as.get(name) if isinstance(data, fields.Renamed) else None
            raise problem.known_as(other) if other else problem
        value = document.pop(name)
        substitute = None if name in mended else treatment.mend(value)
        if substitute is None:
            mended = [other for other in mended if other != name]
            dropped.append(name)
        else:
            document[name] = substitute
            mended.append(name)
        try:
            entity = parse(document_id, document)
        except InvalidField as error:
            problem = error
        else:
            return replace(entity, mended=tuple(mended), dropped=tuple(dropped))


def number_of_text(value: object) -> float | None:
    """Number that a text writes in digits with at most a decimal point; None for other values."""
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else None


def text_of_number(value: object) -> str | None:
    """Digits of a whole number; None for other values."""
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_INTEGER
    return str(value) if is_whole else None


def id_of_value(value: object) -> str | None:
    """Id that a reference to a document or a whole number means; None for other values."""
    return value.id if isinstance(value, Reference) else text_of_number(value)


def time_of_number(value: object) -> datetime | None:
    """Time of a number of seconds or milliseconds since 1970, which its size tells apart; None for other values."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before anything is computed, since integers may be too large and floats infinite.
    if _FIRST_SECOND <= value < LAST_SECOND:
        return _EPOCH + timedelta(seconds=value)
    if _FIRST_SECOND * 1_000 <= value < LAST_SECOND * 1_000:
        return _EPOCH + timedelta(milliseconds=value)
    return None


def point_of_texts(value: object) -> dict[str, object] | None:
    """Point of a map in which degrees may be numbers written as text; None for other values."""
    if not isinstance(value, Mapping):
        return None
    degrees = {name: value.get(name) for name in ("lat", "lng")}
    return {name: number_of_text(part) if isinstance(part, str) else part for name, part in degrees.items()}


DROPPED: Final = Treatment("dropped")
NAME: Final = Treatment("a whole number is read as text, else dropped", text_of_number)
ID: Final = Treatment("the id of a reference is read, a whole number as text, else dropped", id_of_value)
NUMBER: Final = Treatment('a number as text, such as `"25"`, is read, else dropped', number_of_text)
TIME: Final = Treatment("seconds or milliseconds since 1970 are read, else dropped", time_of_number)
PLACE: Final = Treatment("degrees as text are read, else dropped", point_of_texts)


def long_text(max_bytes: int) -> Treatment:
    """Treatment of a text of at most `max_bytes`: a longer one is cut at a grapheme, with an ellipsis."""

    def cut(value: object) -> str | None:
        if not isinstance(value, str):
            return text_of_number(value)
        # A lone surrogate, half of a letter that somebody cut, is no text.
        text = plain_text(value.encode(errors="ignore").decode())
        if len(text.encode()) <= max_bytes:
            return text
        return shortened(text, len(text.encode()[: max_bytes - _ELLIPSIS_BYTES].decode(errors="ignore")))

    return Treatment("too long a text is cut, a whole number is read as text, else dropped", cut)


def names(max_items: int, max_bytes: int) -> Treatment:
    """Treatment of a list of names, which people wrote: those that can be read are kept, and no more than may be."""

    def readable(item: object) -> str:
        return fields.prose({"item": text_of_number(item) or item}, "item", max_bytes=max_bytes)

    becomes = f"the first {max_items:,} texts and whole numbers of a list are read, else dropped"
    return Treatment(becomes, lambda value: _first(max_items, value, readable))


def ids(max_items: int, max_bytes: int) -> Treatment:
    """Treatment of a list of ids as texts, the only form in which an erasure finds them."""

    def readable(item: object) -> str:
        return fields.text({"item": item}, "item", max_bytes=max_bytes)

    becomes = f"the first {max_items:,} texts of a list are read, else dropped"
    return Treatment(becomes, lambda value: _first(max_items, value, readable))


def _first(max_items: int, value: object, parse: Callable[[object], str]) -> list[str] | None:
    kept = dict[str, None]()
    for item in value if isinstance(value, list | tuple) else ():
        try:
            text = parse(item)
        except InvalidField:
            continue
        if text:
            kept[text] = None
        if len(kept) == max_items:
            break
    return list(kept) or None
