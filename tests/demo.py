"""The demo as a process."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.emulators.programs import ROOT


@contextmanager
def demo(scratch: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo's process and URL; its temporary files go below `scratch`."""
    command = [sys.executable, "-m", "jobs.demo", "--port", "0"]
    environ = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            said = ""
            for line in process.stderr:
                said += line
                if found := re.search(r"serving (http://localhost:\d+)", line):
                    yield process, found[1]
                    break
            else:
                pytest.fail(f"the demo ended with status {process.wait()}; it said: {said}")
        finally:
            process.kill()
