"""Extra `deep`: whether the packages of `requirements-deep.txt` are installed, and what to do where they are not."""

from importlib.util import find_spec
from typing import Final

HOW_TO_INSTALL: Final = "venv/bin/pip install --require-hashes -r requirements-deep.txt"
"""Command that installs the extra."""


def is_installed() -> bool:
    """Whether PyTorch is installed; it is not imported to find out, which would take two seconds."""
    return find_spec("torch") is not None
