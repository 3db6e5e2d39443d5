"""Fixtures of the attacks."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def deaf_host() -> Iterator[str]:
    """Address of a server that accepts connections and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(128)
        yield f"127.0.0.1:{silent.getsockname()[1]}"
