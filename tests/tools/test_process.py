import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tools.emulators import process
from tools.emulators.process import NotAnswering, free_port, process_group, running
from tools.emulators.programs import ROOT

PATIENCE_S = 15.0

on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc to see other processes")


def is_running(process_id: int) -> bool:
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def ends(process_id: int) -> bool:
    """Process has ended, or ends within some seconds."""
    give_up = time.monotonic() + PATIENCE_S
    while is_running(process_id) and time.monotonic() < give_up:
        time.sleep(0.01)
    return not is_running(process_id)


@on_linux
def test_a_server_answers_within_the_block_and_ends_with_its_children(tmp_path: Path) -> None:
    port, children = free_port(), tmp_path / "children"
    server = f"exec '{sys.executable}' -m http.server --bind 127.0.0.1 {port}"
    script = f"(trap '' TERM; exec sleep 600) & echo $! > '{children}'; {server}"
    with running(["sh", "-c", script], answers=f"http://127.0.0.1:{port}/nothing"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        child = int(children.read_text())
        assert is_running(child)
        assert os.getpgid(child) != os.getpgid(0)
    assert ends(child)


PARENT = """
import os, signal, sys
from tools.emulators.process import process_group

# Tests that nohup runs would pass on that they ignore it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with process_group(["sh", "-c", sys.argv[1]]) as process:
    print(process.pid, flush=True)
    os.read(0, 1)
"""


@on_linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_process_and_its_children_end_with_a_parent_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    children = tmp_path / "children"
    script = f"(trap '' TERM; exec sleep 600) & echo $! > '{children}'; exec sleep 600"
    command = [sys.executable, "-c", PARENT, script]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        leader = int(parent.stdout.readline())
        while not children.exists() or not children.read_text().strip():
            time.sleep(0.01)
        child = int(children.read_text())
        assert is_running(leader)
        assert is_running(child)
        parent.send_signal(number)
        assert parent.wait(PATIENCE_S) == -number
        assert ends(leader)
        assert ends(child)


@on_linux
def test_a_process_has_its_own_id_output_and_status_and_no_watchdog_among_its_children() -> None:
    script = "echo $$; read -r children < /proc/$$/task/$$/children; echo $children; exit 7"
    with process_group(["bash", "-c", script], stdout=subprocess.PIPE) as started:
        assert started.stdout
        assert started.stdout.read().split() == [str(started.pid).encode()]
        assert started.wait() == 7


def test_a_program_that_does_not_exist_gives_status_127() -> None:
    with process_group(["no-such-program"], stderr=subprocess.DEVNULL) as started:
        assert started.wait() == 127


def test_the_output_of_a_server_that_exits_at_once_is_quoted() -> None:
    with (
        pytest.raises(RuntimeError, match=r"exit status 3; it said: no port for me"),
        running(["sh", "-c", "echo no port for me; exit 3"], answers=f"http://127.0.0.1:{free_port()}/"),
    ):
        pass


@on_linux
@pytest.mark.parametrize("is_answering", [False, True])
def test_what_a_server_starts_in_a_session_of_its_own_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_answering: bool
) -> None:
    child, port = tmp_path / "child", free_port()
    serve = f"exec {sys.executable} -m http.server {port}" if is_answering else "exec sleep 600"
    script = f"setsid sh -c 'echo $$ > {child}; exec sleep 600' & {serve}"
    if not is_answering:
        monkeypatch.setattr(process, "_START_S", 1.0)
    with suppress(NotAnswering), running(["sh", "-c", script], answers=f"http://127.0.0.1:{port}/"):
        assert is_answering
        while not child.exists() or not child.read_text().strip():
            time.sleep(0.01)
        assert is_running(int(child.read_text()))
    assert ends(int(child.read_text()))


@on_linux
def test_what_a_server_starts_ends_though_the_server_died_first(tmp_path: Path) -> None:
    child, port = tmp_path / "child", free_port()
    script = f"setsid sh -c 'echo $$ > {child}; exec sleep 600' & while [ ! -s {child} ]; do :; done; "
    script += f"echo $$ > {tmp_path}/leader; exec {sys.executable} -m http.server {port}"
    with running(["sh", "-c", script], answers=f"http://127.0.0.1:{port}/"):
        os.kill(int((tmp_path / "leader").read_text()), signal.SIGKILL)
    assert ends(int(child.read_text()))
