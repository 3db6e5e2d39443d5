"""Firestore trigger `event`: reports each event that was written or deleted to the serving instances.

Instances load the changed events at their next refresh.
"""

import json
import logging

from cloudevents.http import CloudEvent

from functions.wiring import services
from shared.adapters.cloudevent import changed_document
from shared.errors import InvalidField
from shared.services.ingest.event_changes import event_changed

_log = logging.getLogger(__name__)


def event(event: CloudEvent) -> None:
    """Event change handler: adds the event to the change feed; idempotent, deliveries may come in any order.

    A delivery that is no change of an event can never be used, so it is logged and acknowledged. Only a failing store
    raises, since only then a retry can help.
    """
    wired = services()
    try:
        change = changed_document(event.data, wired.documents.names)
    except InvalidField as error:
        _log.error(
            json.dumps({"message": "change of an event refused", "event": event["id"], "reason": error.for_log()})
        )
        return
    problem = event_changed(wired.documents, change.document_id, change.fields, now=wired.now())
    if problem is None:
        _log.info(json.dumps({"message": "event changed", "event_id": change.document_id}))
    else:
        _log.error(
            json.dumps({"message": "event cannot be read", "event_id": change.document_id, "reason": problem.for_log()})
        )
