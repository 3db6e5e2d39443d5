"""All signals that the blend may weigh. A new one is a class and a line here."""

from typing import Final

from shared.models.signals.content import (
    DeclaredCategories,
    DeclaredTags,
    Dismissals,
    FollowedTags,
    Follows,
    Similarity,
)
from shared.models.signals.ease import Ease
from shared.models.signals.frequency import Count, Interest, Share
from shared.models.signals.moment import NextOf, Soonness
from shared.models.signals.neighbours import NormalizedSvd
from shared.models.signals.popularity import LikesPerEvent, LikesPerTag, PopularityRank
from shared.models.signals.reach import Budget, Nearness, UsualPrice
from shared.models.signals.ridge import LeaveOneOutRidge
from shared.models.signals.signal import EventSignal, Past, State, UserSignal

SIGNALS: Final[tuple[EventSignal | UserSignal, ...]] = (
    Share("organizer"),
    Share("venue"),
    Share("series"),
    Share("category"),
    Share("subcategory"),
    Share("city"),
    Share("district"),
    Share("block"),
    Share("slot"),
    Share("price_band"),
    Count("organizer"),
    Count("venue"),
    Count("series"),
    Interest(),
    Ease("organizer"),
    Ease("venue"),
    LeaveOneOutRidge(),
    NormalizedSvd(),
    Similarity("tags"),
    Similarity("title"),
    Similarity("text"),
    DeclaredTags(),
    DeclaredCategories(),
    Follows(),
    FollowedTags(),
    Dismissals(),
    Nearness(),
    Budget(),
    UsualPrice(),
    PopularityRank(),
    LikesPerEvent("organizer", damping=3),
    LikesPerEvent("venue", damping=2),
    LikesPerEvent("series", damping=2),
    LikesPerEvent("category", damping=3),
    LikesPerEvent("slot", damping=10, held_only=True),
    LikesPerEvent("hour", damping=10, held_only=True),
    LikesPerTag(),
    Soonness(),
    NextOf("series"),
    NextOf("organizer"),
)

__all__ = ["SIGNALS", "EventSignal", "Past", "State", "UserSignal"]
