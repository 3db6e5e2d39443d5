"""Names of columns: which column of a file holds which field, and what a name that is not known may mean."""

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from shared.errors import InvalidField, SettingsError
from shared.schema import FILE, Schema

_ENOUGH_ALIKE: Final = 0.7
"""Least similarity, 0..1, of a name to the one that it stands for: `start_at` for `starts_at`, not `size`."""

# What other programs call these fields, where the spelling alone does not tell. The first that a table has is meant.
_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("id", "uid", "key"), ("event_id", "user_id")),
    **dict.fromkeys(("event", "item", "itemid"), ("event_id",)),
    **dict.fromkeys(("user", "member", "memberid", "customer", "customerid", "attendee"), ("user_id",)),
    **dict.fromkeys(("name", "eventname", "headline", "summary"), ("title",)),
    **dict.fromkeys(("text", "details", "about", "body", "info"), ("description",)),
    **dict.fromkeys(("start", "begin", "begins", "beginsat", "starttime", "startdate", "from"), ("starts_at",)),
    **dict.fromkeys(("date", "datetime", "time"), ("starts_at", "occurred_at")),
    **dict.fromkeys(("timestamp", "when", "created", "at"), ("occurred_at", "created_at")),
    **dict.fromkeys(("end", "until", "endtime", "enddate", "finish", "to"), ("ends_at",)),
    **dict.fromkeys(("position", "coordinates", "geo", "geopoint", "latlng", "point"), ("location",)),
    **dict.fromkeys(("venue", "location", "place", "hall", "placeid"), ("venue_id",)),
    **dict.fromkeys(("organizer", "organiser", "host", "group", "promoter", "owner"), ("organizer_id",)),
    **dict.fromkeys(("hostid", "groupid", "promoterid", "ownerid"), ("organizer_id",)),
    **dict.fromkeys(("zone", "tz"), ("timezone",)),
    **dict.fromkeys(("modified", "modifiedat", "changedat", "lastmodified"), ("updated_at",)),
    **dict.fromkeys(("cost", "fee", "ticketprice"), ("price",)),
    **dict.fromkeys(("lng", "lon", "long"), ("longitude",)),
    **dict.fromkeys(("action", "kind", "interaction", "eventtype"), ("type",)),
    **dict.fromkeys(("labels", "keywords", "topics"), ("tags",)),
    **dict.fromkeys(("seats", "places", "maxattendees", "maxparticipants"), ("capacity",)),
    **dict.fromkeys(("sold", "seatstaken", "attendeecount", "attendeescount", "attendees"), ("booked",)),
    **dict.fromkeys(("stars", "rating"), ("value",)),
    **dict.fromkeys(("comment", "review", "reviewtext"), ("text",)),
    "lat": ("latitude",),
    "genre": ("category",),
    "town": ("city",),
    **dict.fromkeys(("image", "poster", "cover", "photo", "photourl", "picture"), ("image_url",)),
    "budget": ("max_price",),
    "buddies": ("friends",),
    "interests": ("preferred_tags",),
}


@dataclass(frozen=True, slots=True)
class Naming:
    """Columns of a file by field.

    Parameters
    ----------
    columns : fields that the file may have. A column with the name of a field holds it.
    assigned : column of each field that the schema of the folder names; it goes before a column with the field's name.
    offered : columns and fields of `--map`, for all files. In a file that has a column with the field's name, that
        column holds the field: `id=event_id` is for events.csv, though interactions.csv may have an `id`, too.
    """

    columns: frozenset[str]
    assigned: Mapping[str, str] = field(default_factory=dict)
    offered: Sequence[tuple[str, str]] = ()

    def fields(self, header: Sequence[str]) -> dict[str, str]:
        """Column of each field that a header has."""
        found = {name: name for name in header if name in self.columns}
        found |= {ours: theirs for ours, theirs in self.assigned.items() if theirs in header}
        for theirs, ours in self.offered:
            if ours in self.columns and theirs in header and found.get(ours) != ours:
                found[ours] = theirs
        return found

    def close(self, column: str) -> str:
        """Field that a column may mean, empty if there is none."""
        plain = _plain(column)
        meant = [name for name in _SYNONYMS.get(plain, ()) if name in self.columns]
        by_plain = {_plain(name): name for name in sorted(self.columns)}
        if plain in by_plain:
            return by_plain[plain]
        meant += [by_plain[name] for name in get_close_matches(plain, by_plain, n=1, cutoff=_ENOUGH_ALIKE)]
        return meant[0] if meant else ""

    def advice(self, columns: Iterable[str], taken: Collection[str] = ()) -> str:
        """Question whether columns mean fields that are not `taken`, as an option; empty if none may."""
        meant: dict[str, str] = {}
        for column in columns:
            ours = self.close(column) if column else ""
            if ours and ours not in taken:
                meant.setdefault(ours, column)
        pairs = ",".join(f"{theirs}={ours}" for ours, theirs in meant.items())
        return f"did you mean --map {_quoted(pairs)}?" if pairs else ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _quoted(pairs: str) -> str:
    return pairs if re.fullmatch(r"[\w.,=-]+", pairs) else f"'{pairs}'"


def read_pairs(options: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of a column and a field of the options `--map COLUMN=FIELD,…`; raises `InvalidField` for any other text.

    >>> read_pairs(["name=title,startsAt=starts_at", '"Price, EUR=price"'])
    (('name', 'title'), ('startsAt', 'starts_at'), ('Price, EUR', 'price'))
    """
    pairs = []
    for option in options:
        for pair in next(csv.reader([option], skipinitialspace=True), []):
            theirs, equals, ours = (part.strip() for part in pair.rpartition("="))
            if not (theirs and equals and ours):
                raise InvalidField("--map", pair, "COLUMN=FIELD, such as name=title,startsAt=starts_at")
            pairs.append((theirs, ours))
    return tuple(pairs)


def read_schema(folder: Path, columns: Mapping[str, Collection[str]]) -> Schema:
    """Schema of the files of a folder, whose fields are names of columns; with no names where there is no file.

    Raises `SettingsError` for a file that is no TOML, and for tables, fields and values that are none.

    Parameters
    ----------
    columns : fields of each table.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    except UnicodeDecodeError as error:
        raise SettingsError(f"{FILE}: expected TOML in UTF-8, got {error}") from error
    return Schema.of_columns(text, columns)


def check_fields(pairs: Sequence[tuple[str, str]], columns: Mapping[str, Collection[str]]) -> None:
    """Check that `--map` names fields; raises `InvalidField` for the first that is none, with what is near.

    Parameters
    ----------
    columns : fields of each table.
    """
    namings = [Naming(frozenset(names)) for names in columns.values()]
    for _, ours in pairs:
        if not any(ours in names for names in columns.values()):
            meant = list(dict.fromkeys(name for naming in namings if (name := naming.close(ours))))
            hint = f"did you mean {' or '.join(meant)}?" if meant else "docs/data.md lists them"
            raise InvalidField("--map", ours, f"the name of a field ({hint})")


def check_used(pairs: Sequence[tuple[str, str]], headers: Mapping[str, tuple[Naming, Sequence[str]]]) -> None:
    """Check that each pair of `--map` names a column of a file; raises `InvalidField` for the first that does not.

    Parameters
    ----------
    headers : naming and header of each file, by its name.
    """
    for theirs, ours in pairs:
        fitting = {file: header for file, (naming, header) in headers.items() if ours in naming.columns}
        if any(naming.fields(header).get(ours) == theirs for naming, header in headers.values()):
            continue
        both = [file for file, header in fitting.items() if theirs in header]
        if both:
            expected = f"a column that holds {ours} alone; {both[0]} has a column {ours}, too: rename it"
            raise InvalidField("--map", f"{theirs}={ours}", expected)
        names = sorted({name for header in fitting.values() for name in header if name})
        meant = get_close_matches(theirs, names, n=1, cutoff=_ENOUGH_ALIKE)
        hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(names) or 'none'}"
        raise InvalidField("--map", theirs, f"a column of {' or '.join(fitting) or 'a file'} ({hint})")
