"""Tells the serving instances that an event changed, and people when its document cannot be read."""

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
    """Note a change of an event; returns why its document cannot be read, None when it can or is no more.

    Instances read the document as it is by then, and do not show what they cannot read, so nothing depends on the
    order of changes. A document that cannot be read is kept as a dead letter until it can.
    """
    problem = None
    if data is not None:
        try:
            Event.from_document(event_id, data)
        except InvalidField as error:
            problem = error
    documents.events.touch(event_id, now=now)
    letter = dead_letter(_COLLECTION, event_id, data, problem)
    if problem is None:
        documents.dead_letters.remove(letter.key)
    else:
        documents.dead_letters.put(letter, now=now)
    return problem
