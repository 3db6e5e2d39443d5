"""Server processes, each in its own session, from the first response to the end of the process group."""

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

_START_S = 120.0
_STOP_S = 10.0


def free_port() -> int:
    """Free port of 127.0.0.1."""
    [port] = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Distinct free ports of 127.0.0.1."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def running(
    command: Sequence[str],
    *,
    answers: str,
    success: bool = False,
    patience_s: float = 1.0,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Server process of a block: `command` runs until the block ends.

    Parameters
    ----------
    command : the program and its arguments.
    answers : URL that is requested until it gives any HTTP status; then the block begins.
    success : wait for a status below 400 instead.
    patience_s : seconds that a request may take.
    cwd, env : the working folder and the environment of the process, its parent's for None.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
            env=env,
        )
        try:
            _wait(process, answers, log, success=success, patience_s=patience_s)
            yield
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: IO[bytes], *, success: bool, patience_s: float) -> None:
    give_up = time.monotonic() + _START_S
    while not _is_answering(url, success=success, patience_s=patience_s):
        if process.poll() is not None or time.monotonic() > give_up:
            log.seek(0)
            said = log.read().decode(errors="replace")[-2_000:]
            raise RuntimeError(
                f"{process.args!r} does not answer at {url}; exit status {process.poll()}; it said: {said}"
            )
        time.sleep(0.05)


def _is_answering(url: str, *, success: bool, patience_s: float) -> bool:
    try:
        urllib.request.urlopen(url, timeout=patience_s).close()  # noqa: S310  # a server on this machine
    except urllib.error.HTTPError as error:
        error.close()
        return not success
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    # The process group outlives its leader if the leader left children behind.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
