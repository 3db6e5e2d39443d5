"""fake-gcs-server, which keeps Cloud Storage's generation preconditions on uploads."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.emulators import programs
from tests.emulators.process import free_port, running


@contextmanager
def storage_emulator() -> Iterator[str]:
    """Run it in memory on a free port and yield "http://127.0.0.1:PORT"."""
    port = free_port()
    place = f"127.0.0.1:{port}"
    command = [str(programs.storage_binary()), "-scheme", "http", "-backend", "memory"]
    command += ["-host", "127.0.0.1", "-port", str(port), "-public-host", place, "-log-level", "error"]
    with running(command, answers=f"http://{place}/storage/v1/b?project=any"):
        yield f"http://{place}"
