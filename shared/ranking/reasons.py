"""Says in words why an event is in a list, from what really moved its score."""

from datetime import datetime, timedelta

from shared.entities import InteractionType

_SOON = timedelta(days=7)


def because(kind: InteractionType, title: str) -> str | None:
    """A sentence such as "because you booked Jazz Night"; None for types that speak for nothing."""
    return f"because you {kind.meaning.verb} {title}" if kind.meaning.verb else None


def starting(starts_at: datetime | None, now: datetime) -> str | None:
    """A phrase such as "starts tomorrow" or "starts in 3 days", of 24 hours each; None when it is not soon."""
    if starts_at is None or not now < starts_at <= now + _SOON:
        return None
    days = (starts_at - now).days
    return ("starts within a day", "starts tomorrow")[days] if days < 2 else f"starts in {days} days"
