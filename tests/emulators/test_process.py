import os
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.emulators.process import free_port, running


def is_running(process_id: int) -> bool:
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc to see other processes")
def test_a_server_answers_within_the_block_and_ends_with_its_children(tmp_path: Path) -> None:
    port, children = free_port(), tmp_path / "children"
    server = f"exec '{sys.executable}' -m http.server --bind 127.0.0.1 {port}"
    script = f"(trap '' TERM; exec sleep 600) & echo $! > '{children}'; {server}"
    with running(["sh", "-c", script], answers=f"http://127.0.0.1:{port}/nothing"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        child = int(children.read_text())
        assert is_running(child)
        assert os.getpgid(child) != os.getpgid(0)
    give_up = time.monotonic() + 5
    while is_running(child) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not is_running(child)


def test_the_output_of_a_server_that_exits_at_once_is_quoted() -> None:
    with (
        pytest.raises(RuntimeError, match=r"exit status 3; it said: no port for me"),
        running(["sh", "-c", "echo no port for me; exit 3"], answers=f"http://127.0.0.1:{free_port()}/"),
    ):
        pass
