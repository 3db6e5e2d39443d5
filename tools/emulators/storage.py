"""Cloud Storage emulator: fake-gcs-server, which supports generation preconditions on uploads."""

from collections.abc import Iterator
from contextlib import contextmanager

from tools.emulators import programs
from tools.emulators.process import free_port, running


@contextmanager
def storage_emulator() -> Iterator[str]:
    """Cloud Storage emulator in memory on a free port; yields "http://127.0.0.1:PORT"."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [str(programs.storage_binary()), "-scheme", "http", "-backend", "memory"]
    command += ["-host", "127.0.0.1", "-port", str(port), "-public-host", address, "-log-level", "error"]
    with running(command, answers=f"http://{address}/storage/v1/b?project=any"):
        yield f"http://{address}"
