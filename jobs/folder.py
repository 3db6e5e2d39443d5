"""CSV import: events.csv, users.csv and interactions.csv of a folder as entities, row by row."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from jobs.console import Console
from jobs.csvfile import CsvFile, Rejection
from shared.entities import Event, Interaction, User, fields
from shared.errors import InvalidField, NotFound
from shared.feedback.retention import is_kept, kept_since
from shared.services.training.dataset import Dataset

Entity = TypeVar("Entity", Event, User, Interaction)

_LISTS: Final = ("tags", "preferred_categories", "preferred_tags", "friends")
_NUMBERS: Final = ("price", "capacity", "booked", "max_price", "birth_year", "value", "position")
_FLAGS: Final = {"true": True, "false": False}
_DEGREES: Final = {"latitude": 90.0, "longitude": 180.0}
_LOCATION: Final = ("latitude", "longitude")
_SEPARATOR: Final = "|"


class EntityFile(Generic[Entity]):
    """CSV file of one entity type: events, users or interactions.

    Items of a list are separated by "|"; a location is two columns, `latitude` and `longitude` in degrees.

    Parameters
    ----------
    folder : folder of the file.
    name : name of the file.
    parse : converts the document of a row to an entity; raises `InvalidField`.
    columns, required : columns to read and columns that the header must have, see `CsvFile`.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        parse: Callable[[dict[str, Any]], Entity],
        *,
        columns: tuple[str, ...],
        required: tuple[str, ...],
    ) -> None:
        self.name = name
        self._parse: Callable[[dict[str, Any]], Entity] = parse
        path = folder / name
        self.table = CsvFile(path, columns=columns, required=required) if path.is_file() else None

    def __iter__(self) -> Iterator[Entity | Rejection]:
        """Entities and rejections in file order."""
        for row in self.table or ():
            if isinstance(row, Rejection):
                yield row
                continue
            try:
                yield self._parse(_document(row.cells))
            except InvalidField as error:
                yield Rejection(self.name, row.line, error.field, error.reason)

    def share_read(self) -> float:
        """Progress: share of the file that has been read, 0..1."""
        return self.table.position / max(self.table.size, 1) if self.table else 1.0


class Folder:
    """CSV folder: events.csv, users.csv and interactions.csv, of which at least one must exist.

    Raises `NotFound` if no file exists and `InvalidField` if a header is invalid.

    Parameters
    ----------
    path : path of the folder.
    now : interactions that occurred later are rejected; None accepts all.
    keep_days : interactions that occurred more days before `now` are rejected; None accepts all.
    """

    def __init__(self, path: Path, *, now: datetime | None = None, keep_days: int | None = None) -> None:
        self.events = EntityFile(
            path,
            "events.csv",
            lambda data: Event.from_document(data.get("event_id", ""), data),
            columns=(
                *("event_id", "title", "description", "category", "subcategory", "tags", "organizer_id", "venue_id"),
                *("city", *_LOCATION, "starts_at", "ends_at", "timezone", "price", "currency", "capacity", "booked"),
                *("status", "image_url", "created_at"),
            ),
            required=("event_id",),
        )
        self.users = EntityFile(
            path,
            "users.csv",
            lambda data: User.from_document(data.get("user_id", ""), data),
            columns=(
                *("user_id", "preferred_categories", "preferred_tags", "max_price", "city", *_LOCATION, "birth_year"),
                *("gender", "friends", "created_at", "profiling"),
            ),
            required=("user_id",),
        )
        self.interactions = EntityFile(
            path,
            "interactions.csv",
            lambda data: _interaction(data, now, keep_days),
            columns=(
                *("interaction_id", "user_id", "event_id", "organizer_id", "type", "value", "query", "category"),
                *("occurred_at", "session_id", "recommendation_id", "position"),
            ),
            required=("user_id", "type", "occurred_at"),
        )
        if not any(file.table for file in self.files()):
            names = ", ".join(file.name for file in self.files())
            raise NotFound(f"{path}: expected a folder with {names}, found none of them")

    def files(self) -> tuple[EntityFile[Event], EntityFile[User], EntityFile[Interaction]]:
        """Files in loading order: events, users, interactions."""
        return self.events, self.users, self.interactions

    def warnings(self) -> Iterator[str]:
        """Warnings about missing files and about columns that are ignored."""
        for file in self.files():
            if file.table is None:
                yield f"warning: {file.name} is not there; going on without it"
            elif file.table.unknown:
                yield f"warning: {file.name}: ignores the columns {', '.join(file.table.unknown)}"


def read_dataset(path: Path, console: Console, *, before: datetime) -> Dataset:
    """Training data of a folder: all events and users, and the interactions that occurred strictly before `before`.

    Prints progress to `console` and, per file, the number of rejected rows with the reason of the first rejection.
    """
    folder = Folder(path)
    for warning in folder.warnings():
        console.say(warning)
    events = list(_accepted(folder.events, console))
    users = {user.user_id: user for user in _accepted(folder.users, console)}
    interactions = {
        _version(interaction): interaction
        for interaction in _accepted(folder.interactions, console)
        if interaction.occurred_at < before
    }
    return Dataset(tuple(events), users, tuple(interactions.values()))


def _version(interaction: Interaction) -> tuple[object, ...]:
    """Key of a row: a state's earlier versions held at earlier times, while a repeated row is the same interaction."""
    if interaction.type.meaning.repeats:
        return (interaction.interaction_id,)
    return interaction.interaction_id, interaction.occurred_at, interaction.type, interaction.value


def _accepted(file: EntityFile[Entity], console: Console) -> Iterator[Entity]:
    rejected: list[Rejection] = []
    for item in file:
        console.progress(f"reading {file.name}: {file.share_read():.0%}")
        if isinstance(item, Rejection):
            rejected.append(item)
        else:
            yield item
    if rejected:
        first = rejected[0]
        console.say(
            f"warning: {file.name}: {len(rejected):,} rows rejected, the first at line {first.line}: "
            f"{first.field}: {first.reason}"
        )


def _interaction(data: dict[str, Any], now: datetime | None, keep_days: int | None) -> Interaction:
    given = Interaction.from_document(data.get("interaction_id") or "unnamed", data)
    if now and given.occurred_at > now:
        raise InvalidField("occurred_at", data["occurred_at"], "a time that is not in the future")
    if now and not is_kept(given, kept_since(keep_days, now)):
        reason = f"a time of the last {keep_days} days, since MARQUEE_KEEP_DAYS lets older interactions expire"
        raise InvalidField("occurred_at", data["occurred_at"], reason)
    # States need the id that tells what they replace; a row of an export may have that of an earlier version.
    has_id = "interaction_id" in data and given.type.meaning.repeats
    return given if has_id else replace(given, interaction_id=given.expected_id())


def _document(cells: dict[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {**cells}
    for name in _LISTS:
        if name in document:
            document[name] = [part.strip() for part in cells[name].split(_SEPARATOR)]
    for name in (*_NUMBERS, *_LOCATION):
        if name in document:
            document[name] = _number(cells[name])
    if "profiling" in document:
        # The entity rejects any other text, as it does for numbers.
        document["profiling"] = _FLAGS.get(cells["profiling"].lower(), cells["profiling"])
    if any(name in document for name in _LOCATION):
        lat, lng = (fields.number(document, name, low=-high, high=high) for name, high in _DEGREES.items())
        for name, degrees in zip(_LOCATION, (lat, lng), strict=True):
            if degrees is None:
                raise InvalidField(name, None, "both latitude and longitude")
        document["location"] = {"lat": lat, "lng": lng}
    return document


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        # The entity rejects the text with the name and range of the field.
        return cell
