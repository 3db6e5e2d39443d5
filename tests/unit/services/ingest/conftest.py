"""Fixtures of the ingestion tests."""

import pytest

from shared.ports import Documents
from tests.stores import documents


@pytest.fixture
def store() -> Documents:
    """Empty document store in memory."""
    return documents()
