"""Subprocesses: a module of this program, run in a process of its own."""

import sys
from pathlib import Path
from typing import Final

from shared.errors import ArtifactError

_ROOT: Final = Path(__file__).parents[2]
_TIMEOUT_S: Final = 300.0
_SHOWN: Final = 500
"""Characters of the process's last error output in the error message."""


def run_smoke_test(request: bytes) -> bytes:
    """Smoke test in a fresh process, `python -m shared.services.training.smoke_test`: its answers as bytes.

    Raises `ArtifactError` when it fails or takes more than 300 s.
    """
    # Imported here because every instance imports this module and few train.
    import subprocess

    command = [sys.executable, "-m", "shared.services.training.smoke_test"]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, and nothing of the request is in the command
            command, cwd=_ROOT, input=request, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"{' '.join(command[1:])}: no answer within {_TIMEOUT_S:g} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace")[-_SHOWN:]
        raise ArtifactError(f"{' '.join(command[1:])}: ended with status {done.returncode}: {said}")
    return done.stdout
