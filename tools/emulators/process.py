"""Child processes, each in its own session, that end with their block or with this process, however that ends."""

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


class NotAnswering(RuntimeError):
    """Server that has ended, or that gives no answer in time; the message has the end of what it said."""


_START_S = 120.0
_STOP_S = 10.0
# The shell becomes the command. Its pipe ends when this process does, even by SIGKILL; then the watchdog, which is in
# the group of the command but no child of it, ends the group within ten seconds. PR_SET_PDEATHSIG would need a
# preexec_fn, which is unsafe beside the threads of gRPC, and would reach neither children nor macOS.
_WATCHED = """
exec 3<&0 </dev/null
(
  (
    read -r _ <&3
    trap '' TERM
    kill -TERM 0
    tenths=0
    while kill -0 $$ && [ $tenths -lt 100 ]; do
      sleep 0.1
      tenths=$((tenths + 1))
    done
    kill -KILL 0
  ) >/dev/null 2>&1 &
)
exec "$@" 3<&-
"""


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


def busy_ports(ports: Mapping[str, int]) -> list[str]:
    """Names of the ports of 127.0.0.1 that another program listens at."""
    busy = []
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                busy.append(name)
    return busy


@contextmanager
def process_group(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Process of a block, in its own session: it ends with the block, and so does everything in its process group.

    If this process is killed, so that the block never ends, a watchdog ends the group. A program that does not exist
    gives exit status 127.

    Parameters
    ----------
    command : the program and its arguments.
    cwd, env : the working folder and the environment of the process, its parent's for None.
    stdout, stderr : as for `subprocess.Popen`. Do not call `communicate`: it closes the pipe to the watchdog.
    """
    process = subprocess.Popen(
        ["/bin/sh", "-c", _WATCHED, "sh", *command],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        cwd=cwd,
        env=env,
    )
    try:
        yield process
    finally:
        _end(process)


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
    """Server process of a block: `command` runs until the block ends, see `process_group`.

    What it has started in other groups, as the Firebase CLI starts emulators, ends as well, also if it never answers.

    Parameters
    ----------
    command : the program and its arguments.
    answers : URL that is requested until it gives any HTTP status; then the block begins.
    success : wait for a status below 400 instead.
    patience_s : seconds that a request may take.
    cwd, env : the working folder and the environment of the process, its parent's for None.

    Raises `NotAnswering`.
    """
    groups: set[int] = set()
    try:
        with (
            tempfile.TemporaryFile() as log,
            process_group(command, cwd=cwd, env=env, stdout=log, stderr=subprocess.STDOUT) as process,
        ):
            try:
                give_up = time.monotonic() + _START_S
                while not _is_answering(answers, success=success, patience_s=patience_s):
                    if process.poll() is not None or time.monotonic() > give_up:
                        log.seek(0)
                        said = log.read().decode(errors="replace")[-2_000:]
                        raise NotAnswering(
                            f"{command!r} does not answer at {answers}; exit status {process.poll()}; it said: {said}"
                        )
                    time.sleep(0.05)
                # Known now, so that they end even if the process dies first, which would leave them to nobody.
                groups |= _groups_below(process.pid)
                yield
            finally:
                groups |= _groups_below(process.pid)
    finally:
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def _groups_below(leader: int) -> set[int]:
    """Process groups, other than its own, that the processes which descend from a group's leader have made."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True, check=True).stdout
    parents, groups = {}, {}
    for line in table.splitlines():
        process, parents[process], groups[process] = map(int, line.split())
    below = {leader}
    while found := {process for process, parent in parents.items() if parent in below} - below:
        below |= found
    return {groups[process] for process in below if process in groups} - {leader, os.getpgrp()}


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
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
