"""Demo server as a subprocess, for tests."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tools.emulators.programs import ROOT

SMALL: Final = ("--port", "0", "--users", "99", "--events", "50", "--interactions", "467")
"""Options of a demo that is soon ready."""


@contextmanager
def demo(
    scratch: Path, options: Sequence[str] = SMALL, *, module: str = "jobs.demo"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Demo server process and its URL; its temporary files are written below `scratch`."""
    command = [sys.executable, "-m", module, *options]
    environ = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            output = ""
            for line in process.stderr:
                output += line
                if found := re.search(r"serving (http://localhost:\d+)", line):
                    # A server whose log nobody reads stops when the pipe is full.
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    yield process, found[1]
                    break
            else:
                pytest.fail(f"the demo ended with status {process.wait()}; its output: {output}")
        finally:
            process.kill()
