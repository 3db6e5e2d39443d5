"""User profile at request time: declared preferences and recent history."""

from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Final

from shared.entities.interaction import Interaction
from shared.entities.interaction_type import InteractionType
from shared.entities.user import User

MAX_HISTORY: Final = 500
"""Newest entries of a history, of any type."""

OUTLASTING: Final = {"booking": inf, "attend": inf, "dismiss": inf, "follow": 500}
"""Numbers of older entries by type: what stays taken, dismissed and followed whatever else a user does later."""


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
class Touchpoint:
    """Touchpoint of a user with an event: a remembered act by which a list may earn credit, see `Meaning.leads`.

    Attributes
    ----------
    recommendation_id : id of the list that the act followed from, "" for none or one of another form.
    position : position of the event in that list, None where unknown.
    """

    type: InteractionType
    occurred_at: datetime
    event_id: str
    recommendation_id: str = ""
    position: int | None = None


def is_touchpoint(kind: InteractionType) -> bool:
    """Whether histories keep which list interactions of a type followed from."""
    return kind.meaning.leads or kind.meaning.converts


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile of a user at request time: declared preferences and history.

    Attributes
    ----------
    user : the declared profile.
    history : newest first, one entry for each state; the newest `MAX_HISTORY` entries and of older ones those that
        `OUTLASTING` keeps.
    friends_going : ids of events with the number of mutual friends who go, in order of the ids, see
        `feedback/friends.py`.
    """

    user: User
    history: tuple[HistoryEntry, ...] = ()
    friends_going: tuple[tuple[str, int], ...] = ()
