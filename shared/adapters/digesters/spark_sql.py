"""Digester on Spark: a cluster of any size, which reads the ledger's files where they are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.adapters.digesters.sql import SqlReduction, constants
from shared.errors import ArtifactError, SettingsError
from shared.ledger import parquet
from shared.ledger.index import INTERACTIONS, USERS, Chunk, Ledger
from shared.ports import ObjectStore, Reduction

if TYPE_CHECKING:  # optional, and imported where it is used
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

NAME: Final = "spark"


class SparkDigester:
    """Digester (`Digester`) on Spark.

    Parameters
    ----------
    root : address of the bucket for Spark, such as `gs://BUCKET` or `file:///FOLDER`.
    master : address of Spark's master; None for that of the environment.
    """

    name: Final = NAME
    holds_all: Final = False

    def __init__(self, root: str, master: str | None) -> None:
        self._root = root
        self._master = master

    @contextmanager
    def reduce(self, ledger: Ledger, now: datetime) -> Iterator[Reduction]:
        """Reduction of the files that a ledger names, as of `now`, in a session that ends with the context."""
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.appName("marquee digest").config("spark.sql.session.timeZone", "UTC")
        if self._master:
            builder = builder.master(self._master)
        try:
            spark = builder.getOrCreate()
        except PySparkException as error:
            raise SettingsError(f"--master: no session with {self._master!r}: {error}") from error
        try:
            session = _Session(spark, self._root)
            for feed in (INTERACTIONS, USERS):
                session.add(feed, ledger.feeds[feed].chunks)
            yield SqlReduction(session, now)
        finally:
            spark.stop()


class _Session:
    def __init__(self, spark: "SparkSession", root: str) -> None:
        self._spark = spark
        self._root = root
        for name, table in constants().items():
            spark.createDataFrame(table).createOrReplaceTempView(name)

    def add(self, feed: str, chunks: Sequence[Chunk]) -> None:
        """Relation of a feed's files, with null for columns that a file lacks."""
        from pyspark.sql import functions
        from pyspark.sql.pandas.types import from_arrow_schema

        schema = from_arrow_schema(parquet.schema(feed))
        paths = [f"{self._root}/{chunk.name}" for chunk in chunks]
        if feed == INTERACTIONS:
            self._rows(schema, paths).createOrReplaceTempView("interactions")
            return
        # Files in the order of writing, by which rows are told to be newer.
        numbers = {path.rpartition("/")[2]: number for number, path in enumerate(paths)}
        order = self._spark.createDataFrame(list(numbers.items()) or [("", 0)], "file_name STRING, file_number INT")
        rows = self._rows(schema, paths)
        if paths:
            rows = rows.select(
                "*", "_metadata.file_name", functions.col("_metadata.row_index").alias("file_row_number")
            )
        else:
            rows = rows.select("*", functions.lit("").alias("file_name"), functions.lit(0).alias("file_row_number"))
        rows.join(functions.broadcast(order), "file_name").createOrReplaceTempView("user_rows")

    def _rows(self, schema: "object", paths: Sequence[str]) -> "DataFrame":
        return self._spark.read.schema(schema).parquet(*paths) if paths else self._spark.createDataFrame([], schema)

    def query(self, sql: str) -> "pa.Table":
        """Rows of a statement."""
        from pyspark.errors import PySparkException

        try:
            return self._spark.sql(sql).toArrow()
        except PySparkException as error:
            raise ArtifactError(f"the ledger's files could not be read by Spark: {error}") from error

    def keep(self, name: str, sql: str) -> None:
        """Relation of a statement's rows, kept in the cluster's memory and on its disks."""
        self._spark.sql(sql).persist().createOrReplaceTempView(name)


def open_digester(_objects: ObjectStore, place: str, *, master: str | None, **_options: str | None) -> SparkDigester:
    """Digester on Spark; see `adapters/engines.py`. Raises `ModuleNotFoundError` where it is not installed."""
    import pyspark  # noqa: F401  # said before any work

    kind, _, name = place.partition(":")
    return SparkDigester(f"gs://{name}" if kind == "gs" else Path(name).resolve().as_uri(), master)
