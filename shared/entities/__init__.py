"""Domain entities: events, users, interactions and rules, parsed once at the edge and trusted inside."""

from shared.entities.counts import EventCounts
from shared.entities.event import Event, Status
from shared.entities.fields import Location
from shared.entities.interaction import Interaction
from shared.entities.interaction_type import InteractionType
from shared.entities.profile import HistoryEntry, Profile
from shared.entities.rules import Placement, Rules
from shared.entities.user import User, anonymous, is_anonymous, pseudonym

__all__ = [
    "Event",
    "EventCounts",
    "HistoryEntry",
    "Interaction",
    "InteractionType",
    "Location",
    "Placement",
    "Profile",
    "Rules",
    "Status",
    "User",
    "anonymous",
    "is_anonymous",
    "pseudonym",
]
