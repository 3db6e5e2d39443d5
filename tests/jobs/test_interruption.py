"""Interruption: no signal is lost, whatever code it falls into."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.interruption import interruptible

DEAF = """
import os, signal, sys
try:
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000): pass
except BaseException:
    raise SystemExit("an import was interrupted")
"""
DEADLINE_S = 5.0
TIMES = 60


def interruption(work: Callable[[], object], begin: Callable[[], object] = bool) -> int:
    """Number of the signal that ends work that would go on; 0 where none does. `begin` is called when one can come."""
    until = time.monotonic() + DEADLINE_S
    try:
        with interruptible():
            begin()
            while time.monotonic() < until:
                work()
    except KeyboardInterrupt as interrupt:
        return int(interrupt.args[0])
    return 0


def test_a_signal_waits_for_the_end_of_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deaf_module.py").write_text(DEAF)
    monkeypatch.syspath_prepend(tmp_path)
    assert interruption(lambda: __import__("deaf_module")) == signal.SIGTERM
    assert "deaf_module" in sys.modules
    del sys.modules["deaf_module"]


def test_a_signal_that_compiled_code_drops_comes_again() -> None:
    rng, words = np.random.default_rng(1), ["a word", "another"]
    # `choice` asks whether it was given a number, and takes any exception for a no.
    for number in (signal.SIGINT, signal.SIGTERM) * (TIMES // 2):
        killer = threading.Timer(float(rng.uniform(0.0, 0.004)), os.kill, (os.getpid(), number))
        assert interruption(lambda: [rng.choice(words) for _ in range(100)], killer.start) == number
        killer.join()


def test_code_that_catches_an_interruption_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    alarms = signal.getsignal(signal.SIGALRM)
    with interruptible():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(DEADLINE_S)
        except KeyboardInterrupt:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)  # while the work of before is cleaned up
        time.sleep(0.1)
    assert signal.getsignal(signal.SIGALRM) is alarms
    assert capfd.readouterr().err == ""
