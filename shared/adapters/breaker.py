"""Circuit breaker (Nygard): requests do not wait for a store that is known to hang."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from shared.errors import StoreUnavailable
from shared.ports import CALL_S, has_budget, remaining_s

ENOUGH_S: Final = 2.0
"""Seconds waited in vain after which a store is known to hang: a read takes some 10 ms, a large write some 500 ms."""
PAUSE_S: Final = 3.0
"""Seconds between two calls that try a hanging store."""


class Breaker:
    """Breaker around the calls of one kind to a store; thread-safe.

    The store is known to hang once calls have waited `enough_s` in vain since one succeeded: those that failed in all,
    and the oldest of those that are still waiting. From then on single calls, each of at most `enough_s`, try it;
    all others that work for a request with a time budget fail at once. A call that succeeds ends that. Calls without a
    budget are never refused.

    Parameters
    ----------
    enough_s : seconds waited in vain that are evidence enough.
    pause_s : seconds between such attempts.
    clock : returns seconds of a monotonic clock.
    """

    def __init__(
        self, *, enough_s: float = ENOUGH_S, pause_s: float = PAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._enough_s = enough_s
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[object, float] = {}
        """Start of each call that is still waiting and began after the last success."""
        self._waited_s = 0.0
        self._next_attempt = -math.inf

    @contextmanager
    def call(self, limit_s: float) -> Iterator[float]:
        """Block that calls the store, with the seconds that it may take: at most `limit_s`, and within the budget.

        Raises `StoreUnavailable` at once where the store is known to hang or the budget is used up. In the block
        `StoreUnavailable` means that the call was in vain; any other outcome, an error included, is an answer.
        """
        has_limit = has_budget()
        seconds = remaining_s(min(limit_s, CALL_S) if has_limit else limit_s)
        key = object()
        if self._begin(key, is_refusable=has_limit):
            seconds = min(seconds, self._enough_s)
        try:
            yield seconds
        except StoreUnavailable:
            self._failed(key)
            raise
        except BaseException:
            self._succeeded()
            raise
        self._succeeded()

    def _begin(self, key: object, *, is_refusable: bool) -> bool:
        """Note a call; True if it is one that tries a store which is known to hang."""
        with self._lock:
            now = self._clock()
            is_attempt = is_refusable and self._is_hanging(now)
            if is_attempt:
                if now < self._next_attempt:
                    wait_s = math.ceil(self._next_attempt - now)
                    raise StoreUnavailable("the store is known to hang", retry_after_s=wait_s)
                self._next_attempt = now + self._enough_s + self._pause_s
            self._waiting[key] = now
            return is_attempt

    def _is_hanging(self, now: float) -> bool:
        oldest = min(self._waiting.values(), default=now)
        return self._waited_s + now - oldest >= self._enough_s

    def _failed(self, key: object) -> None:
        with self._lock:
            started = self._waiting.pop(key, None)
            if started is not None:
                self._waited_s += self._clock() - started

    def _succeeded(self) -> None:
        with self._lock:
            self._waited_s = 0.0
            # Those that still wait began before the store was seen to answer: they are no evidence of what follows.
            self._waiting.clear()
