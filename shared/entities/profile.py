"""User profile at request time: declared preferences and recent history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.entities.interaction import Interaction
from shared.entities.interaction_type import InteractionType
from shared.entities.user import User

MAX_HISTORY: Final = 500
"""Newest entries of a history, of any type."""

MAX_LASTING: Final = {"booking": 1_500, "attend": 500, "dismiss": 2_000, "follow": 500}
"""Older entries of a history by family: what stays taken, hidden and followed whatever else a user does later."""


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
    history : newest first, one entry for each state; the newest `MAX_HISTORY` entries and of older ones those that
        `MAX_LASTING` keeps.
    """

    user: User
    history: tuple[HistoryEntry, ...] = ()
