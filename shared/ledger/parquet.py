"""Parquet files of the ledger: entities to Parquet, and Parquet to the columns that training reads.

`docs/ledger.md` documents the schema for readers other than this program. pyarrow is imported on first use, since
serving never needs it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import UNKNOWN, Vocabulary
from shared.entities import Event, Interaction, InteractionType, Keys, Location, Origin, Status, User
from shared.entities.markup import plain_text
from shared.entities.provenance import has_explored
from shared.errors import ArtifactError
from shared.feedback.exposures import ExploredColumns, ExposureColumns, Page
from shared.feedback.interactions import ORIGINS, InteractionColumns
from shared.feedback.weights import CODES
from shared.ledger.index import EVENTS, INTERACTIONS, USERS

if TYPE_CHECKING:  # the import takes 0.2 s, which serving must not pay
    import pyarrow as pa

KEYS: Final = {INTERACTIONS: "interaction_id", EVENTS: "event_id", USERS: "user_id"}
"""Key column of each feed."""

STAMPS: Final = {INTERACTIONS: "recorded_at", EVENTS: "updated_at", USERS: "updated_at"}
"""Timestamp column of each feed that its watermark refers to."""

_CODED: Final = ("user_id", "event_id", "organizer_id", "type", "origin")
"""Interaction columns read as dictionaries (codes of distinct values)."""

_LEARNED: Final = (*_CODED, "value", "text", "occurred_at", "recorded_at")
"""Interaction columns that training reads."""

_SHOWN: Final = ("user_id", "event_id", "event_ids", "type", "position", "occurred_at")
"""Interaction columns that tell what users were shown."""

_ODD: Final = ("mended", "dropped")
ADDED: Final = {EVENTS: ("timezone", *_ODD), INTERACTIONS: ("origin", "text"), USERS: ("profiling", *_ODD)}
"""Columns that files of earlier versions lack, read as null."""

_VALUES: Final = {
    (INTERACTIONS, "type"): frozenset(InteractionType),
    (EVENTS, "status"): frozenset(Status),
}
"""Known values of columns that have a fixed set of them."""

_REQUIRED: Final = {INTERACTIONS: ("user_id", "type", "occurred_at")}
"""Columns besides the key that every row has, though the schema lets them be null."""

LATEST_US: Final = 7_258_118_400_000_000
"""Time before which all times lie, the beginning of 2200, see `fields.time`, in microseconds since 1970."""

_MICROSECONDS: Final = 1_000_000.0
_BLOCK: Final = 64
"""Profiles converted at a time: users are mostly read in order of ids, and a block costs little more than a row."""
_PROSE: Final = frozenset(
    {
        *("title", "description", "category", "subcategory", "tags", "city"),
        *("preferred_categories", "preferred_tags"),
    }
)
"""Columns that may hold HTML in files of earlier versions."""


@cache
def schema(feed: str) -> "pa.Schema":
    """Arrow schema of the files of a feed, all columns but the key nullable; null means unknown."""
    import pyarrow as pa

    text, time, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.float64()
    location = pa.struct([("lat", number), ("lng", number)])
    columns: dict[str, dict[str, pa.DataType]] = {
        INTERACTIONS: {
            **dict.fromkeys(("user_id", "event_id", "organizer_id", "type"), text),
            "event_ids": pa.list_(text),
            "value": pa.float32(),
            **dict.fromkeys(("query", "category"), text),
            **dict.fromkeys(("occurred_at", "recorded_at"), time),
            **dict.fromkeys(("session_id", "recommendation_id"), text),
            "position": pa.int32(),
            "origin": text,
            "text": text,
        },
        EVENTS: {
            **dict.fromkeys(("title", "description", "category", "subcategory"), text),
            "tags": pa.list_(text),
            **dict.fromkeys(("organizer_id", "venue_id", "city"), text),
            "location": location,
            **dict.fromkeys(("starts_at", "ends_at"), time),
            "timezone": text,
            "price": number,
            "currency": text,
            **dict.fromkeys(("capacity", "booked"), pa.int32()),
            **dict.fromkeys(("status", "image_url"), text),
            **dict.fromkeys(("created_at", "updated_at"), time),
            **dict.fromkeys(_ODD, pa.list_(text)),
        },
        USERS: {
            **dict.fromkeys(("preferred_categories", "preferred_tags"), pa.list_(text)),
            "max_price": number,
            "city": text,
            "location": location,
            "birth_year": pa.int32(),
            "gender": text,
            "friends": pa.list_(text),
            **dict.fromkeys(("created_at", "updated_at"), time),
            "profiling": pa.bool_(),
            **dict.fromkeys(_ODD, pa.list_(text)),
        },
    }
    key = pa.field(KEYS[feed], text, nullable=False)
    return pa.schema([key, *(pa.field(name, kind) for name, kind in columns[feed].items())])


def encode(feed: str, entities: Sequence[Event | User | Interaction]) -> bytes:
    """Parquet file of entities of a feed, rows in their order; empty strings and tuples become null."""
    import pyarrow as pa

    key = KEYS[feed]
    # Columns, not rows: building a dictionary for each of a million interactions takes three times as long.
    columns = {name: [getattr(row, name) for row in entities] for name in schema(feed).names if name != "location"}
    if feed != INTERACTIONS:
        locations = [entity.location for entity in entities if not isinstance(entity, Interaction)]
        columns["location"] = [location and {"lat": location.lat, "lng": location.lng} for location in locations]
    for name, values in columns.items():
        if name != key:
            columns[name] = [None if value in ("", ()) else value for value in values]
    return to_bytes(
        pa.table([pa.array(columns[field.name], field.type) for field in schema(feed)], schema=schema(feed))
    )


def to_bytes(table: "pa.Table") -> bytes:
    """Parquet file of a table, compressed with zstd."""
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read(feed: str, name: str, data: bytes, columns: Sequence[str], *, coded: Sequence[str] = ()) -> "pa.Table":
    """Table of some columns of a Parquet file, `coded` ones as dictionaries; raises `ArtifactError` naming the file.

    Parameters
    ----------
    name : name of the file, for errors.
    data : bytes of the file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        missing = set(columns) - set(parquet.read_schema(pa.BufferReader(data)).names)
        if damaged := missing.difference(ADDED.get(feed, ())):
            raise ArtifactError(f"{name}: expected the columns of {feed}, missing {', '.join(sorted(damaged))}")
        stored = [column for column in columns if column not in missing]
        table = parquet.read_table(pa.BufferReader(data), columns=stored, read_dictionary=list(coded))
        for added in missing:
            kind = schema(feed).field(added).type
            kind = pa.dictionary(pa.int32(), kind) if added in coded else kind
            table = table.append_column(added, pa.nulls(len(table), kind))
        _check(feed, table)
        return table.select(list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ArtifactError(f"{name}: not a readable Parquet file of {feed}: {error}") from error


def _check(feed: str, table: "pa.Table") -> None:
    """Check of a file's columns: types, UTF-8, ids, times and known values; raises `ValueError` or pyarrow's errors."""
    import pyarrow as pa
    from pyarrow import compute

    table.validate(full=True)
    for field in table.schema:
        column, expected = table[field.name], schema(feed).field(field.name)
        found = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if found != expected.type:
            raise ValueError(f"expected {field.name} as {expected.type}, got {field.type}")
        if column.null_count and (not expected.nullable or field.name in _REQUIRED.get(feed, ())):
            raise ValueError(f"expected {field.name} in every row, got none in {column.null_count}")
        if pa.types.is_timestamp(found) and len(column) > column.null_count:
            ends = compute.min_max(column.cast(pa.int64())).as_py()
            if ends["min"] < 0 or ends["max"] >= LATEST_US:
                raise ValueError(f"expected {field.name} from 1970 to 2200")
        if values := _VALUES.get((feed, field.name)):
            unknown = {value for value in compute.unique(column).to_pylist() if value is not None} - values
            if unknown:
                raise ValueError(f"expected a known {field.name}, got {sorted(unknown)[0]!r}")


def keys(feed: str, name: str, data: bytes, since: datetime) -> set[tuple[str, Any]]:
    """Deduplication keys, (id, stamp), of the rows of a file stamped at or after `since`.

    Each version of a document has a row.
    """
    from pyarrow import compute

    table = read(feed, name, data, [KEYS[feed], STAMPS[feed]])
    table = table.filter(compute.greater_equal(table[STAMPS[feed]], since))
    return set(zip(table[KEYS[feed]].to_pylist(), table[STAMPS[feed]].to_pylist(), strict=True))


@dataclass(frozen=True, slots=True)
class Reviews:
    """Words of n reviews.

    Attributes
    ----------
    rows : int64 of shape (n,) – rows of the interactions, ascending.
    texts : words of each.
    """

    rows: NDArray[np.int64]
    texts: Sequence[str]

    @classmethod
    def of(cls, interactions: Sequence[Interaction]) -> "Reviews":
        """Words of the reviews among interactions."""
        rows = [row for row, interaction in enumerate(interactions) if interaction.text]
        return cls(np.array(rows, np.int64), [interactions[row].text for row in rows])


def interactions(files: Iterable[tuple[str, bytes]]) -> InteractionColumns:
    """Interaction columns of files, given as (name, bytes), in any order."""
    columns, _ = interactions_and_reviews(files)
    return columns


def interactions_and_reviews(files: Iterable[tuple[str, bytes]]) -> tuple[InteractionColumns, Reviews]:
    """Interaction columns of files, given as (name, bytes), in any order, and the words of the reviews among them."""
    import pyarrow as pa
    from pyarrow import compute

    tables = [read(INTERACTIONS, name, data, _LEARNED, coded=_CODED) for name, data in files]
    table = pa.concat_tables(tables or [schema(INTERACTIONS).empty_table().select(list(_LEARNED))])
    rows_by_column = {name: coded(table[name]) for name in _CODED}
    kinds, kind_rows = rows_by_column["type"]
    codes = np.array([CODES[kind] for kind in kinds.ids()], np.int8)  # type: ignore[index]  # a StrEnum's values
    origins, origin_rows = rows_by_column["origin"]
    # The last row is that of null.
    origin_codes = np.array([ORIGINS[Origin(origin)] for origin in (*origins.ids(), "")], np.int8)
    is_review = compute.is_valid(table["text"]).to_numpy() & (codes == CODES[InteractionType.REVIEW])[kind_rows]
    rows = np.flatnonzero(is_review)
    reviews = Reviews(rows, table["text"].take(pa.array(rows)).to_pylist())
    columns = InteractionColumns(
        *rows_by_column["user_id"],
        *rows_by_column["event_id"],
        *rows_by_column["organizer_id"],
        codes=codes[kind_rows],
        values=table["value"].to_numpy().astype(np.float32, copy=False),
        occurred_at=_seconds(table["occurred_at"]),
        recorded_at=_seconds(table["recorded_at"]),
        origins=origin_codes[origin_rows],
    )
    return columns, reviews


def exposures(
    files: Iterable[tuple[str, bytes]], of_users: Vocabulary, *, since: datetime, until: datetime
) -> ExposureColumns:
    """Exposures in files, given as (name, bytes) in any order, of these users in [`since`, `until`).

    One file is held at a time, and then only what was shown to these users.
    """
    import pyarrow as pa

    parts = [_shown(read(INTERACTIONS, name, data, _SHOWN), of_users, since, until) for name, data in files]
    empty = pa.table({"user": pa.array([], pa.string()), "event": pa.array([], pa.string())})
    table = pa.concat_tables([part.select(["user", "event"]) for part in parts] or [empty])
    users, user_rows = coded(table["user"])
    events, event_rows = coded(table["event"])
    return ExposureColumns(
        users,
        user_rows,
        events,
        event_rows,
        positions=np.concatenate([np.empty(0, np.int32), *(part["position"].to_numpy() for part in parts)]),
        shown_at=np.concatenate([np.empty(0), *(_seconds(part["at"]) for part in parts)]),
    )


def explored(files: Iterable[tuple[str, bytes]], keys: Keys, *, since: datetime, until: datetime) -> ExploredColumns:
    """Events that exploration drew, as impressions in files tell that occurred in [`since`, `until`)."""
    import pyarrow as pa
    from pyarrow import compute

    pages: list[Page] = []
    for name, data in files:
        table = read(INTERACTIONS, name, data, (*_SHOWN, "recommendation_id"))
        at, tokens = table["occurred_at"], table["recommendation_id"]
        is_within = compute.and_(compute.greater_equal(at, since), compute.less(at, until))
        is_impression = compute.equal(table["type"], InteractionType.IMPRESSION.value)
        wanted = [token for token in tokens.unique().to_pylist() if token and has_explored(token)]
        is_explored = compute.is_in(tokens, value_set=pa.array(wanted, pa.string()))
        for row in table.filter(compute.and_(compute.and_(is_within, is_impression), is_explored)).to_pylist():
            event_ids, first = row["event_ids"] or [row["event_id"]], row["position"] or 0
            pages.append((row["user_id"], row["recommendation_id"], event_ids, first, row["occurred_at"]))
    return ExploredColumns.of(pages, keys)


def _shown(table: "pa.Table", of_users: Vocabulary, since: datetime, until: datetime) -> "pa.Table":
    """Events that these users were shown, a row each: of pages, and single ones whose position is known."""
    import pyarrow as pa
    from pyarrow import compute

    at = table["occurred_at"]
    is_impression = compute.equal(table["type"], InteractionType.IMPRESSION.value)
    is_within = compute.and_(compute.greater_equal(at, since), compute.less(at, until))
    table = table.filter(compute.and_(is_impression, is_within)).combine_chunks()
    table = table.filter(pa.array(of_users.rows_of_keys(utf8(table["user_id"].combine_chunks())) >= 0))
    pages = table.filter(compute.is_valid(table["event_ids"])).combine_chunks()
    singles = table.filter(compute.and_(compute.is_null(table["event_ids"]), compute.is_valid(table["position"])))
    lists = pages["event_ids"].combine_chunks()
    parents = compute.list_parent_indices(lists).to_numpy()
    firsts = np.searchsorted(parents, parents)
    page_positions = pages["position"].fill_null(0).to_numpy()[parents] + np.arange(len(parents)) - firsts
    return pa.table(
        {
            "user": pa.concat_arrays(
                [pages["user_id"].combine_chunks().take(pa.array(parents)), *singles["user_id"].chunks]
            ),
            "event": pa.concat_arrays([compute.list_flatten(lists), *singles["event_id"].chunks]),
            "position": np.concatenate([page_positions, singles["position"].to_numpy()]).astype(np.int32),
            "at": pa.concat_arrays(
                [pages["occurred_at"].combine_chunks().take(pa.array(parents)), *singles["occurred_at"].chunks]
            ),
        }
    )


def _seconds(column: "pa.ChunkedArray") -> NDArray[np.float64]:
    """POSIX seconds of a column of times, float64, NaN for null."""
    import pyarrow as pa

    microseconds: NDArray[np.float64] = column.cast(pa.int64()).to_numpy()
    # The quotient is rounded like datetime.timestamp(), so columns of entities and of files have equal seconds.
    return microseconds / _MICROSECONDS


def coded(column: "pa.ChunkedArray") -> tuple[Vocabulary, NDArray[np.int32]]:
    """Vocabulary of the distinct values of a string column, and the row of each value in it, int32, -1 for null."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    chunks = column.unify_dictionaries().chunks
    values = utf8(chunks[0].dictionary) if chunks else np.empty(0, "S1")
    order = np.argsort(values)
    row_of_code = np.full(len(values) + 1, UNKNOWN, np.int32)
    row_of_code[order] = np.arange(len(values), dtype=np.int32)
    # Translating chunk by chunk saves combining the chunks, which would compare all values again.
    rows = [row_of_code[chunk.indices.fill_null(UNKNOWN).to_numpy(zero_copy_only=False)] for chunk in chunks]
    return Vocabulary(values[order]), np.concatenate([np.empty(0, np.int32), *rows])


def utf8(strings: "pa.StringArray") -> NDArray[np.bytes_]:
    """UTF-8 bytes of strings without null, bytes of shape (n,)."""
    import pyarrow as pa

    values = strings.cast(pa.binary()).to_numpy(zero_copy_only=False)
    return values.astype(np.bytes_) if len(values) else np.empty(0, "S1")


def newest(feed: str, files: Iterable[tuple[str, bytes]]) -> "pa.Table":
    """Table of the last written row of each id, in UTF-8 byte order of ids; `files` in the order of writing."""
    import pyarrow as pa

    tables = [read(feed, name, data, schema(feed).names) for name, data in files]
    table = pa.concat_tables([*tables, schema(feed).empty_table()]).combine_chunks()
    ids = utf8(table[KEYS[feed]].combine_chunks())
    _, last = np.unique(ids[::-1], return_index=True)
    return table.take(pa.array(len(ids) - 1 - last))


def events(table: "pa.Table") -> Iterator[Event]:
    """Event entities of a table of events, see `newest`."""
    for row in table.to_pylist():
        known = _known(row)
        known["status"] = Status(known.get("status", Status.PUBLISHED))
        yield Event(**known)


def interaction_entities(name: str, data: bytes) -> Iterator[Interaction]:
    """Interaction entities of a file of interactions, its rows in their order; raises `ArtifactError` naming it.

    A state has a row for each version that a training saw.
    """
    for row in read(INTERACTIONS, name, data, schema(INTERACTIONS).names).to_pylist():
        known = _known(row)
        known["type"] = InteractionType(known["type"])
        yield Interaction(**known)


class Profiles(Mapping[str, User]):
    """User profiles by id, converted to entities on access, since there may be a million; from a table of `newest`.

    Rows are converted in blocks, since many are usually read in the order of ids.
    """

    def __init__(self, table: "pa.Table") -> None:
        names = [name for name in table.column_names if name == KEYS[USERS] or table[name].null_count < len(table)]
        self._table = table.select(names)
        self._users = Vocabulary(utf8(table[KEYS[USERS]].combine_chunks()))
        self._block = -1
        self._rows: list[dict[str, Any]] = []

    def some(self, user_ids: NDArray[np.bytes_]) -> "Profiles":
        """Profiles of those of `user_ids` that have one, in a table of their own.

        Reading scattered rows of a large table is slow.
        """
        import pyarrow as pa

        rows = self._users.rows_of_keys(user_ids)
        return Profiles(self._table.take(pa.array(np.sort(rows[rows >= 0]))).combine_chunks())

    def unprofiled(self) -> NDArray[np.bytes_]:
        """Ids of the users who do not wish to be profiled, as UTF-8 bytes, ascending."""
        return self._users.keys[~self._is_profiled()]

    def profiled(self) -> "Profiles":
        """Profiles of the users who may be profiled, in a table of their own."""
        import pyarrow as pa

        is_profiled = self._is_profiled()
        return self if is_profiled.all() else Profiles(self._table.filter(pa.array(is_profiled)).combine_chunks())

    def odd(self, column: str) -> dict[str, int]:
        """Numbers of profiles by field with an odd value, of the column `mended` or `dropped`."""
        from pyarrow import compute

        if column not in self._table.column_names:
            return {}
        found = compute.value_counts(compute.list_flatten(self._table[column])).to_pylist()
        return {row["values"]: row["counts"] for row in found}

    def _is_profiled(self) -> NDArray[np.bool_]:
        if "profiling" not in self._table.column_names:
            return np.ones(len(self), np.bool_)
        mask: NDArray[np.bool_] = self._table["profiling"].fill_null(True).to_numpy()  # noqa: FBT003  # unnamed
        return mask

    def __getitem__(self, user_id: str) -> User:
        row = self._users.row(user_id)
        if row < 0:
            raise KeyError(user_id)
        block, offset = divmod(row, _BLOCK)
        if block != self._block:
            self._block, self._rows = block, self._table.slice(block * _BLOCK, _BLOCK).to_pylist()
        return User(**_known(self._rows[offset]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._users.ids())

    def __len__(self) -> int:
        return len(self._users)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """Entity fields of a row without its nulls: plain text, lists as tuples, the location as `Location`."""
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items() if value is not None
    }
    for name in _PROSE & known.keys():
        value = known[name]
        known[name] = plain_text(value) if isinstance(value, str) else tuple(dict.fromkeys(map(plain_text, value)))
    if "location" in known:
        known["location"] = Location(known["location"]["lat"], known["location"]["lng"])
    return known
