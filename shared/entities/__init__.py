"""Domain entities: events, users, interactions, rules and experiments, parsed once at the edge and trusted inside."""

from shared.entities.counts import EventCounts
from shared.entities.erasures import Erasures
from shared.entities.event import Event, Status
from shared.entities.experiment import Experiment, Variant
from shared.entities.fields import Location
from shared.entities.interaction import Interaction, Origin
from shared.entities.interaction_type import InteractionType
from shared.entities.keys import Keys, KeySource
from shared.entities.profile import HistoryEntry, Profile, Touchpoint
from shared.entities.rules import Placement, Rules
from shared.entities.user import User, anonymous, is_anonymous

__all__ = [
    "Erasures",
    "Event",
    "EventCounts",
    "Experiment",
    "HistoryEntry",
    "Interaction",
    "InteractionType",
    "KeySource",
    "Keys",
    "Location",
    "Origin",
    "Placement",
    "Profile",
    "Rules",
    "Status",
    "Touchpoint",
    "User",
    "Variant",
    "anonymous",
    "is_anonymous",
]
