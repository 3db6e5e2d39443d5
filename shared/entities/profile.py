"""User profile at request time: declared preferences and recent history."""

from dataclasses import dataclass
from datetime import datetime

from shared.entities.interaction import Interaction
from shared.entities.interaction_type import InteractionType
from shared.entities.user import User

MAX_HISTORY = 500
MAX_DISMISSED = 2_000
"""Dismissals kept beyond the history, so that an event that a user dismissed stays hidden."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """History entry: a remembered interaction; `event_id` or `organizer_id` may be empty."""

    type: InteractionType
    occurred_at: datetime
    event_id: str = ""
    organizer_id: str = ""
    value: float | None = None

    @classmethod
    def of(cls, interaction: Interaction) -> "HistoryEntry":
        """History entry of an interaction: the fields that scoring needs."""
        return cls(
            interaction.type,
            interaction.occurred_at,
            interaction.event_id,
            interaction.organizer_id,
            interaction.value,
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile of a user at request time: declared preferences and history.

    Attributes
    ----------
    user : the declared profile.
    history : newest first; the newest `MAX_HISTORY` entries and up to `MAX_DISMISSED` older dismissals.
    """

    user: User
    history: tuple[HistoryEntry, ...] = ()
