"""Expiry of interactions that are older than the store keeps them."""

from datetime import datetime
from typing import Final

from shared.feedback.retention import kept_since
from shared.ports import PersonalData

MAX_EXPIRED: Final = 20_000
"""Interactions that expire in a run at most; the next run goes on."""


def expire(personal: PersonalData, *, keep_days: int | None, now: datetime) -> int:
    """Expiry of interactions that occurred more than `keep_days` days ago, oldest first; returns their number.

    For None nothing expires but what visitors did, see `PersonalData.expire`.
    """
    return personal.expire(kept_since(keep_days, now), limit=MAX_EXPIRED, now=now)
