"""How much one sender may send: a limit for each stretch of time, kept by each instance for itself."""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from shared.errors import TooMany

_REMEMBERED: Final = 10_000


class Quota:
    """Counts what senders send in the current stretch of time.

    Parameters
    ----------
    limit : how much is taken from one sender in a stretch; one that sends more at once than that is refused at once.
    period : length of a stretch; stretches begin at multiples of it.
    """

    def __init__(self, limit: int, period: timedelta) -> None:
        self._limit = limit
        self._period_s = period.total_seconds()
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[str, int], int] = OrderedDict()

    def take(self, sender: str, amount: int, *, now: datetime) -> None:
        """Count `amount` for a sender; raises `TooMany`, counting nothing, when that is beyond the limit."""
        stretch, since_s = divmod(now.timestamp(), self._period_s)
        key = sender, int(stretch)
        with self._lock:
            sent = self._sent.pop(key, 0)
            taken = sent + amount <= self._limit
            self._sent[key] = sent + amount if taken else sent
            if len(self._sent) > _REMEMBERED:
                self._sent.popitem(last=False)
        if not taken:
            wait_s = ceil(self._period_s - since_s)
            raise TooMany(
                f"expected at most {self._limit:,} interactions in {self._period_s / 60:g} minutes, "
                f"got {sent + amount:,}; send the rest in {wait_s} s",
                wait_s,
            )
