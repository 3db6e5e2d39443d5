"""Reason texts of recommendations, in English."""

from typing import Final

from shared.entities import InteractionType

_SOON_DAYS: Final = 7
"""Days before the start from which on it is a reason."""


def because(kind: InteractionType, title: str) -> str | None:
    """Reason text such as "because you booked Jazz Night"; None for interaction types without a verb."""
    return f"because you {kind.meaning.verb} {title}" if kind.meaning.verb else None


def starting(days: float) -> str | None:
    """Reason text such as "starts tomorrow", from `Catalog.days_ahead`; None unless within 7 days.

    >>> starting(0.0), starting(1.0), starting(2.0)
    ('starts today', 'starts tomorrow', 'starts in 2 days')
    """
    if not 0 <= days <= _SOON_DAYS:
        return None
    return ("starts today", "starts tomorrow")[int(days)] if days < 2 else f"starts in {days:.0f} days"
