"""Facts about the fields of sampled documents: how many have each, of what kinds their values are, and examples."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from shared.entities.fields import Document, GeoPoint
from shared.entities.odd import Reference, number_of_text, time_of_number
from shared.errors import shortened

MAX_DEPTH: Final = 3
"""Maps within maps that are looked into; fields below would be too many to name."""
_EXAMPLES: Final = 2
_EXAMPLE_LENGTH: Final = 24
MAX_VALUES: Final = 12
"""Different values of a field that may stand for statuses, at most."""
_POINTS: Final = ({"lat", "lng"}, {"lat", "lon"}, {"latitude", "longitude"}, {"_latitude", "_longitude"})
_PATH: Final = re.compile(r"[^\x00-\x1f\x7f`'\"\\/*~\[\].]+")
"""Names that a path in `marquee.toml` may have."""


class Kind(StrEnum):
    """Kinds of values, in words."""

    TIMESTAMP = "timestamp"
    SECONDS = "seconds since 1970"
    MILLISECONDS = "milliseconds since 1970"
    TIME_TEXT = "text of a time"
    LOCAL_TEXT = "text of a local time"
    NUMBER = "number"
    NUMBER_TEXT = "text of a number"
    TEXT = "text"
    FLAG = "true or false"
    POINT = "point"
    REFERENCE = "reference"
    TEXTS = "list of texts"
    REFERENCES = "list of references"
    LIST = "list"
    OTHER = "other"


@dataclass(slots=True)
class Facts:
    """Facts about a field.

    Attributes
    ----------
    path : path of the field; a dot leads into a map.
    filled : documents in which it has a value.
    kinds : documents by the kind of the value.
    examples : some values, cut short.
    values : documents by value, of texts, whole numbers and truth values, the first `MAX_VALUES` and one more.
    """

    path: str
    filled: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    values: Counter[str | int | bool] = field(default_factory=Counter)

    @property
    def kind(self) -> Kind:
        """Most frequent kind of the values."""
        return self.kinds.most_common(1)[0][0]

    def add(self, value: object) -> None:
        """Count the value of another document."""
        self.filled += 1
        self.kinds[kind_of(value)] += 1
        shown = _shown(value)
        if len(self.examples) < _EXAMPLES and shown not in self.examples:
            self.examples.append(shown)
        if isinstance(value, str | int) and (value in self.values or len(self.values) <= MAX_VALUES):
            self.values[value] += 1


def facts_of(documents: Iterable[Document]) -> dict[str, Facts]:
    """Facts about all fields of documents, by path, in the order in which they were found."""
    found: dict[str, Facts] = {}
    for document in documents:
        for path, value in _flat(document):
            found.setdefault(path, Facts(path)).add(value)
    return found


def kind_of(value: object) -> Kind:
    """Kind of a value.

    >>> kind_of(1782930600000).value, kind_of("2026-07-01T20:30").value, kind_of(True).value
    ('milliseconds since 1970', 'text of a local time', 'true or false')
    """
    if isinstance(value, bool):
        return Kind.FLAG
    if isinstance(value, datetime):
        return Kind.TIMESTAMP
    if isinstance(value, int | float):
        if time_of_number(value) is None:
            return Kind.NUMBER
        return Kind.MILLISECONDS if value >= 10**11 else Kind.SECONDS
    if isinstance(value, str):
        return _kind_of_text(value)
    if isinstance(value, Mapping):
        return Kind.POINT if _is_point(value) else Kind.OTHER
    if isinstance(value, list | tuple):
        if all(isinstance(item, str | int) for item in value):
            return Kind.TEXTS
        return Kind.REFERENCES if all(isinstance(item, str | Reference) for item in value) else Kind.LIST
    if isinstance(value, GeoPoint):
        return Kind.POINT
    return Kind.REFERENCE if isinstance(value, Reference) else Kind.OTHER


def _kind_of_text(value: str) -> Kind:
    if number_of_text(value) is not None:
        return Kind.NUMBER_TEXT
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return Kind.TEXT
    return Kind.TIME_TEXT if moment.tzinfo else Kind.LOCAL_TEXT


def _flat(document: Document, above: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if value is None or value in ("", [], {}) or not _PATH.fullmatch(name):
            continue
        if isinstance(value, Mapping) and not _is_point(value) and depth <= MAX_DEPTH:
            yield from _flat(value, f"{above}{name}.", depth + 1)
        else:
            yield f"{above}{name}", value


def _is_point(value: Mapping[str, Any]) -> bool:
    return any(names <= value.keys() for names in _POINTS)


def _shown(value: object) -> str:
    if isinstance(value, GeoPoint) and not isinstance(value, Mapping):
        text = f"{value.latitude:g}, {value.longitude:g}"
    elif isinstance(value, Reference) and not isinstance(value, str):
        text = value.path
    elif isinstance(value, datetime):
        text = f"{value:%Y-%m-%d %H:%M}"
    elif isinstance(value, list | tuple):
        text = ", ".join(_shown(item) for item in value[:_EXAMPLES])
    elif isinstance(value, Mapping):
        text = ", ".join(f"{part}" for part in value.values())
    else:
        text = str(value)
    return shortened(" ".join(text.split()), _EXAMPLE_LENGTH)
