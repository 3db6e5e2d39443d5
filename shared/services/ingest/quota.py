"""Rate limits of senders: quotas in fixed periods, counted by each instance on its own."""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from shared.errors import TooMany

_REMEMBERED: Final = 10_000
"""Senders counted at a time, which bounds memory; the one that sent least recently is dropped."""


class Quota:
    """Rate limiter by sender with fixed periods.

    Parameters
    ----------
    limit : amount that is accepted from a sender in a period; a larger single amount is always refused.
    period : length of a period; periods begin at multiples of it.
    """

    def __init__(self, limit: int, period: timedelta) -> None:
        self._limit = limit
        self._period_s = period.total_seconds()
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[str, int], int] = OrderedDict()

    def take(self, sender: str, amount: int, *, now: datetime) -> None:
        """Debit of `amount` from a sender's quota; raises `TooMany`, counting nothing, when it exceeds the limit."""
        number, since_s = divmod(now.timestamp(), self._period_s)
        key = sender, int(number)
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


class VisitorQuota:
    """Rate limiter of those who need no account, whose ids cost nothing: by network address and in all.

    Parameters
    ----------
    limit : amount that is accepted from an address in a period.
    hosting_limit : amount from all addresses behind Firebase Hosting together, whose address is "".
    instance_limit : amount from all addresses together.
    period : length of a period.
    """

    def __init__(self, limit: int, hosting_limit: int, instance_limit: int, period: timedelta) -> None:
        self._by_address = Quota(limit, period)
        self._of_hosting = Quota(hosting_limit, period)
        self._of_instance = Quota(instance_limit, period)

    def take(self, address: str, amount: int, *, now: datetime) -> None:
        """Debit of `amount` from the quotas of an address; raises `TooMany` when it exceeds one of them."""
        (self._by_address if address else self._of_hosting).take(address, amount, now=now)
        self._of_instance.take("", amount, now=now)
