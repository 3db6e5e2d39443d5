"""All signals that the blend may weigh. A new one is a class and a line here."""

from typing import Final

import numpy as np

from shared.models.signals.content import (
    DeclaredCategories,
    DeclaredTags,
    Dismissals,
    FollowedTags,
    Follows,
    Similarity,
)
from shared.models.signals.declared import DeclaredRidge
from shared.models.signals.ease import Ease
from shared.models.signals.frequency import Count, Interest, Rate, Recent, Share
from shared.models.signals.friends import Friends
from shared.models.signals.graph import GraphFilter
from shared.models.signals.moment import Beyond, NextOf, Soonness
from shared.models.signals.neighbours import BANDS, SpectralBand
from shared.models.signals.novelty import Freshness, PassedOver, Unseen
from shared.models.signals.popularity import Likes, LikesPerEvent, LikesPerTag, PopularityRank
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
    Rate("organizer", damping=2),
    Rate("venue", damping=2),
    Rate("series", damping=2),
    Recent("organizer"),
    Recent("series"),
    PassedOver("organizer"),
    PassedOver("series"),
    Freshness(),
    Unseen(),
    Likes("rising", half_life_days=3),
    Likes("likes", half_life_days=np.inf),
    Interest(),
    Ease("organizer"),
    Ease("venue"),
    LeaveOneOutRidge(),
    *(SpectralBand(band) for band in BANDS),
    GraphFilter(),
    Similarity("tags"),
    Similarity("title"),
    Similarity("text"),
    DeclaredRidge(),
    DeclaredTags(),
    DeclaredCategories(),
    Follows(),
    FollowedTags(),
    Friends(),
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
    *(Beyond(days) for days in (2, 7, 30)),
    NextOf("series"),
    NextOf("organizer"),
)

__all__ = ["SIGNALS", "EventSignal", "Past", "State", "UserSignal"]
