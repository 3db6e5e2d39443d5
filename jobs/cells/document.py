"""Documents of the rows of a CSV file: cells as the values that entities are parsed from."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from jobs.cells.lists import ListColumn
from jobs.cells.numbers import NumberColumn, PriceColumn
from jobs.cells.times import TimeColumn, read_event_times
from shared.catalog.calendar import zone as zone_of
from shared.entities import fields
from shared.errors import InvalidField

_LISTS: Final = ("tags", "preferred_categories", "preferred_tags", "friends")
_EVENT_TIMES: Final = ("starts_at", "ends_at")
_TIMES: Final = (*_EVENT_TIMES, "created_at", "occurred_at")
_WHOLE: Final = ("capacity", "booked", "birth_year", "position")
_DEGREES: Final = {"latitude": 90.0, "longitude": 180.0}
_NUMBERS: Final = (*_WHOLE, *_DEGREES, "value")
_PRICES: Final = ("price", "max_price")
_FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CHOICES: Final = ("status", "type")
# Spelled with one l in the United States.
_SPELLINGS: Final = {"canceled": "cancelled"}


class RowReader:
    """Rows of a file as documents; what a cell alone does not tell is told by its column.

    A location is two columns, `latitude` and `longitude` in degrees.

    Parameters
    ----------
    columns : fields of the file.
    cells : non-empty cells of a field, from a reading of their own.
    zone : time zone of times without an offset, if the row has no `timezone`; None refuses them.
    """

    def __init__(self, columns: Iterable[str], cells: Callable[[str], Iterable[str]], zone: ZoneInfo | None) -> None:
        of = {field: partial(cells, field) for field in columns}
        self._times = {field: TimeColumn(field, of[field], zone) for field in _TIMES if field in of}
        self._prices = [(field, PriceColumn(field, of[field])) for field in _PRICES if field in of]
        self._readers: list[tuple[str, Callable[[str], object]]]
        self._readers = [(field, column.read) for field, column in self._times.items() if field not in _EVENT_TIMES]
        self._readers += [(field, read) for field in of if (read := _reader(field, of[field]))]

    def read(self, cells: dict[str, str]) -> dict[str, Any]:
        """Document of a row's non-empty cells; raises `InvalidField` naming the field."""
        document: dict[str, Any] = {**cells}
        for field, read in self._readers:
            if field in cells:
                document[field] = read(cells[field])
        for field, prices in self._prices:
            if field in cells:
                document[field], code = prices.read(cells[field])
                if code and field == "price" and document.setdefault("currency", code) != code:
                    raise InvalidField(field, code, f"a price in the currency of the row, {document['currency']}")
        if "starts_at" in cells or "ends_at" in cells:
            name = fields.timezone(cells, "timezone")
            own_zone = zone_of(name) if name else None
            read_event_times(self._times.get("starts_at"), self._times.get("ends_at"), document, own_zone)
        if "latitude" in cells or "longitude" in cells:
            document["location"] = _location(document)
        return document

    def notes(self) -> Iterator[str]:
        """Notes on the rows read so far: local times that came twice or never."""
        for field, column in self._times.items():
            for count, what in (
                (column.n_twice, "came twice, as clocks were put back; read as the first"),
                (column.n_skipped, "never came, as clocks were put forward; read as so much later"),
            ):
                if count:
                    yield f"{field}: {count:,} local times {what}"


def _reader(field: str, cells: Callable[[], Iterable[str]]) -> Callable[[str], object] | None:
    """Conversion of the cells of a field; None where a text stays as it is or more than one cell is needed."""
    if field in _LISTS:
        return ListColumn(field, cells).read
    if field in _NUMBERS:
        return NumberColumn(field, cells, is_whole=field in _WHOLE, is_small=field in _DEGREES).read
    if field in _CHOICES:
        return _choice
    # The entity refuses any other text.
    return (lambda cell: _FLAGS.get(cell.strip().lower(), cell)) if field == "profiling" else None


def _choice(cell: str) -> str:
    """Name as the entity knows it: in lower case, with underscores, in British spelling."""
    name = "_".join(cell.lower().replace("-", " ").split())
    return _SPELLINGS.get(name, name)


def _location(document: dict[str, Any]) -> dict[str, float]:
    lat, lng = (fields.number(document, name, low=-high, high=high) for name, high in _DEGREES.items())
    if lat is None or lng is None:
        raise InvalidField("longitude" if lng is None else "latitude", None, "both latitude and longitude")
    return {"lat": lat, "lng": lng}
