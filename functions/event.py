"""The Firestore function: each event that was written, or deleted, reaches the serving instances at their next look."""

import json
import logging

from cloudevents.http import CloudEvent

from functions.wiring import services
from shared.adapters.cloudevent import changed_document
from shared.errors import InvalidField
from shared.services.ingest.event_changes import event_changed

_log = logging.getLogger(__name__)


def event(event: CloudEvent) -> None:
    """Note that an event changed; delivered twice or out of order, it is looked at once more.

    What is no event's change can never be used, so it is logged and acknowledged; only a failing store raises, for a
    retry to mend.
    """
    try:
        change = changed_document(event.data)
    except InvalidField as error:
        _log.error(json.dumps({"message": "change of an event refused", "event": event["id"], "reason": str(error)}))
        return
    wired = services()
    problem = event_changed(wired.documents, change.document_id, change.fields, now=wired.now())
    if problem is None:
        _log.info(json.dumps({"message": "event changed", "event_id": change.document_id}))
    else:
        _log.error(
            json.dumps({"message": "event cannot be read", "event_id": change.document_id, "reason": str(problem)})
        )
