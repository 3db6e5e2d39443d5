"""All signals that the blend may weigh. A new one is a class and a line here."""

from typing import Final

import numpy as np

from shared.models.signals.content import DeclaredCategories, DeclaredTags, Follows, Similarity
from shared.models.signals.declared import DeclaredRidge
from shared.models.signals.ease import Ease
from shared.models.signals.frequency import Count, Interest, Rate, Recent, Share
from shared.models.signals.friends import Friends
from shared.models.signals.graph import GraphFilter
from shared.models.signals.moment import Beyond, NextOf, Soonness
from shared.models.signals.neighbours import BANDS, SpectralBand
from shared.models.signals.novelty import Freshness, PassedOver, Unseen
from shared.models.signals.popularity import Likes, LikesPerEvent, PopularityRank
from shared.models.signals.reach import Budget, Nearness
from shared.models.signals.signal import EventSignal, Past, State, UserSignal

SIGNALS: Final[tuple[EventSignal | UserSignal, ...]] = (
    Share("organizer"),
    Share("category"),
    Share("city"),
    Share("block"),
    Share("slot"),
    Count("organizer"),
    Rate("venue", damping=2),
    Recent("organizer"),
    PassedOver("organizer"),
    PassedOver("series"),
    Freshness(),
    Unseen(),
    Likes("rising", half_life_days=3),
    Likes("likes", half_life_days=np.inf),
    Interest(),
    Ease("organizer"),
    *(SpectralBand(band) for band in BANDS),
    GraphFilter(),
    Similarity("tags"),
    Similarity("title"),
    Similarity("text"),
    DeclaredRidge(),
    DeclaredTags(),
    DeclaredCategories(),
    Follows(),
    Friends(),
    Nearness(),
    Budget(),
    PopularityRank(),
    LikesPerEvent("organizer", damping=3),
    Soonness(),
    Beyond(30),
    NextOf("series"),
    NextOf("organizer"),
)

RETIRED: Final = frozenset(
    {
        "beyond_2_days",
        "beyond_7_days",
        "count_series",
        "count_venue",
        "dismissals",
        "ease_venue",
        "followed_tags",
        "liked_category",
        "liked_hour",
        "liked_series",
        "liked_slot",
        "liked_tags",
        "liked_venue",
        "rate_organizer",
        "rate_series",
        "recent_series",
        "ridge",
        "share_district",
        "share_price_band",
        "share_series",
        "share_subcategory",
        "share_venue",
        "usual_price",
    }
)
"""Names that a stored model may still weigh: they are passed over, until the next training replaces that model."""

__all__ = ["RETIRED", "SIGNALS", "EventSignal", "Past", "State", "UserSignal"]
