"""Rate limits of senders: quotas in fixed periods, counted by each instance on its own."""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from shared.errors import TooMany

MAX_SENDERS: Final = 10_000
"""Senders counted at a time, which bounds memory. Only a sender whose amount is accepted takes the place of another, so
that whoever resets a quota needs as many senders, with a quota each."""


class Quota:
    """Rate limiter by sender with fixed periods.

    Parameters
    ----------
    limit : amount that is accepted from a sender in a period; a larger single amount is always refused.
    period : length of a period; periods begin at multiples of it.
    max_senders : senders counted at a time; the one whose last accepted amount is oldest is dropped.
    """

    def __init__(self, limit: int, period: timedelta, *, max_senders: int = MAX_SENDERS) -> None:
        self._limit = limit
        self._period_s = period.total_seconds()
        self._max_senders = max_senders
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[str, int], int] = OrderedDict()

    def take(self, sender: str, amount: int, *, now: datetime) -> None:
        """Debit of `amount` from a sender's quota; raises `TooMany`, counting nothing, when it exceeds the limit."""
        with self._lock:
            self.check(sender, amount, now=now)
            self.debit(sender, amount, now=now)

    def check(self, sender: str, amount: int, *, now: datetime) -> None:
        """Check that a sender's quota has `amount` left; raises `TooMany` when it has not."""
        wanted = self._sent.get(self._key(sender, now), 0) + amount
        if wanted > self._limit:
            wait_s = ceil(self._period_s - now.timestamp() % self._period_s)
            raise TooMany(
                f"expected at most {self._limit:,} interactions in {self._period_s / 60:g} minutes, "
                f"got {wanted:,}; send the rest in {wait_s} s",
                wait_s,
            )

    def debit(self, sender: str, amount: int, *, now: datetime) -> None:
        """Debit of an amount that was checked, while nobody else takes from this quota."""
        key = self._key(sender, now)
        self._sent[key] = self._sent.pop(key, 0) + amount
        if len(self._sent) > self._max_senders:
            self._sent.popitem(last=False)

    def _key(self, sender: str, now: datetime) -> tuple[str, int]:
        return sender, int(now.timestamp() // self._period_s)


class VisitorQuota:
    """Rate limiter of those who need no account, whose ids cost nothing: by id, by network address and in all.

    Parameters
    ----------
    limit : amount that is accepted from a visitor or anonymous account in a period.
    address_limit : amount from a network address.
    hosting_limit : amount from all addresses behind Firebase Hosting together, whose address is "".
    instance_limit : amount from all addresses together.
    period : length of a period.
    """

    def __init__(
        self, limit: int, address_limit: int, hosting_limit: int, instance_limit: int, period: timedelta
    ) -> None:
        self._lock = threading.Lock()
        # An instance accepts no more senders in a period than interactions, so none is dropped within it.
        self._by_visitor = Quota(limit, period, max_senders=instance_limit)
        self._by_address = Quota(address_limit, period, max_senders=instance_limit)
        self._of_hosting = Quota(hosting_limit, period)
        self._of_instance = Quota(instance_limit, period)

    def take(self, visitor: str, address: str, amount: int, *, now: datetime) -> None:
        """Debit of `amount` from all quotas of a visitor; raises `TooMany`, counting nothing, when it exceeds one."""
        debits = (
            (self._of_instance, ""),
            (self._by_address if address else self._of_hosting, address),
            (self._by_visitor, visitor),
        )
        with self._lock:
            for quota, sender in debits:
                quota.check(sender, amount, now=now)
            for quota, sender in debits:
                quota.debit(sender, amount, now=now)
