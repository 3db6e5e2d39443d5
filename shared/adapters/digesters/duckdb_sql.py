"""Digester on DuckDB: one machine, out of core, with the memory that it is given and a folder on disk for the rest.

It reads copies of the ledger's files that the object store gives, so it needs no extension and no key of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.adapters.digesters.sql import SqlReduction, constants
from shared.adapters.scratch import scratch
from shared.errors import ArtifactError, SettingsError
from shared.ledger import parquet
from shared.ledger.index import INTERACTIONS, POINTER, REMEDY, USERS, Chunk, Ledger
from shared.ports import ObjectStore, Reduction, read_named

if TYPE_CHECKING:  # optional, and imported where it is used
    import duckdb
    import pyarrow as pa

NAME: Final = "duckdb"
_PREFIX: Final = "marquee-duckdb-"
"""Prefix of the folders that copies of the ledger lie in."""

_SQL_TYPES: Final = {"string": "VARCHAR", "list<item: string>": "VARCHAR[]", "bool": "BOOLEAN"}
"""Types in SQL of the columns that files of earlier versions may lack."""


class DuckDBDigester:
    """Digester (`Digester`) on DuckDB.

    Parameters
    ----------
    objects : the bucket.
    memory : limit of the engine's memory, such as `2GB`.
    """

    name: Final = NAME
    holds_all: Final = False

    def __init__(self, objects: ObjectStore, memory: str) -> None:
        self._objects = objects
        self._memory = memory

    @contextmanager
    def reduce(self, ledger: Ledger, now: datetime) -> Iterator[Reduction]:
        """Reduction of the files that a ledger names, as of `now`; copies lie in a temporary folder meanwhile."""
        import duckdb

        with (
            scratch(_PREFIX) as folder,
            duckdb.connect(config={"temp_directory": str(folder / "spilled")}) as connection,
        ):
            session = _Session(connection, self._memory)
            for feed in (INTERACTIONS, USERS):
                session.add(feed, self._copies(ledger.feeds[feed].chunks, folder / feed))
            yield SqlReduction(session, now)

    def _copies(self, chunks: Sequence[Chunk], folder: Path) -> list[str]:
        folder.mkdir()
        copies = []
        contents = read_named(self._objects, (chunk.name for chunk in chunks), index=POINTER, remedy=REMEDY)
        for number, (_, data) in enumerate(contents):
            # Names in the order of writing, by which rows are told to be newer.
            path = folder / f"{number:09}.parquet"
            path.write_bytes(data)
            copies.append(str(path))
        return copies


class _Session:
    def __init__(self, connection: "duckdb.DuckDBPyConnection", memory: str) -> None:
        import duckdb

        self._connection = connection
        self._memory = memory
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        try:
            connection.execute(f"SET memory_limit = '{memory}'")
        except duckdb.Error as error:
            raise SettingsError(f"--memory: expected a size such as 2GB, got {memory!r}") from error
        connection.execute("CREATE TEMP MACRO unix_micros(moment) AS epoch_us(moment)")
        for name, table in constants().items():
            self._keep_arrow(name, table)

    def add(self, feed: str, files: Sequence[str]) -> None:
        """Relation of a feed's files, with null for columns that all of them lack, or without rows for no file."""
        name = "interactions" if feed == INTERACTIONS else "user_rows"
        wanted = parquet.schema(feed)
        if not files:
            empty = wanted.empty_table().append_column("file_number", [[]]).append_column("file_row_number", [[]])
            self._keep_arrow(name, empty)
            return
        listed = ", ".join(f"'{file}'" for file in files)
        source = f"read_parquet([{listed}], union_by_name = true, filename = true, file_row_number = true)"
        stored = set(self.query(f"SELECT * FROM {source} LIMIT 0").column_names)  # noqa: S608  # own paths
        columns = [
            field.name if field.name in stored else f"CAST(NULL AS {_SQL_TYPES[str(field.type)]}) AS {field.name}"
            for field in wanted
        ]
        columns += ["filename AS file_number", "file_row_number"]
        with self._errors():
            self._connection.execute(f"CREATE TEMP VIEW {name} AS SELECT {', '.join(columns)} FROM {source}")  # noqa: S608

    def query(self, sql: str) -> "pa.Table":
        """Rows of a statement."""
        with self._errors():
            return self._connection.sql(sql).to_arrow_table()

    def keep(self, name: str, sql: str) -> None:
        """Relation of a statement's rows, in a temporary table."""
        with self._errors():
            self._connection.execute(f"CREATE TEMP TABLE {name} AS {sql}")

    def _keep_arrow(self, name: str, table: "pa.Table") -> None:
        self._connection.register(f"{name}_given", table)
        self.keep(name, f"SELECT * FROM {name}_given")  # noqa: S608  # own names
        self._connection.unregister(f"{name}_given")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise SettingsError(
                f"--memory: expected more than {self._memory} for this ledger, or more space in TMPDIR; DuckDB says: "
                + str(error).partition("\n")[0]
            ) from error
        except duckdb.Error as error:
            raise ArtifactError(f"the ledger's files could not be read by DuckDB: {error}") from error


def open_digester(objects: ObjectStore, _place: str, *, memory: str, **_options: str | None) -> DuckDBDigester:
    """Digester on DuckDB; see `adapters/engines.py`. Raises `ModuleNotFoundError` where it is not installed."""
    import duckdb  # noqa: F401  # said before any work

    return DuckDBDigester(objects, memory)
