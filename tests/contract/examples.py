"""Example entities of the contract tests: with few fields, or with every field set."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Unpack

from shared.entities import Event, Interaction, InteractionType, Location, Status, User
from tests.examples import EventFields, InteractionFields

NOW = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

FULL_EVENT = Event(
    event_id="Ünïcode event: 1",
    title="Jazz – im Park",
    description="line\nline " * 500,
    category="music",
    subcategory="jazz",
    tags=("jazz", "open air"),
    organizer_id="org_1",
    venue_id="venue_1",
    city="Zürich",
    location=Location(47.37, 8.54),
    starts_at=NOW + DAY,
    ends_at=NOW + DAY + SECOND,
    timezone="Europe/Paris",
    price=12.5,
    currency="CHF",
    capacity=100,
    booked=7,
    status=Status.SOLD_OUT,
    image_url="https://example.org/1.jpg",
    created_at=NOW - DAY,
)
FULL_USER = User(
    user_id="üser:1",
    preferred_categories=("music", "art"),
    preferred_tags=("jazz",),
    max_price=30.0,
    city="Zürich",
    location=Location(47.37, 8.54),
    birth_year=1990,
    gender="f",
    friends=("user_2", "user_3"),
    created_at=NOW - DAY,
    profiling=False,
)
FULL_INTERACTION = Interaction(
    interaction_id="üser:1_event_1_rating",
    user_id="üser:1",
    event_id="event_1",
    organizer_id="org_1",
    type=InteractionType.REVIEW,
    value=4.0,
    text="très bien\n非常精彩",
    category="music",
    query="jazz",
    occurred_at=NOW - SECOND,
    session_id="session_1",
    recommendation_id="recommendation_1",
    position=0,
)


def event(event_id: str, **given: Unpack[EventFields]) -> Event:
    return replace(Event(event_id=event_id, title=event_id, starts_at=NOW + DAY), **given)


def did(
    interaction_id: str,
    *,
    user_id: str = "user_1",
    event_id: str = "event_1",
    kind: InteractionType = InteractionType.VIEW,
    at: datetime = NOW,
    **given: Unpack[InteractionFields],
) -> Interaction:
    return Interaction(
        interaction_id=interaction_id, user_id=user_id, event_id=event_id, type=kind, occurred_at=at, **given
    )
