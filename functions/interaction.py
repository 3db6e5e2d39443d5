"""The Firestore function: each new document of `interactions` enters its user's history and its event's counts."""

import json
import logging

from cloudevents.http import CloudEvent

from functions.wiring import services
from shared.adapters.cloudevent import created_document
from shared.entities import Interaction
from shared.errors import InvalidField
from shared.services.record import count

_log = logging.getLogger(__name__)


def interaction(event: CloudEvent) -> None:
    """Count one interaction; delivered twice, it counts once.

    A document that can never be read is logged and acknowledged; only a failing store raises, for a retry to mend.
    """
    try:
        document_id, data = created_document(event.data)
        if data.get("counted") is True:
            return
        parsed = Interaction.from_document(document_id, data)
    except InvalidField as error:
        _log.error(json.dumps({"message": "interaction refused", "event": event["id"], "reason": str(error)}))
        return
    wired = services()
    is_new = count(wired.documents.counters, parsed, now=wired.now())
    _log.info(
        json.dumps(
            {
                "message": "interaction counted" if is_new else "interaction seen before",
                "interaction_id": parsed.interaction_id,
                "type": parsed.type,
                "event_id": parsed.event_id,
            }
        )
    )
