"""CSV export of the synthetic city: events.csv, users.csv and interactions.csv."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jobs.city.funnel import TYPES, Rows
from jobs.city.programme import Programme
from jobs.city.themes import Theme
from shared.entities import Event, InteractionType, User

_CHUNK: Final = 50_000
_LOCATION: Final = ("latitude", "longitude")
_EVENT_COLUMNS: Final = (
    *("event_id", "title", "description", "category", "subcategory", "tags", "organizer_id", "venue_id", "city"),
    *(*_LOCATION, "starts_at", "ends_at", "price", "currency", "capacity", "status", "created_at"),
)
_USER_COLUMNS: Final = (
    *("user_id", "preferred_categories", "preferred_tags", "max_price", "city", *_LOCATION, "birth_year"),
    *("friends", "created_at"),
)
_INTERACTION_COLUMNS: Final = (
    "user_id",
    "event_id",
    "organizer_id",
    "type",
    "value",
    "query",
    "category",
    "occurred_at",
)
_WITHOUT_EVENT: Final = tuple(kind for kind in InteractionType if kind.meaning.target != "event_id")


def write_files(folder: Path, themes: Sequence[Theme], programme: Programme, users: Iterable[User], rows: Rows) -> None:
    """CSV export: write the three files into an existing folder, replacing existing files."""
    _write(folder / "events.csv", _EVENT_COLUMNS, map(_cells(_EVENT_COLUMNS), programme.events))
    _write(folder / "users.csv", _USER_COLUMNS, map(_cells(_USER_COLUMNS), users))
    _write(folder / "interactions.csv", _INTERACTION_COLUMNS, _interactions(rows, programme, themes))


def _write(path: Path, columns: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _cells(columns: Sequence[str]) -> Callable[[Event | User], list[str]]:
    names = [name for name in columns if name not in _LOCATION]
    place_at = columns.index(_LOCATION[0])

    def cells(entity: Event | User) -> list[str]:
        row = [_cell(getattr(entity, name)) for name in names]
        place = entity.location
        row[place_at:place_at] = [f"{place.lat:.4f}", f"{place.lng:.4f}"] if place else ["", ""]
        return row

    return cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "|".join(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _interactions(rows: Rows, programme: Programme, themes: Sequence[Theme]) -> Iterator[tuple[str, ...]]:
    event_ids = np.array([event.event_id for event in programme.events], object)
    organizer_ids = np.array([organizer.organizer_id for organizer in programme.organizers], object)
    queries = np.array([topic.queries for theme in themes for topic in theme.topics], object)
    categories = np.array([theme.category for theme in themes for _ in theme.topics], object)
    kinds = np.array([kind.value for kind in TYPES], object)
    for start in range(0, len(rows), _CHUNK):
        part = rows.take(slice(start, start + _CHUNK))
        yield from zip(
            [f"user_{row + 1}" for row in part.users.tolist()],
            np.where(_is(part, *_WITHOUT_EVENT), "", event_ids[part.events]).tolist(),
            np.where(_is(part, InteractionType.FOLLOW), organizer_ids[part.hosts], "").tolist(),
            kinds[part.kinds].tolist(),
            np.where(_is(part, InteractionType.RATING), part.values.astype(str).astype(object), "").tolist(),
            np.where(_is(part, InteractionType.SEARCH), queries[part.topics, part.queries], "").tolist(),
            np.where(_is(part, InteractionType.CATEGORY_CLICK), categories[part.topics], "").tolist(),
            (np.datetime_as_string(part.at.astype("datetime64[s]")).astype(object) + "Z").tolist(),
            strict=True,
        )


def _is(rows: Rows, *kinds: InteractionType) -> NDArray[np.bool_]:
    return np.isin(rows.kinds, [TYPES.index(kind) for kind in kinds])
