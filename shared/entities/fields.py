"""Field parsers for untrusted documents; a value that cannot be accepted raises `InvalidField` with the field's name.

An absent field, None and the empty string all mean "unknown".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol, TypeGuard, runtime_checkable
from zoneinfo import available_timezones

from shared.entities.markup import plain_text
from shared.errors import InvalidField

MAX_ID_BYTES = 128
_ID = re.compile(r"(?!\.{1,2}$)(?!__.*__$)[^/\x00-\x1f\x7f]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)

Document = Mapping[str, Any]


class Renamed(dict[str, Any]):
    """Fields of a document that has other names for some of them.

    Parameters
    ----------
    fields : values by the names of this program.
    known_as : names in the document, by those of this program; errors give both.
    """

    def __init__(self, fields: Document, known_as: Mapping[str, str]) -> None:
        super().__init__(fields)
        self.known_as = known_as


@dataclass(frozen=True, slots=True)
class Location:
    """Geographic point in degrees: `lat` in -90..90, `lng` in -180..180."""

    lat: float
    lng: float


@runtime_checkable
class GeoPoint(Protocol):
    """Shape of Firestore's own point type, which this module does not import."""

    latitude: float
    longitude: float


def _is_absent(value: object) -> TypeGuard[None]:
    return value is None or (isinstance(value, str) and value == "")


def identifier(data: Document, field: str, *, required: bool = True, max_bytes: int = MAX_ID_BYTES) -> str:
    """Id that Firestore accepts as a document id, at most `max_bytes` of UTF-8; "" when absent and not `required`."""
    value = data.get(field)
    if _is_absent(value):
        if required:
            raise InvalidField(field, value, "an id")
        return ""
    if not isinstance(value, str) or not _ID.fullmatch(value) or _utf8_size(field, value) > max_bytes:
        raise InvalidField(field, value, f"an id of at most {max_bytes} bytes without '/' or control characters")
    return value


def identifiers(data: Document, field: str, *, max_items: int) -> tuple[str, ...]:
    """Distinct ids of a list of at most `max_items`, in order; () when absent.

    What no document can have as its id names nothing and is left out; a list of nothing else raises `InvalidField`.
    """
    found, refused = [], None
    for item in _items(data, field, max_items):
        try:
            found.append(identifier({field: item}, field, required=False))
        except InvalidField as error:
            refused = error
    usable = tuple(dict.fromkeys(item for item in found if item))
    if refused and not usable:
        raise refused
    return usable


def text(data: Document, field: str, *, max_bytes: int) -> str:
    """String of at most `max_bytes` bytes of UTF-8; "" when absent."""
    value = data.get(field)
    if _is_absent(value):
        return ""
    if not isinstance(value, str):
        raise InvalidField(field, value, "a string")
    if _utf8_size(field, value) > max_bytes:
        raise InvalidField(field, value, f"at most {max_bytes:,} bytes of text")
    return value


def passage(data: Document, field: str, *, max_characters: int) -> str:
    """Text of several lines of at most `max_characters` characters, kept as written; "" when absent or all white space.

    Line breaks and tabs are its only control characters.
    """
    value = data.get(field)
    if isinstance(value, str) and len(value) > max_characters:
        raise InvalidField(field, value, f"at most {max_characters:,} characters of text")
    # No character takes more than four bytes.
    written = text(data, field, max_bytes=4 * max_characters)
    if _CONTROL.search(written):
        raise InvalidField(field, written, "text without control characters other than line breaks and tabs")
    return written if written.strip() else ""


def prose(data: Document, field: str, *, max_bytes: int) -> str:
    """Plain text of a string that people wrote and that may hold HTML, see `plain_text`; "" when absent.

    Both what was written and its plain text have at most `max_bytes` bytes of UTF-8.
    """
    written = text(data, field, max_bytes=max_bytes)
    plain = plain_text(written)
    return plain if plain is written else text({field: plain}, field, max_bytes=max_bytes)


def _utf8_size(field: str, value: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidField(field, value, "valid Unicode text") from error


def texts(
    data: Document,
    field: str,
    *,
    max_items: int,
    max_bytes: int = 200,
    parse: Callable[..., str] = text,
) -> tuple[str, ...]:
    """Distinct non-empty strings of a list of at most `max_items`, in order; () when absent.

    `parse` is `text`, or `prose` for what people wrote.
    """
    items = (parse({field: item}, field, max_bytes=max_bytes) for item in _items(data, field, max_items))
    return tuple(dict.fromkeys(item for item in items if item))


def _items(data: Document, field: str, max_items: int) -> Sequence[object]:
    value = data.get(field)
    if _is_absent(value):
        return ()
    if not isinstance(value, list | tuple):
        raise InvalidField(field, value, "a list of strings")
    if len(value) > max_items:
        raise InvalidField(field, f"{len(value)} items", f"at most {max_items} items")
    return value


def number(data: Document, field: str, *, low: float, high: float) -> float | None:
    """Finite number in `low..high`; None when absent."""
    value = data.get(field)
    if _is_absent(value):
        return None
    # NaN is in no range; math.isfinite would overflow for integers that no float can hold.
    if not _is_number(value) or not low <= value <= high:
        raise InvalidField(field, value, f"a number in {low:g}..{high:g}")
    return float(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(data: Document, field: str, *, low: int, high: int) -> int | None:
    """Whole number in `low..high`; None when absent."""
    value = number(data, field, low=low, high=high)
    if value is None:
        return None
    if value != int(value):
        raise InvalidField(field, value, f"a whole number in {low}..{high}")
    return int(value)


def flag(data: Document, field: str, *, default: bool = False) -> bool:
    """Truth value; `default` when absent."""
    value = data.get(field)
    if _is_absent(value):
        return default
    if not isinstance(value, bool):
        raise InvalidField(field, value, "true or false")
    return value


def time(data: Document, field: str) -> datetime | None:
    """Aware UTC time from 1970 to before 2200, from a datetime or an ISO 8601 string; None when absent."""
    value = data.get(field)
    if _is_absent(value):
        return None
    expected = "an ISO 8601 time with an offset between 1970 and 2200, such as 2026-05-01T19:30:00Z"
    parsed = value
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidField(field, value, expected) from error
    if not isinstance(parsed, datetime) or parsed.tzinfo is None or not _EARLIEST <= parsed < _LATEST:
        raise InvalidField(field, value, expected)
    utc = parsed.astimezone(UTC)
    # Firestore returns a datetime subclass with nanoseconds; plain datetimes compare and print identically everywhere.
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC)


def timezone(data: Document, field: str) -> str:
    """IANA name of a time zone; "" when absent."""
    value = data.get(field)
    if _is_absent(value):
        return ""
    if not isinstance(value, str) or value not in zone_names():
        raise InvalidField(field, value, "the IANA name of a time zone, such as Europe/Paris")
    return value


@cache
def zone_names() -> frozenset[str]:
    """IANA names of all known time zones."""
    return frozenset(available_timezones())


def required_time(data: Document, field: str) -> datetime:
    """Aware UTC time as `time` parses it; raises `InvalidField` also when the value is absent."""
    value = time(data, field)
    if value is None:
        raise InvalidField(field, data.get(field), "a time")
    return value


def location(data: Document, field: str) -> Location | None:
    """Geographic point from a map with `lat` and `lng` or from a Firestore GeoPoint; None when absent."""
    value = data.get(field)
    if _is_absent(value):
        return None
    # A map first: looking for the attributes of a point takes ten times as long.
    if not isinstance(value, Mapping) and isinstance(value, GeoPoint):
        value = {"lat": value.latitude, "lng": value.longitude}
    if not isinstance(value, Mapping):
        raise InvalidField(field, value, "a map with lat and lng")
    try:
        lat, lng = number(value, "lat", low=-90, high=90), number(value, "lng", low=-180, high=180)
    except InvalidField as error:
        raise InvalidField(field, dict(value), f"{error.expected} as {error.field}") from error
    if lat is None or lng is None:
        raise InvalidField(field, dict(value), "both lat and lng")
    return Location(lat, lng)
