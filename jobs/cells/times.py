"""Times of spreadsheets: dates in any order, twelve hours, local times of a time zone, ends without a date."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from jobs.cells.convention import Cells, Convention
from shared.errors import InvalidField

EXPECTED: Final = "an ISO 8601 time with an offset, such as 2026-05-01T19:30:00Z"

_LONGEST_NIGHT: Final = timedelta(hours=16)
"""Longest event whose end may stand under the date of its start: from noon till four in the morning."""

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            *(("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"), ("may",), ("jun", "june")),
            *(("jul", "july"), ("aug", "august"), ("sep", "sept", "september"), ("oct", "october")),
            *(("nov", "november"), ("dec", "december")),
        ),
        1,
    )
    for name in names
}
_HOUR: Final = r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<part>\d{1,6})\d*)?)?)?"
_OF_DAY: Final = rf"{_HOUR}\s*(?P<half>[AaPp]\.?\s?[Mm]\b\.?)?"
_OFFSET: Final = r"(?P<offset>Z|(?:UTC|GMT)?[+\-−](?:1[0-4]|0?\d)(?::?[0-5]\d)?|UTC|GMT)?"
_DATE: Final = (
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}\.?,?\s+)?"
    r"(?:(?P<a>\d{1,4})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})"
    r"|(?P<day>\d{1,2})(?:\.\s*|[-\s]+)(?P<month>[A-Za-z]{3,9})\.?,?[-\s]+(?P<year>\d{4})"
    r"|(?P<month2>[A-Za-z]{3,9})\.?\s+(?P<day2>\d{1,2}),?\s+(?P<year2>\d{4}))"
)
_WRITTEN: Final = re.compile(rf"{_DATE}(?:(?:,\s*|\s+at\s+|\s+|T){_OF_DAY}\s*{_OFFSET})?", re.ASCII | re.IGNORECASE)
_TIME_ONLY: Final = re.compile(_OF_DAY, re.ASCII)
_SERIAL: Final = re.compile(r"\d{5}(?:[.,]\d+)?", re.ASCII)
_TWO_DIGITS: Final = 100
# A day more than what an entity accepts, as local times have offsets.
_FIRST_YEAR, _LAST_YEAR = 1969, 2201
_SPACES: Final = str.maketrans(dict.fromkeys("\u00a0\u2009\u202f", " "))


class TimeColumn:
    """Times of a column as aware datetimes.

    Local times are those of `zone`. Where its clocks are put back, an hour comes twice, and the first is meant; where
    they are put forward, a time that no clock showed counts on from before: 02:30 is 03:30. Both are counted.

    Parameters
    ----------
    field : name of the field.
    cells : cells of the column, for the order of day and month.
    zone : time zone of times without an offset; None refuses them.
    """

    def __init__(self, field: str, cells: Cells, zone: ZoneInfo | None) -> None:
        self.field = field
        self.n_twice = self.n_skipped = 0
        self._zone = zone
        self._order = Convention(cells, _votes)

    def read(self, cell: str) -> str:
        """Time of a cell in ISO 8601 with an offset; raises `InvalidField`."""
        return cell if _has_offset(cell) else self.parse(cell)[0].isoformat()

    def parse(self, cell: str, zone: ZoneInfo | None = None) -> tuple[datetime, bool]:
        """Time of a cell, and whether it is a date alone, which is its first moment; raises `InvalidField`.

        A local time is one of `zone`, if given, else of the column's.
        """
        text = cell.strip()
        if text.isdecimal() and len(text) in (10, 13):
            # Seconds or milliseconds since 1970.
            return datetime.fromtimestamp(int(text[:10]), UTC) + timedelta(milliseconds=int(text[10:] or 0)), False
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found, is_date = self._parse_written(text)
        else:
            is_date = len(text) <= len("2026-05-01") and ":" not in text
        if not _FIRST_YEAR <= found.year < _LAST_YEAR:
            raise InvalidField(self.field, cell, f"{EXPECTED}, between 1970 and 2200")
        return (found if found.tzinfo else self._local(found, cell, zone or self._zone)), is_date

    def _local(self, moment: datetime, cell: str, zone: ZoneInfo | None) -> datetime:
        if zone is None:
            expected = f"{EXPECTED}; or name the place of local times, such as --timezone Europe/Berlin"
            raise InvalidField(self.field, cell, expected)
        found = moment.replace(tzinfo=zone)
        change = _offset(found.replace(fold=1)) - _offset(found)
        self.n_twice += change < timedelta()
        self.n_skipped += change > timedelta()
        return found

    def _parse_written(self, text: str) -> tuple[datetime, bool]:
        match = _match(text)
        if match is None:
            if _SERIAL.fullmatch(text):
                raise InvalidField(
                    self.field, text, f"{EXPECTED}, not a spreadsheet's number; format the column as dates"
                )
            raise InvalidField(self.field, text, EXPECTED)
        dates = _dates(match)
        day = self._order.choose(dates)
        if day is None and dates:
            reason = "a date in one order; the column does not tell which is the day and which the month"
            raise InvalidField(self.field, text, f"{reason}: write years first, such as {min(dates.values())}")
        of_day = _of_day(match)
        if day is None or of_day is None:
            raise InvalidField(self.field, text, EXPECTED)
        found = datetime.combine(day, time()) + of_day
        return found.replace(tzinfo=_zone_of(match["offset"])), match["hour"] is None


def read_event_times(
    starts: TimeColumn | None, ends: TimeColumn | None, document: dict[str, str], zone: ZoneInfo | None
) -> None:
    """Times of an event, in place: the cells `starts_at` and `ends_at` become ISO 8601 with an offset.

    Local times are those of the event's `zone`, if given, else of the columns', which `timezone` then names: the day of
    an event without a time of day is one of that zone. A date alone is an end at the end of that day, a time alone one
    at that time. An end that lies before the start under the same date is one after midnight, if the event then takes
    at most 16 hours.
    """
    cell, end_cell = document.get("starts_at"), document.get("ends_at")
    if cell and not end_cell and _has_offset(cell):
        return
    start = starts.parse(cell, zone)[0] if starts and cell else None
    if start:
        document["starts_at"] = start.isoformat()
        if isinstance(start.tzinfo, ZoneInfo):
            document.setdefault("timezone", start.tzinfo.key)
    if not (ends and end_cell):
        return
    if start and (match := _TIME_ONLY.fullmatch(end_cell.strip())) and (match["minute"] or match["half"]):
        of_day = _of_day(match)
        if of_day is None:
            raise InvalidField("ends_at", end_cell, EXPECTED)
        end = datetime.combine(start.date(), time(), start.tzinfo) + of_day
        is_next = end < start
    else:
        end, is_date = ends.parse(end_cell, zone)
        if is_date:
            end += timedelta(days=1)
        is_next = bool(start and end < start and end.date() == start.date() and _length(start, end) <= _LONGEST_NIGHT)
    document["ends_at"] = (end + timedelta(days=1) if is_next else end).isoformat()


def _has_offset(cell: str) -> bool:
    try:
        return not cell.isdecimal() and datetime.fromisoformat(cell).tzinfo is not None
    except ValueError:
        return False


def _length(start: datetime, end: datetime) -> timedelta:
    return end + timedelta(days=1) - start


def _match(text: str) -> re.Match[str] | None:
    return _WRITTEN.fullmatch(text.strip().translate(_SPACES))


def _votes(cell: str) -> Mapping[str, date]:
    """Dates of a cell by order, if it may be read in several; what begins with a year or has dots speaks for itself."""
    match = _match(cell)
    is_open = match and match["a"] and len(match["a"]) < len("2026") and match["mark"] != "."
    return _dates(match) if is_open else {}


def _dates(match: re.Match[str] | None) -> Mapping[str, date]:
    """Dates of a text by the order of year, month and day; empty where none exists."""
    if match is None:
        return {}
    if match["a"] is None:
        month = str(_MONTHS.get((match["month"] or match["month2"]).lower(), 0))
        days = {"YMD": (match["year"] or match["year2"], month, match["day"] or match["day2"])}
    else:
        a, b, c = match["a"], match["b"], match["c"]
        days = {"YMD": (a, b, c), "DMY": (c, b, a), "MDY": (c, a, b)}
        if match["mark"] == "." and len(a) < len("2026"):
            # Dots are written where the day comes first.
            days = {"DMY": days["DMY"]}
    found = {}
    for order, (year, month, day) in days.items():
        if len(year) in (2, 4) and len(day) <= 2:
            whole_year = int(year) if int(year) >= _TWO_DIGITS else 2_000 + int(year)
            try:
                found[order] = date(whole_year, int(month), int(day))
            except ValueError:
                continue
    return found


def _of_day(match: re.Match[str]) -> timedelta | None:
    """Time since midnight; None for one that no clock shows."""
    if match["hour"] and not (match["minute"] or match["half"]):
        return None
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
    if minute > 59 or second > 59 or hour > 24 or (hour == 24 and (minute or second)):
        return None
    part = timedelta(microseconds=int((match["part"] or "0").ljust(6, "0")))
    return timedelta(hours=hour, minutes=minute, seconds=second) + part


def _zone_of(offset: str | None) -> tzinfo | None:
    if offset is None:
        return None
    match = re.search(r"([+\-−])(\d{1,2}):?(\d{2})?$", offset)
    if match is None:
        return UTC
    length = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(length if match[1] == "+" else -length)


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta()
