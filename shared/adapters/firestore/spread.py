"""Sharded counters of hot events: Firestore sustains about one write a second to a document.

An event is hot for an instance that has counted for it within the last second. All other events keep one document, so
reading counts stays cheap. Any instance may write to any shard, since readers sum all shards.
"""

import math
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final

LEVELS: Final = (1, 8, 64)
"""Numbers of shards: of an event that is not hot, of a hot one, and of one that is hotter than 8 shards take."""
FLAGS: Final = ("", "spread", "wide")
"""Fields of shard 0 that tell readers of each level. None takes back another, since instances judge for themselves."""
_CALM_S: Final = 1.0
"""Seconds without a count after which an event is not hot, from Firestore's rate of one write a second."""
_WIDE_FROM: Final = 4.0
"""Counts a second by one instance from which an event needs the most shards: two such instances fill eight."""
_PACE_S: Final = 10.0
"""Time constant of the rate of counts, seconds: a burst of some bookings does not make an event wide for ever."""
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
        self._last: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Time of the last count of an event, and its rate then: counts a second, exponentially smoothed."""
        self._flagged: OrderedDict[str, int] = OrderedDict()

    def choose(self, event_id: str) -> int:
        """Shard of the event's next write: 0 unless the event is hot, a random one of its level otherwise."""
        now = self._clock()
        with self._lock:
            last, rate = self._last.pop(event_id, (-math.inf, 0.0))
            rate = rate * math.exp((last - now) / _PACE_S) + 1 / _PACE_S
            self._last[event_id] = now, rate
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        if now - last >= _CALM_S:
            return 0
        return random.randrange(LEVELS[1 if rate < _WIDE_FROM else 2])

    def missing_level(self, event_id: str, shard: int) -> int:
        """Level, a place in `FLAGS`, of which readers may not know yet that this event has it; 0 for none."""
        level = next(number for number, shards in enumerate(LEVELS) if shard < shards)
        with self._lock:
            return level if level > self._flagged.get(event_id, 0) else 0

    def mark_flagged(self, event_id: str, level: int) -> None:
        """Record that the event's flag of a level was written for readers."""
        with self._lock:
            self._flagged[event_id] = max(level, self._flagged.get(event_id, 0))
            if len(self._flagged) > _REMEMBERED:
                self._flagged.popitem(last=False)


def shards_of(first: Mapping[str, object]) -> range:
    """Shards that readers read beside shard 0, of which they have the document `first`.

    >>> shards_of({"spread": True})
    range(1, 8)
    """
    return range(1, max(shards for shards, flag in zip(LEVELS, FLAGS, strict=True) if not flag or first.get(flag)))


def name_of(event_id: str, shard: int) -> str:
    """Document id of a shard of an event's counts; a hash keeps it apart from the ids of all other events."""
    return event_id if shard == 0 else f"{blake2b(event_id.encode(), digest_size=16).hexdigest()}~{shard}"
