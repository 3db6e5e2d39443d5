"""Factories of valid entities for tests, with defaults for every field."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypedDict, Unpack

from shared.entities import Event, Interaction, InteractionType, Location, Origin, Status

NOW: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)


class EventFields(TypedDict, total=False):
    timezone: str
    """Fields of an event besides its id."""

    title: str
    description: str
    category: str
    subcategory: str
    tags: tuple[str, ...]
    organizer_id: str
    venue_id: str
    city: str
    location: Location | None
    starts_at: datetime | None
    ends_at: datetime | None
    price: float | None
    currency: str
    capacity: int | None
    booked: int | None
    status: Status
    image_url: str
    created_at: datetime | None
    updated_at: datetime | None


class InteractionFields(TypedDict, total=False):
    """Fields of an interaction besides its ids, its type and the client's time."""

    event_ids: tuple[str, ...]
    organizer_id: str
    value: float | None
    query: str
    category: str
    text: str
    recorded_at: datetime | None
    session_id: str
    recommendation_id: str
    position: int | None
    anonymous: bool
    origin: Origin


def an_event(event_id: str = "event_1", **fields: Unpack[EventFields]) -> Event:
    """Published event that starts a day after `NOW`."""
    return replace(Event(event_id=event_id, title=event_id.title(), starts_at=NOW + DAY), **fields)


def an_interaction(
    user_id: str = "user_1",
    event_id: str = "event_1",
    kind: InteractionType = InteractionType.BOOKING,
    *,
    interaction_id: str = "",
    occurred_at: datetime = NOW - DAY,
    **fields: Unpack[InteractionFields],
) -> Interaction:
    """Booking made a day before `NOW`, with its deterministic id."""
    interaction = Interaction(
        interaction_id=interaction_id,
        user_id=user_id,
        event_id=event_id,
        type=kind,
        occurred_at=occurred_at,
        **fields,
    )
    return interaction if interaction_id else replace(interaction, interaction_id=interaction.expected_id())


def end_of(event: Event) -> datetime:
    """End of a dated event, written independently of the implementation: three hours or, from midnight UTC, a day."""
    if event.ends_at or not event.starts_at:
        return event.ends_at or datetime.max.replace(tzinfo=UTC)
    is_all_day = event.location is None and event.starts_at.strftime("%H%M%S%f") == "000000000000"
    return event.starts_at + timedelta(hours=24 if is_all_day else 3)
