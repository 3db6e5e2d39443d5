"""Free pages go back to the system where the C library can do so."""

import ctypes

import pytest

from shared.services.serving.memory import give_back


def test_a_library_without_the_function_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not give_back()


@pytest.mark.skipif("glibc" not in __import__("platform").libc_ver()[0], reason="only glibc gives pages back")
def test_glibc_gives_pages_back() -> None:
    assert give_back()
