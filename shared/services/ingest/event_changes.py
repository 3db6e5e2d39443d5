"""Change marks of events for serving instances, and dead letters of events that cannot be read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.entities import Event
from shared.errors import InvalidField
from shared.ports import Documents
from shared.services.ingest.dead_letters import dead_letter

_COLLECTION = "events"


def event_changed(
    documents: Documents, event_id: str, data: Mapping[str, Any] | None, *, now: datetime
) -> InvalidField | None:
    """Change mark of an event; returns the error of an unreadable document, None if it is readable or deleted.

    Serving instances read the current document, and hide an event that they cannot read, so the order of changes does
    not matter. An unreadable document is kept as a dead letter until it is readable or deleted.
    """
    problem = None
    if data is not None:
        try:
            Event.read(event_id, data)
        except InvalidField as error:
            problem = error
    documents.events.touch(event_id, now=now)
    letter = dead_letter(_COLLECTION, event_id, data, problem)
    if problem is None:
        documents.dead_letters.remove(letter.key)
    else:
        documents.dead_letters.put(letter, now=now)
    return problem
