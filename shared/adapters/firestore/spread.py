"""Spreads what is counted for a hot event over several documents, since Firestore takes about one write a second each.

An event is hot for an instance that has counted for it within the last second. All others keep one document, which is
what makes reading counts cheap. Who counts where does not matter, for sums of all documents are what is read.
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
_REMEMBERED: Final = 10_000


class Spread:
    """What one instance knows of the heat of events.

    Parameters
    ----------
    clock : seconds of a clock that only goes forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: OrderedDict[str, float] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()

    def choose(self, event_id: str) -> int:
        """The shard to count in now: 0 unless the event is hot."""
        now = self._clock()
        with self._lock:
            before = self._last.pop(event_id, None)
            self._last[event_id] = now
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        return random.randrange(SHARDS) if before is not None and now - before < _CALM_S else 0

    def is_untold(self, event_id: str, shard: int) -> bool:
        """Whether readers may not know yet that this event has other shards than 0."""
        with self._lock:
            return shard != 0 and event_id not in self._told

    def told(self, event_id: str) -> None:
        """Remember that readers were told."""
        with self._lock:
            self._told[event_id] = None
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)


def name_of(event_id: str, shard: int) -> str:
    """The id of the document that holds a shard of an event's counts; no other event's, whatever its id is."""
    return event_id if shard == 0 else f"{blake2b(event_id.encode(), digest_size=16).hexdigest()}~{shard}"
