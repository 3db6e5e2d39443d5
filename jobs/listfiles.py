"""Places of lists: a CSV file, a Parquet file, or a collection in Firestore, a list per user."""

import csv
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from jobs.commandline import OutputFile
from jobs.journal import UserList
from shared.entities import KeySource
from shared.errors import InvalidField
from shared.settings import Settings

_FIRESTORE: Final = "firestore:"
_COLUMNS: Final = ("user_id", "event_id", "rank", "score", "title", "starts_at", "model_version")
_ROWS: Final = 10_000
"""Rows of a Parquet file that are written together."""
_LISTS: Final = 400
"""Lists that Firestore gets together; a batch takes 500 documents."""


class Sink(Protocol):
    """Place that takes the lists of a run."""

    journal: Path
    """File beside it in which an interrupted run goes on."""

    def write(self, lists: Iterator[UserList], *, now: datetime) -> int:
        """Replacement of all earlier lists; returns the number of lists."""


def opened(out: str, settings: Settings, keys: KeySource, *, has_reasons: bool) -> Sink:
    """Sink of the option `--out`; raises `InvalidField` and `click.BadParameter` for one that cannot be used."""
    if out.startswith(_FIRESTORE):
        return FirestoreCollection(out, settings, keys, has_reasons=has_reasons)
    path: Path = OutputFile().convert(out, None, None)
    kinds = {".csv": CsvLists, ".parquet": ParquetLists}
    if path.suffix not in kinds:
        raise InvalidField("--out", out, "a file *.csv or *.parquet, or firestore:COLLECTION")
    return kinds[path.suffix](path, has_reasons=has_reasons)


class _ListFile:
    """File of lists, a row per event, which gets its name when it is complete."""

    def __init__(self, path: Path, *, has_reasons: bool) -> None:
        self.journal = path.with_name(f"{path.name}.partial")
        self._path = path
        self._has_reasons = has_reasons

    def write(self, lists: Iterator[UserList], *, now: datetime) -> int:
        """Write the file beside its place and move it there."""
        new = self._path.with_name(f"{self._path.name}.new")
        counted = _Counted(lists)
        try:
            self._write(new, (row for one in counted for row in self._rows(one)))
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)
        return counted.count

    def _write(self, path: Path, rows: Iterator[tuple[Any, ...]]) -> None:
        raise NotImplementedError

    def _columns(self) -> tuple[str, ...]:
        return (*_COLUMNS, "reasons") if self._has_reasons else _COLUMNS

    def _rows(self, one: UserList) -> Iterator[tuple[Any, ...]]:
        for rank, item in enumerate(one.items, 1):
            row = (one.user_id, item.event_id, rank, item.score, item.title, item.starts_at, one.model_version)
            yield (*row, list(item.reasons)) if self._has_reasons else row


class CsvLists(_ListFile):
    """CSV file of lists, UTF-8; reasons are separated by semicolons."""

    def _write(self, path: Path, rows: Iterator[tuple[Any, ...]]) -> None:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(self._columns())
            for user_id, event_id, rank, score, title, starts_at, version, *reasons in rows:
                starts = f"{starts_at:%Y-%m-%dT%H:%M:%SZ}" if starts_at else ""
                words = ["; ".join(reason) for reason in reasons]
                writer.writerow((user_id, event_id, rank, f"{score:.6g}", title, starts, version, *words))


class ParquetLists(_ListFile):
    """Parquet file of lists, with times as timestamps and reasons as lists."""

    def _write(self, path: Path, rows: Iterator[tuple[Any, ...]]) -> None:
        # Most runs write no Parquet, and the import takes a quarter of a second.
        import pyarrow as pa
        import pyarrow.parquet as pq

        text, time = pa.string(), pa.timestamp("us", tz="UTC")
        types = (text, text, pa.int32(), pa.float64(), text, time, text, pa.list_(text))
        schema = pa.schema(list(zip(self._columns(), types, strict=False)))
        with pq.ParquetWriter(path, schema) as writer:
            while part := list(islice(rows, _ROWS)):
                columns = [pa.array([row[place] for row in part], field.type) for place, field in enumerate(schema)]
                writer.write_table(pa.table(columns, schema=schema))


class FirestoreCollection:
    """Collection of Firestore with a document per user, in the database of the document store."""

    def __init__(self, out: str, settings: Settings, keys: KeySource, *, has_reasons: bool) -> None:
        if not settings.documents.startswith(_FIRESTORE):
            raise InvalidField("--out", out, f"a file, as the store is {settings.documents}, not one in Firestore")
        # Other places need no Firestore.
        from shared.adapters.firestore.client import Database
        from shared.adapters.firestore.lists import FirestoreLists

        collection = out.removeprefix(_FIRESTORE)
        self.journal = Path(f"{collection.replace('/', '-')}.partial")
        self._has_reasons = has_reasons
        self._lists = FirestoreLists(
            Database(settings.documents.removeprefix(_FIRESTORE), keys, settings.schema, settings.timezone), collection
        )
        self._lists.check("--out")

    def write(self, lists: Iterator[UserList], *, now: datetime) -> int:
        """Write all lists, then delete those of users who are gone."""
        count = 0
        while part := list(islice(lists, _LISTS)):
            self._lists.put([(one.user_id, self._fields(one)) for one in part], now=now)
            count += len(part)
        self._lists.drop_older(now)
        return count

    def _fields(self, one: UserList) -> dict[str, Any]:
        items = []
        for item in one.items:
            fields = {"event_id": item.event_id, "title": item.title, "starts_at": item.starts_at, "score": item.score}
            items.append({**fields, "reasons": list(item.reasons)} if self._has_reasons else fields)
        return {"model_version": one.model_version, "items": items}


class _Counted:
    """Iterator over lists that counts them."""

    def __init__(self, lists: Iterator[UserList]) -> None:
        self._lists = lists
        self.count = 0

    def __iter__(self) -> Iterator[UserList]:
        for one in self._lists:
            self.count += 1
            yield one
