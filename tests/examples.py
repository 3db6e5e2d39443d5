"""Factories of valid entities for tests, with defaults for every field."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.entities import Event, Interaction, InteractionType

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def an_event(event_id: str = "event_1", **fields: Any) -> Event:
    """Published event that starts a day after `NOW`."""
    return Event(**{"event_id": event_id, "title": event_id.title(), "starts_at": NOW + DAY} | fields)


def an_interaction(
    user_id: str = "user_1",
    event_id: str = "event_1",
    kind: InteractionType = InteractionType.BOOKING,
    **fields: Any,
) -> Interaction:
    """Booking made a day before `NOW`, with its deterministic id."""
    given = {"interaction_id": "", "user_id": user_id, "event_id": event_id, "type": kind, "occurred_at": NOW - DAY}
    interaction = Interaction(**given | fields)
    if interaction.interaction_id:
        return interaction
    return Interaction(**given | fields | {"interaction_id": interaction.expected_id()})
