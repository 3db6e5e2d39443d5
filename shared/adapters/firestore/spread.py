"""Sharded counters of hot events: Firestore sustains about one write a second to a document.

An event is hot for an instance that has counted for it within the last second. All other events keep one document, so
reading counts stays cheap. Any instance may write to any shard, since readers sum all shards.
"""

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

SHARDS: Final = 8
_CALM_S: Final = 1.0
"""Seconds without a count after which an event is not hot, from Firestore's rate of one write a second."""
_REMEMBERED: Final = 10_000
"""Events whose last count an instance remembers, which bounds its memory."""


class Spread:
    """Shard chooser of an instance: tracks the write rate of events, the last 10,000 of them.

    Parameters
    ----------
    clock : monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: OrderedDict[str, float] = OrderedDict()
        self._flagged: OrderedDict[str, None] = OrderedDict()

    def choose(self, event_id: str) -> int:
        """Shard of the event's next write, in 0..7: 0 unless the event is hot, random otherwise."""
        now = self._clock()
        with self._lock:
            before = self._last.pop(event_id, None)
            self._last[event_id] = now
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        return random.randrange(SHARDS) if before is not None and now - before < _CALM_S else 0

    def needs_flag(self, event_id: str, shard: int) -> bool:
        """Missing spread flag: True if readers may not know yet that this event has other shards than 0."""
        with self._lock:
            return shard != 0 and event_id not in self._flagged

    def mark_flagged(self, event_id: str) -> None:
        """Record that the event's spread flag was written for readers."""
        with self._lock:
            self._flagged[event_id] = None
            if len(self._flagged) > _REMEMBERED:
                self._flagged.popitem(last=False)


def name_of(event_id: str, shard: int) -> str:
    """Document id of a shard of an event's counts; a hash keeps it apart from the ids of all other events."""
    return event_id if shard == 0 else f"{blake2b(event_id.encode(), digest_size=16).hexdigest()}~{shard}"
