"""Standalone Spark cluster of two workers on this machine, for tests and benchmarks of the engine."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tools.emulators.process import free_port, process_group

_WORKERS: Final = 2
_START_S: Final = 120.0
_MASTER: Final = "org.apache.spark.deploy.master.Master"
_WORKER: Final = "org.apache.spark.deploy.worker.Worker"
_HOST: Final = ("--host", "127.0.0.1", "--webui-port", "0")


def programs() -> Path | None:
    """Folder of Spark's programs, that of the package pyspark; None where it is not installed."""
    found = find_spec("pyspark")
    return Path(found.origin).parent if found and found.origin else None


@contextmanager
def cluster(*, memory: str = "1g") -> Iterator[str]:
    """Address of the master, while the cluster runs; each worker has a core.

    Raises `TimeoutError` with what the programs said where they do not start.

    Parameters
    ----------
    memory : memory of each worker, in Spark's words.
    """
    spark, port = programs(), free_port()
    if spark is None:
        raise ModuleNotFoundError("pyspark", name="pyspark")
    address = f"spark://127.0.0.1:{port}"
    environ = os.environ | {"SPARK_HOME": str(spark), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    with tempfile.TemporaryDirectory(prefix="marquee-spark-") as folder, ExitStack() as stack:
        log = Path(folder) / "log"
        said = stack.enter_context(log.open("wb"))
        worker = [_WORKER, *_HOST, "--cores", "1", "--memory", memory, "--work-dir", folder, address]
        for words in ([_MASTER, *_HOST, "--port", str(port)], *[worker] * _WORKERS):
            command = [str(spark / "bin" / "spark-class"), *words]
            stack.enter_context(process_group(command, env=environ, stdout=said, stderr=subprocess.STDOUT))
        deadline = time.monotonic() + _START_S
        while log.read_text().count("Successfully registered with master") < _WORKERS:
            if time.monotonic() > deadline:
                raise TimeoutError(log.read_text())
            time.sleep(0.2)
        yield address
