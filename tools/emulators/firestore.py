"""Firestore emulator alone, without the rest of the suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.emulators import programs
from tools.emulators.process import free_port, running

MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


@contextmanager
def firestore_emulator(rules: Path | None = None, *, port: int = 0) -> Iterator[str]:
    """Firestore emulator, on a free port for 0; yields "127.0.0.1:PORT". Without `rules`, everything is allowed."""
    port = port or free_port()
    command = [programs.java(), "-cp", str(programs.firestore_jar()), MAIN_CLASS, "start"]
    command += ["--host=127.0.0.1", f"--port={port}"]
    if rules is not None:
        command.append(f"--rules={rules}")
    with running(command, answers=f"http://127.0.0.1:{port}/"):
        yield f"127.0.0.1:{port}"
