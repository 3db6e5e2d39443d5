"""Skipping of tests whose programs are not installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.emulators.programs import ProgramMissing


@contextmanager
def skipped_when_missing() -> Iterator[None]:
    """Skip the tests that need a missing program, but fail on CI, which must run them all."""
    try:
        yield
    except ProgramMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
