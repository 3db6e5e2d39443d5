"""Reason texts of recommendations, in English."""

from datetime import datetime, timedelta

from shared.entities import InteractionType

_SOON = timedelta(days=7)
"""Time before the start from which on it is a reason."""


def because(kind: InteractionType, title: str) -> str | None:
    """Reason text such as "because you booked Jazz Night"; None for interaction types without a verb."""
    return f"because you {kind.meaning.verb} {title}" if kind.meaning.verb else None


def starting(starts_at: datetime | None, now: datetime) -> str | None:
    """Reason text such as "starts tomorrow" or "starts in 3 days", in days of 24 hours; None unless within 7 days."""
    if starts_at is None or not now < starts_at <= now + _SOON:
        return None
    days = (starts_at - now).days
    return ("starts within a day", "starts tomorrow")[days] if days < 2 else f"starts in {days} days"
