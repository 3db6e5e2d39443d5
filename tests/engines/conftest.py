"""Fixtures of the engines: each needs its package, of `requirements-duckdb.txt` or `requirements-spark.txt`."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.emulators.process import free_port

_QUIET = "--conf spark.sql.shuffle.partitions=4 --conf spark.ui.enabled=false pyspark-shell"
_START_S = 60


@pytest.fixture(scope="session")
def spark() -> Path:
    """Folder of Spark's programs."""
    pyspark = pytest.importorskip("pyspark", reason="requirements-spark.txt is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17")
    os.environ["PYSPARK_SUBMIT_ARGS"] = _QUIET
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    return Path(pyspark.__file__).parent


@pytest.fixture(scope="session")
def cluster(spark: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the master of a standalone cluster of two workers."""
    folder, port = tmp_path_factory.mktemp("cluster"), free_port()
    address = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    host = ["--host", "127.0.0.1", "--webui-port", "0"]
    worker = [f"{deploy}.worker.Worker", *host, "--cores", "1", "--memory", "1g", "--work-dir", str(folder), address]
    programs = [[f"{deploy}.master.Master", *host, "--port", str(port)], worker, worker]
    started = []
    with (folder / "log").open("w") as log:
        for program in programs:
            command = [str(spark / "bin" / "spark-class"), *program]
            environ = os.environ | {"SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable}
            started.append(subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True))
        try:
            deadline = time.monotonic() + _START_S
            while (folder / "log").read_text().count("Successfully registered with master") < 2:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
            yield address
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=30)
