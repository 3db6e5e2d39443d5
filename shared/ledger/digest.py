"""Digest of the ledger: sums over all interactions and a sample of whole users, from which a training can learn.

The pointer `ledger/digest/current.json` names the files; it moves by compare-and-swap after they are written, so a job
that is killed leaves no digest. The files of interactions and users have the ledger's schema, see `parquet.py`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.entities import fields
from shared.entities.stored import read_object, require_format, required, required_numbers
from shared.errors import ArtifactError, InvalidField
from shared.feedback.eventsums import EventSums, measures
from shared.ledger import parquet
from shared.ledger.index import INTERACTIONS, USERS, Chunk, Ledger

if TYPE_CHECKING:  # the import takes 0.2 s, which serving must not pay
    import pyarrow as pa

FORMAT: Final = 1
"""Version of the digest's format; other versions are refused."""

FOLDER: Final = "ledger/digest/"
POINTER: Final = f"{FOLDER}current.json"
"""Object name of the digest's description."""

SUMS: Final = "sums"
BOOKINGS: Final = "bookings"
FILES: Final = (INTERACTIONS, USERS, SUMS, BOOKINGS)
"""Names of the files: the sample's interactions and profiles, sums by event, and bookings by event and week."""

_KEYS: Final[Mapping[str, Sequence[str]]] = {
    INTERACTIONS: ("occurred_at", "interaction_id", "recorded_at"),
    USERS: ("user_id",),
    SUMS: ("event_id", "half_life"),
    BOOKINGS: ("event_id", "back"),
}
"""Columns by which the rows of each file are sorted, so that every engine writes the same bytes."""

_REMEDY: Final = "make another with `marquee digest`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Description of a digest.

    Attributes
    ----------
    now : time as of which it was made and models are trained, UTC.
    made_at : time at which it was ready.
    engine : name of the engine that made it.
    ledger : SHA-256 of the ledger's index, see `fingerprint`.
    cutoff : time from which on models are judged; None without a history.
    moments : times as of which sums are known: `now`, the cutoff, and the training of the model in service.
    week : Monday before which bookings are counted.
    last_bucket : last bucket of the users that were drawn, see `feedback/drawing.py`.
    interactions : number of all interactions that models learn from.
    profiles, profiled : numbers of declared profiles, of all users and of those who may be profiled.
    mended, dropped : numbers of profiles by field with an odd value.
    files : files by name, see `FILES`.
    format : version of the format, see `FORMAT`.
    """

    now: datetime
    made_at: datetime
    engine: str
    ledger: str
    cutoff: datetime | None
    moments: Sequence[datetime]
    week: date
    last_bucket: int
    interactions: int
    profiles: int
    profiled: int
    mended: Mapping[str, int]
    dropped: Mapping[str, int]
    files: Mapping[str, Chunk] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> bytes:
        """JSON of the description, as stored under `POINTER`."""
        return json.dumps(asdict(self), default=_plain, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Description from the JSON stored under `POINTER`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, POINTER, cls._from_document, remedy=_REMEDY)

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        require_format(document, FORMAT)
        stored = required(document, "files", dict)
        files = {name: Chunk.from_document(required(stored, name, dict)) for name in FILES}
        for chunk in files.values():
            if not chunk.name.startswith(FOLDER):
                raise InvalidField("name", chunk.name, f"a file of {FOLDER}")
        moments = [fields.required_time({"moments": at}, "moments") for at in required(document, "moments", list)]
        return cls(
            now=fields.required_time(document, "now"),
            made_at=fields.required_time(document, "made_at"),
            engine=required(document, "engine", str),
            ledger=required(document, "ledger", str),
            cutoff=fields.time(document, "cutoff"),
            moments=moments,
            week=date.fromisoformat(required(document, "week", str)),
            last_bucket=required(document, "last_bucket", int),
            interactions=required(document, "interactions", int),
            profiles=required(document, "profiles", int),
            profiled=required(document, "profiled", int),
            mended={name: int(number) for name, number in required_numbers(document, "mended").items()},
            dropped={name: int(number) for name, number in required_numbers(document, "dropped").items()},
            files=files,
        )


def fingerprint(ledger: Ledger) -> str:
    """Fingerprint of a ledger: SHA-256 of its index, in hexadecimal digits."""
    return sha256(ledger.to_json()).hexdigest()


def schema(name: str, moments: Sequence[datetime] = ()) -> "pa.Schema":
    """Arrow schema of a file of `FILES`; that of the sums has columns for each of the `moments`."""
    import pyarrow as pa

    if name in (INTERACTIONS, USERS):
        return parquet.schema(name)
    numbers = ["half_life", *measures(moments)] if name == SUMS else ["back", "bookings"]
    return pa.schema([("event_id", pa.string()), *((number, pa.int64()) for number in numbers)])


def encode(name: str, table: "pa.Table", moments: Sequence[datetime] = ()) -> bytes:
    """Parquet file of rows in any order, which are sorted: the same rows give the same bytes.

    Parameters
    ----------
    name : one of `FILES`.
    table : has at least the columns of `schema`.
    """
    from pyarrow import compute

    wanted = schema(name, moments)
    table = table.select(wanted.names).cast(wanted)
    order = compute.sort_indices(table, [(key, "ascending") for key in _KEYS[name]])
    return parquet.to_bytes(table.take(order).combine_chunks())


def read_sums(name: str, data: bytes, moments: Sequence[datetime]) -> EventSums:
    """Sums by event from the file `name`; raises `ArtifactError`."""
    table = _read(SUMS, name, data, moments)
    events, rows = parquet.coded(table["event_id"])
    sums = {measure: _int64(table, measure) for measure in measures(moments)}
    return EventSums(events, rows.astype(np.int64), _int64(table, "half_life"), list(moments), sums)


def read_bookings(name: str, data: bytes, events: Vocabulary) -> tuple[NDArray[np.int64], ...]:
    """Event rows, weeks back and numbers of bookings from the file `name`, int64 each; raises `ArtifactError`."""
    table = _read(BOOKINGS, name, data)
    own, rows = parquet.coded(table["event_id"])
    return events.rows_of_keys(own.keys)[rows], _int64(table, "back"), _int64(table, "bookings")


def _read(name: str, file: str, data: bytes, moments: Sequence[datetime] = ()) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import parquet as files

    try:
        table = files.read_table(pa.BufferReader(data))
        table.validate(full=True)
        if table.schema.remove_metadata() != schema(name, moments):
            raise ValueError(f"expected the columns {', '.join(schema(name, moments).names)}")
        if any(table[column].null_count for column in table.column_names):
            raise ValueError("expected a value in every row")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ArtifactError(f"{file}: not a readable file of a digest: {error}; {_REMEDY}") from error
    return table


def _int64(table: "pa.Table", column: str) -> NDArray[np.int64]:
    values: NDArray[np.int64] = table[column].to_numpy()
    return values


def _plain(value: date) -> str:
    return value.isoformat()
