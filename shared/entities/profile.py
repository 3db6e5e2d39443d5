"""What is known of one user when a request comes in: the declared profile and what they did lately."""

from dataclasses import dataclass
from datetime import datetime

from shared.entities.interaction import Interaction
from shared.entities.interaction_type import InteractionType
from shared.entities.user import User

MAX_HISTORY = 500
MAX_DISMISSED = 2_000
"""Dismissals older than the history, which stay so that what somebody hid stays hidden."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One remembered interaction; `event_id` or `organizer_id` may be empty."""

    type: InteractionType
    occurred_at: datetime
    event_id: str = ""
    organizer_id: str = ""
    value: float | None = None

    @classmethod
    def of(cls, interaction: Interaction) -> "HistoryEntry":
        """The part of an interaction that scoring needs."""
        return cls(
            interaction.type,
            interaction.occurred_at,
            interaction.event_id,
            interaction.organizer_id,
            interaction.value,
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """A user at request time.

    Attributes
    ----------
    history : newest first, the newest `MAX_HISTORY` entries and up to `MAX_DISMISSED` older dismissals.
    """

    user: User
    history: tuple[HistoryEntry, ...] = ()
