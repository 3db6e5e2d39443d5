"""Registry of signals: every feature that the blend may weigh. To add a signal, write a class and a line here."""

from typing import Final

import numpy as np

from shared.signals.affinity import Interest, Rate, Recent, Share
from shared.signals.content import DeclaredCategories, DeclaredTags, Follows, Meaning, Similarity
from shared.signals.demographics import DeclaredRidge
from shared.signals.distance_price import Budget, Nearness
from shared.signals.friends import FriendsGoing
from shared.signals.item_graph import EventGraph, ValueGraph
from shared.signals.novelty import Freshness, PassedOver, Unseen
from shared.signals.popularity import Likes, LikesPerEvent, NewcomersPerEvent, PopularityRank
from shared.signals.signal import EventSignal, UserSignal
from shared.signals.spectral import Spectral
from shared.signals.time_to_start import Beyond, NextOf, Soonness
from shared.signals.towers import Towers

SIGNALS: Final[tuple[EventSignal | UserSignal, ...]] = (
    Share("organizer"),
    Share("category"),
    Share("city"),
    Share("block"),
    Share("slot"),
    Rate("venue", damping=2),
    Recent("organizer"),
    PassedOver("organizer"),
    Freshness(),
    Unseen(),
    Likes("rising", half_life_days=3),
    Likes("likes", half_life_days=np.inf),
    Interest(),
    Spectral(),
    EventGraph(),
    ValueGraph("organizer"),
    ValueGraph("venue"),
    Similarity("tags"),
    Similarity("title"),
    Meaning(),
    DeclaredRidge(),
    DeclaredTags(),
    DeclaredCategories(),
    Follows(),
    FriendsGoing(),
    Nearness(),
    Budget(),
    PopularityRank(),
    LikesPerEvent("organizer", damping=3, may_be_negative=True),
    NewcomersPerEvent("organizer", damping=3),
    LikesPerEvent("slot", damping=10, past_only=True),
    Soonness(),
    Beyond(30),
    NextOf("series"),
    NextOf("organizer"),
    Towers(),
)

RETIRED: Final = frozenset(
    {
        "beyond_2_days",
        "beyond_7_days",
        "count_organizer",
        "count_series",
        "count_venue",
        "dismissals",
        "ease_organizer",
        "ease_venue",
        "followed_tags",
        "friends",
        "liked_category",
        "liked_hour",
        "liked_series",
        "liked_tags",
        "liked_venue",
        "neighbours_256",
        "neighbours_64",
        "neighbours_768",
        "passed_series",
        "rate_organizer",
        "rate_series",
        "recent_series",
        "ridge",
        "share_district",
        "share_price_band",
        "share_series",
        "share_subcategory",
        "share_venue",
        "similar_text",
        "usual_price",
    }
)
"""Names of removed signals that a stored model may still weigh: ignored until the next training replaces the model."""
