"""A process that serves as one without PyTorch does."""

import subprocess
import sys
from typing import Final

_SCRIPT: Final = """
import sys
sys.modules["torch"] = None
from shared.services.training import smoke_test
answer = smoke_test.answer(sys.stdin.buffer.read())
imported = [name for name in sys.modules if name.startswith("shared.deep")]
assert not imported, imported
sys.stdout.buffer.write(answer)
"""


def answer_without_torch(request: bytes) -> bytes:
    """Response of the smoke test's process where PyTorch cannot be imported and nothing of `shared.deep` is."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], input=request, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
