"""CSV import: events.csv, users.csv and interactions.csv of a folder as entities, row by row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from jobs.cells.document import RowReader
from jobs.console import Console
from jobs.csvfile import CsvFile, Rejection, Rejections, Row
from jobs.naming import check_fields, check_used, read_schema
from jobs.options import ReadingOptions
from shared.entities import Event, Interaction, User
from shared.errors import InvalidField, NotFound
from shared.feedback.retention import is_kept, kept_since
from shared.schema import FILE
from shared.services.ingest.upgrade import renamed
from shared.services.training.dataset import Dataset

Entity = TypeVar("Entity", Event, User, Interaction)

_LOCATION: Final = ("latitude", "longitude")
COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "events": (
        *("event_id", "title", "description", "category", "subcategory", "tags", "organizer_id", "venue_id"),
        *("city", *_LOCATION, "starts_at", "ends_at", "timezone", "price", "currency", "capacity", "booked"),
        "status",
        *("image_url", "created_at"),
    ),
    "users": (
        *("user_id", "preferred_categories", "preferred_tags", "max_price", "city", *_LOCATION, "birth_year"),
        *("gender", "friends", "created_at", "profiling"),
    ),
    "interactions": (
        *("interaction_id", "user_id", "event_id", "organizer_id", "type", "value", "query", "category"),
        *("text", "occurred_at", "session_id", "recommendation_id", "position"),
    ),
}
"""Fields of each table that a file may have."""

_DEFAULTS: Final = ReadingOptions()
_HASH: Final = (1 << 64) - 1


class EntityFile(Generic[Entity]):
    """CSV file of one entity type: events, users or interactions.

    A row with the id of an earlier row and other content is rejected, so that a repeated load changes nothing.

    Parameters
    ----------
    folder : folder of the file.
    name : name of the file.
    parse : converts the document of a row to an entity; raises `InvalidField`.
    own_id : id that no other row may have, of an entity and its document; empty if there is none.
    columns, required : fields to read and fields that the header must have, see `CsvFile`.
    assigned : columns that the folder's schema names, by field.
    options : names of columns and the zone of local times.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        parse: Callable[[dict[str, Any]], Entity],
        own_id: Callable[[Entity, dict[str, Any]], str],
        *,
        columns: Sequence[str],
        required: tuple[str, ...],
        assigned: Mapping[str, str],
        options: ReadingOptions,
    ) -> None:
        self.name = name
        self.ids: dict[str, int] = {}
        self._parse: Callable[[dict[str, Any]], Entity] = parse
        self._own_id: Callable[[Entity, dict[str, Any]], str] = own_id
        path = folder / name
        self.table: CsvFile | None = None
        if path.is_file():
            self.table = CsvFile(path, columns=columns, required=required, assigned=assigned, offered=options.pairs)
            self._rows = RowReader(self.table.fields, self.table.cells, options.zone)

    def __iter__(self) -> Iterator[Entity | Rejection]:
        """Entities and rejections in file order; `ids` then holds the ids of the entities so far."""
        self.ids = {}
        for row in self.table or ():
            if isinstance(row, Rejection):
                yield row
                continue
            try:
                document = self._rows.read(row.cells)
                entity = self._parse(document)
                if own_id := self._own_id(entity, document):
                    self._remember(own_id, row)
                yield entity
            except InvalidField as error:
                yield Rejection(self.name, row.line, error.field, error.reason)

    def _remember(self, own_id: str, row: Row) -> None:
        """Note of an id with the row's line and the hash of its content, in one number to save memory."""
        content = hash(tuple(row.cells.items())) & _HASH
        first = self.ids.setdefault(own_id, row.line << 64 | content)
        if first & _HASH != content:
            field = f"{self.name.removesuffix('s.csv')}_id"
            raise InvalidField(field, own_id, f"an id of its own, line {first >> 64} has it with other content")

    def notes(self) -> Iterator[str]:
        """Notes on the rows read so far."""
        if self.table:
            yield from (f"note: {self.name}: {text}" for text in self._rows.notes())

    def share_read(self) -> float:
        """Progress: share of the file that has been read, 0..1."""
        return self.table.position / max(self.table.size, 1) if self.table else 1.0


class Folder:
    """CSV folder: events.csv, users.csv and interactions.csv, of which at least one must exist.

    Raises `NotFound` if no file exists, `InvalidField` if a header or the name of a column is invalid, and
    `SettingsError` if the schema file is.

    Parameters
    ----------
    path : path of the folder.
    now : interactions that occurred later are rejected; None accepts all.
    keep_days : interactions that occurred more days before `now` are rejected; None accepts all.
    options : names of columns and the zone of local times.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: datetime | None = None,
        keep_days: int | None = None,
        options: ReadingOptions = _DEFAULTS,
    ) -> None:
        schema = read_schema(path, COLUMNS)
        check_fields(options.pairs, COLUMNS)
        self.events = EntityFile(
            path,
            "events.csv",
            lambda data: Event.from_document(data.get("event_id", ""), data),
            lambda event, _: event.event_id,
            columns=COLUMNS["events"],
            required=("event_id",),
            assigned=schema.events.fields,
            options=options,
        )
        self.users = EntityFile(
            path,
            "users.csv",
            lambda data: User.from_document(data.get("user_id", ""), data),
            lambda user, _: user.user_id,
            columns=COLUMNS["users"],
            required=("user_id",),
            assigned=schema.profiles.fields,
            options=options,
        )
        self.interactions = EntityFile(
            path,
            "interactions.csv",
            lambda data: _interaction(data, now, keep_days),
            lambda entry, data: entry.interaction_id if _has_id(entry, data) else "",
            columns=COLUMNS["interactions"],
            required=("user_id", "type", "occurred_at"),
            assigned=schema.interactions.fields,
            options=options,
        )
        if not any(file.table for file in self.files()):
            raise NotFound(f"{path}: expected a folder with {', '.join(self.names())}, found none of them")
        tables = (file.table for file in self.files() if file.table)
        check_used(options.pairs, {table.path.name: (table.naming, table.header) for table in tables})

    def files(self) -> tuple[EntityFile[Event], EntityFile[User], EntityFile[Interaction]]:
        """Files in loading order: events, users, interactions."""
        return self.events, self.users, self.interactions

    def names(self) -> tuple[str, ...]:
        """Names of the files in loading order."""
        return tuple(file.name for file in self.files())

    def warnings(self) -> Iterator[str]:
        """Warnings about missing files, about columns that are ignored, and about what was found out of a file."""
        for file in self.files():
            if file.table is None:
                yield f"warning: {file.name} is not there; going on without it"
            else:
                yield from (f"warning: {file.name}: {text}" for text in _warnings(file.table))


def _warnings(table: CsvFile) -> Iterator[str]:
    if table.header_line > 1:
        yield f"line {table.header_line} is the header; ignores what is above it"
    if table.encoding.is_guessed:
        yield "read as Windows-1252, since it is not UTF-8; if letters are wrong, save it as UTF-8"
    if table.encoding.is_damaged:
        yield "neither UTF-8 nor Windows-1252; save it as UTF-8, rows with other bytes are rejected"
    if missing := [theirs for theirs in table.naming.assigned.values() if theirs not in table.header]:
        yield f"lacks the columns {', '.join(missing)} that {FILE} names"
    if table.unknown:
        advice = table.naming.advice(table.unknown, table.fields)
        yield f"ignores the columns {', '.join(table.unknown)}{f'; {advice}' if advice else ''}"


def read_dataset(path: Path, console: Console, *, before: datetime, options: ReadingOptions = _DEFAULTS) -> Dataset:
    """Training data of a folder: all events and users, and the interactions that occurred strictly before `before`.

    Prints progress to `console` and, by file and field, the number of rejected rows with the reason of the first.
    Raises `InvalidField` if more rows of a file are rejected than `options` allow.
    """
    folder = Folder(path, options=options)
    for warning in folder.warnings():
        console.say(warning)
    rejections = Rejections()
    events = list(_accepted(folder.events, rejections, console))
    users = {user.user_id: user for user in _accepted(folder.users, rejections, console)}
    # A row may be repeated, and rows of a state with equal ids are its versions.
    interactions: dict[tuple[object, ...], Interaction] = {}
    n_rows = 0
    for interaction in _accepted(folder.interactions, rejections, console):
        n_rows += 1
        if interaction.occurred_at < before:
            first = interactions.setdefault(_version(interaction), interaction)
            # Of a type that counts daily the earliest row stays, as in a store.
            if interaction.occurred_at < first.occurred_at:
                interactions[_version(interaction)] = interaction
    for line in (*rejections.in_short(), *(note for file in folder.files() for note in file.notes())):
        console.say(line)
    accepted = zip(folder.names(), (len(events), len(users), n_rows), strict=True)
    rows = {name: count + rejections.by_file[name] for name, count in accepted}
    options.max_rejected.check(rows, rejections.by_file)
    return Dataset(tuple({event.event_id: event for event in events}.values()), users, tuple(interactions.values()))


def _version(interaction: Interaction) -> tuple[object, ...]:
    """Key of a row: a state's earlier versions held at earlier times, while a repeated row is the same interaction."""
    if interaction.type.meaning.repeats:
        return (interaction.interaction_id,)
    return interaction.interaction_id, interaction.occurred_at, interaction.type, interaction.value


def _accepted(file: EntityFile[Entity], rejections: Rejections, console: Console) -> Iterator[Entity]:
    with console.task(f"reading {file.name}") as task:
        for row, item in enumerate(file, 1):
            task.update(file.share_read(), row)
            if isinstance(item, Rejection):
                rejections.add(item)
            else:
                yield item


def _interaction(data: dict[str, Any], now: datetime | None, keep_days: int | None) -> Interaction:
    given = Interaction.from_document(data.get("interaction_id") or "unnamed", data)
    if now and given.occurred_at > now:
        raise InvalidField("occurred_at", data["occurred_at"], "a time that is not in the future")
    if now and not is_kept(given, kept_since(keep_days, now)):
        reason = f"a time of the last {keep_days} days, since MARQUEE_KEEP_DAYS lets older interactions expire"
        raise InvalidField("occurred_at", data["occurred_at"], reason)
    return renamed(given) if _has_id(given, data) else replace(given, interaction_id=given.expected_id())


def _has_id(entry: Interaction, data: dict[str, Any]) -> bool:
    # States need the id that tells what they replace; a row of an export may have that of an earlier version.
    return "interaction_id" in data and entry.type.meaning.repeats
