"""Time budget of a benchmark that must end: one deadline for all that it waits for, and how long each part took."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from shared.adapters.objects.timelimit import timed

_WHOLE: Final = "the beginning"


class OutOfTime(Exception):
    """Wait that took longer than it may; the message says for what, and what was outstanding."""


class Budget:
    """Seconds that a benchmark may take.

    Parameters
    ----------
    seconds : time from now to the deadline.
    clock : seconds that only grow.

    Attributes
    ----------
    took_s : seconds that each part took until now, in the order in which they began.
    is_over : whether `enforced` had to interrupt.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.took_s: dict[str, float] = {}
        self.is_over = False
        self._seconds = seconds
        self._clock = clock
        self._deadline = clock() + seconds
        self._part = _WHOLE

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, 0 after it."""
        return max(self._deadline - self._clock(), 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Block whose time is added to that of a part; parts are not nested."""
        self._part, began = name, self._clock()
        self.took_s.setdefault(name, 0.0)
        try:
            yield
        finally:
            self.took_s[name] += self._clock() - began

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Block that SIGTERM interrupts at the deadline, as `jobs/interruption.py` has it, whatever it waits for."""

        def interrupt() -> None:
            self.is_over = True
            os.kill(os.getpid(), signal.SIGTERM)

        with timed(self.left_s, interrupt):
            yield

    def said(self) -> str:
        """Message for when the time is over."""
        return (
            f"{self._seconds:g} s were over during {self._part}, which had taken {self.took_s.get(self._part, 0):.0f} s"
        )

    def shown(self) -> str:
        """Seconds of each part."""
        return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.took_s.items())
