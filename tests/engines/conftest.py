"""Fixtures of the engines: each needs its package, of `requirements-duckdb.txt` or `requirements-spark.txt`."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.missing import skipped_when_missing
from tools import sparkcluster
from tools.emulators.programs import ProgramMissing

_QUIET = (
    "--conf spark.sql.shuffle.partitions=4 --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false "
    "pyspark-shell"
)


@pytest.fixture(scope="session")
def spark() -> None:
    """Spark with few partitions, for small data."""
    with skipped_when_missing():
        if shutil.which("java") is None:
            raise ProgramMissing("Spark needs Java 17, which is not installed")
    os.environ["PYSPARK_SUBMIT_ARGS"] = _QUIET
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"


@pytest.fixture(scope="session")
def cluster(spark: None) -> Iterator[str]:  # it must be there
    """Address of the master of a standalone cluster of two workers."""
    with sparkcluster.cluster() as address:
        yield address
