"""The Firestore function: each new document of `interactions` enters its user's history and its event's counts."""

import json
import logging
from typing import Any

from cloudevents.http import CloudEvent

from functions.wiring import services
from shared.adapters.cloudevent import Change, changed_document
from shared.entities import Interaction
from shared.errors import InvalidField
from shared.services.ingest.dead_letters import dead_letter
from shared.services.ingest.record import count

_log = logging.getLogger(__name__)


def interaction(event: CloudEvent) -> None:
    """Count one interaction; delivered twice, it counts once.

    A document that can never be used goes to the dead letters and is acknowledged; only a failing store raises, for a
    retry to mend.
    """
    change = Change("interactions")
    try:
        change = changed_document(event.data)
        fields = change.fields or {}
        if fields.get("counted") is True:
            return
        parsed = Interaction.from_document(change.document_id, fields)
        wired = services()
        outcome = count(wired.documents, parsed, now=wired.now())
    except InvalidField as error:
        _refuse(event, change, error)
        return
    _log.info(json.dumps({"message": f"interaction {outcome}", **_about(parsed)}))


def _refuse(event: CloudEvent, change: Change, error: InvalidField) -> None:
    wired = services()
    letter = dead_letter(change.collection, change.document_id, change.fields, error, delivery=event["id"])
    wired.documents.dead_letters.put(letter, now=wired.now())
    _log.error(json.dumps({"message": "interaction refused", "event": event["id"], "reason": str(error)}))


def _about(one: Interaction) -> dict[str, Any]:
    return {"interaction_id": one.interaction_id, "type": one.type, "event_id": one.event_id}
