"""Engines of digests: a line each, and the function that opens one."""

from importlib import import_module
from typing import Final

from shared.adapters.stores import open_objects
from shared.errors import SettingsError
from shared.ports import Digester

ENGINES: Final = {
    "numpy": "shared.adapters.digesters.arrays",
    "duckdb": "shared.adapters.digesters.duckdb_sql",
    "spark": "shared.adapters.digesters.spark_sql",
}
"""Engines: the module whose `open_digester` opens one, by name. Their packages are optional."""


def open_digester(engine: str, place: str, *, master: str | None = None, memory: str = "2GB") -> Digester:
    """Digester of an engine for the ledger in the object store `place`, `KIND:NAME`; nothing is read before its use.

    Raises `SettingsError` where the engine's package is not installed, with the command that installs it.

    Parameters
    ----------
    master : address of Spark's master; None for that of the environment, such as a Dataproc batch.
    memory : limit of DuckDB's memory, such as `2GB`; what needs more goes to disk.
    """
    module = import_module(ENGINES[engine])
    try:
        digester: Digester = module.open_digester(open_objects(place), place, master=master, memory=memory)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--engine {engine}: expected the package {error.name}, which is not installed; "
            f"run venv/bin/pip install -r requirements-{engine}.txt"
        ) from error
    return digester
