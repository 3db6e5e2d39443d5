"""Refusals of an adoption."""

from shared.errors import MarqueeError


class AdoptionError(MarqueeError):
    """Adoption error: a host's file cannot be changed safely; the message names it and says what to do."""
