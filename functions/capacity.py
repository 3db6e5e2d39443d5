"""Capacity for operations that need a store: a share of the threads, so that lists and health have some left."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from shared.errors import StoreUnavailable
from shared.ports import remaining_s

WAIT_S: Final = 1.0
"""Seconds without any progress after which nobody waits for a place: writes take some 50 ms."""


class Capacity:
    """Limit of calls at once; a further call waits as long as others begin or end within `wait_s`.

    Parameters
    ----------
    places : calls at once.
    wait_s : seconds without any call that begins or ends after which further calls are refused.
    clock : returns seconds of a monotonic clock.
    """

    def __init__(self, places: int, *, wait_s: float = WAIT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = places
        self._wait_s = wait_s
        self._clock = clock
        self._moved = clock()
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Block that holds a place; raises `StoreUnavailable` when none gets free in time."""
        with self._changed:
            while not self._free:
                wait_s = remaining_s(self._moved + self._wait_s - self._clock())
                if wait_s <= 0:
                    raise StoreUnavailable("all places for calls that need a store are taken by calls that wait for it")
                self._changed.wait(wait_s)
            self._free -= 1
            self._moved = self._clock()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._moved = self._clock()
                self._changed.notify()
