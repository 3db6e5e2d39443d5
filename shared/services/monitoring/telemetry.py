"""Telemetry of an instance: figures of the requests that it answers, which it leaves in the bucket now and then.

An instance has a processor only while it answers requests, so it flushes within one. What an instance has not flushed
when it ends is lost: figures of requests are a lower bound.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from shared.entities.provenance import Provenance
from shared.errors import Conflict, MarqueeError
from shared.ports import ObjectStore, remaining_s, time_budget

if TYPE_CHECKING:  # the sketch's library is imported by the first figures that are added up, not by a start
    from shared.monitoring.operations import HourFigures

PARTS: Final = "monitoring/parts/"
"""Folder of the figures that instances flush, until the scheduled job has taken them into the hour's."""
FLUSH_EVERY: Final = timedelta(minutes=10)
"""Time from a flush to the next one of the instance."""
FIRST_AFTER: Final = timedelta(minutes=1)
"""Age of an instance from which it flushes: not in its first requests, but before a quiet one ends."""
FLUSH_S: Final = 1.0
"""Seconds that a flush may take, within what is left of the request's time."""
_FOLDED: Final = 256
"""Samples after which they are added up, so that few lie in memory; that takes a tenth of a millisecond."""
_PENDING: Final = 72
"""Parts that wait for a bucket which does not answer: those of half a day. Of more, the oldest is lost."""
_log = logging.getLogger(__name__)


class Telemetry:
    """Telemetry of this instance; safe to use from several threads.

    Parameters
    ----------
    objects : where parts go.
    clock : gives the current time, aware and in UTC.
    listed : number of documents that list queries have read since the store was opened.
    live : number of events that could be in a list at a time.
    instance : name that no other instance has.
    """

    def __init__(
        self,
        objects: ObjectStore,
        *,
        clock: Callable[[], datetime],
        listed: Callable[[], int],
        live: Callable[[datetime], int],
        instance: str,
    ) -> None:
        self._objects = objects
        self._clock = clock
        self._listed = listed
        self._live = live
        self._instance = instance
        self._samples: deque[tuple[datetime, str, int, float, Provenance | None]] = deque()
        self._hours: dict[datetime, HourFigures] = {}
        self._pending: deque[tuple[str, bytes]] = deque()
        self._parts = 0
        self._reads = 0
        self._due: datetime | None = None
        self._lock = threading.Lock()

    def note(self, operation: str, status: int, seconds: float, provenance: Provenance | None = None) -> None:
        """Note of one answered request, which takes a microsecond.

        Parameters
        ----------
        operation : name of the operation, "" for a path that is none.
        status : HTTP status.
        seconds : time that the answer took.
        provenance : that of the list that was answered, None without one.
        """
        now = self._clock()
        if self._due is None:
            self._due = now + FIRST_AFTER
        # Appending is atomic; adding up is not.
        self._samples.append((now, operation, status, seconds, provenance))
        if len(self._samples) >= _FOLDED and self._lock.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def flush(self) -> None:
        """Flush if it is due; what cannot be stored stays for the next one, and no request fails by it."""
        if self._due is None or self._clock() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            # Without time left it stays due.
            left_s = remaining_s(FLUSH_S)
            self._due = self._clock() + FLUSH_EVERY
            self._seal()
            with time_budget(left_s):
                self._store()
        except MarqueeError as error:
            _log.info(json.dumps({"message": "figures of requests wait for the bucket", "reason": error.for_log()}))
        finally:
            self._lock.release()

    def _fold(self) -> None:
        from shared.monitoring.operations import HourFigures, hour_of

        while self._samples:
            now, operation, status, seconds, provenance = self._samples.popleft()
            hour = hour_of(now)
            if hour not in self._hours:
                self._hours[hour] = HourFigures(hour=hour)
            self._hours[hour].add(operation, status, seconds, provenance)

    def _seal(self) -> None:
        """Make parts of what was noted; from here on their names and contents never change."""
        self._fold()
        listed = self._listed()
        if self._hours:
            latest = self._hours[max(self._hours)]
            latest.reads += listed - self._reads
            latest.live_events = self._live(self._clock())
            self._reads = listed
        for hour, figures in sorted(self._hours.items()):
            self._parts += 1
            name = f"{PARTS}{hour:%Y-%m-%dT%H}/{self._instance}-{self._parts:06}.json"
            self._pending.append((name, json.dumps(figures.to_document()).encode()))
        self._hours.clear()
        while len(self._pending) > _PENDING:
            name, _ = self._pending.popleft()
            _log.warning(json.dumps({"message": "figures of requests are lost", "part": name}))

    def _store(self) -> None:
        while self._pending:
            name, data = self._pending[0]
            # It exists where an earlier attempt stored it and the answer was lost.
            with suppress(Conflict):
                self._objects.write(name, data, generation=0)
            self._pending.popleft()
