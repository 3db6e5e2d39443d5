"""Entities for tests: valid ones, of which a test names only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.entities import Event, Interaction, InteractionType

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def an_event(event_id: str = "event_1", **fields: Any) -> Event:
    """A published event that starts a day after `NOW`."""
    return Event(**{"event_id": event_id, "title": event_id.title(), "starts_at": NOW + DAY} | fields)


def an_interaction(
    user_id: str = "user_1",
    event_id: str = "event_1",
    kind: InteractionType = InteractionType.BOOKING,
    **fields: Any,
) -> Interaction:
    """A booking made a day before `NOW`, with the id that the services would give it."""
    given = {"interaction_id": "", "user_id": user_id, "event_id": event_id, "type": kind, "occurred_at": NOW - DAY}
    one = Interaction(**given | fields)
    return one if one.interaction_id else Interaction(**given | fields | {"interaction_id": one.expected_id()})
