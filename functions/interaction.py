"""Firestore trigger `interaction`: records each new interaction in its user's history and its event's counts."""

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
    """Interaction handler: records a new interaction; idempotent, a repeated delivery is not counted again.

    A document that can never be used becomes a dead letter and is acknowledged. Only a failing store raises, since only
    then a retry can help.
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


def _about(parsed: Interaction) -> dict[str, Any]:
    return {"interaction_id": parsed.interaction_id, "type": parsed.type, "event_id": parsed.event_id}
