"""Firestore trigger `interaction`: keeps users' histories and events' counts equal to the interaction documents."""

import json
import logging
from datetime import datetime
from typing import Any

from cloudevents.http import CloudEvent

from functions.wiring import Services, services
from shared.adapters.cloudevent import Change, changed_document
from shared.entities import Interaction, fields
from shared.errors import InvalidField
from shared.services.ingest.dead_letters import dead_letter
from shared.services.ingest.record import count, withdraw

_log = logging.getLogger(__name__)


def interaction(event: CloudEvent) -> None:
    """Interaction handler: records a written interaction, takes back a deleted state; idempotent, in any order.

    A document that can never be used becomes a dead letter and is acknowledged. Only a failing store raises, since only
    then a retry can help.
    """
    change, wired = Change("interactions"), services()
    try:
        change = changed_document(event.data, wired.documents.names)
        if (change.fields or {}).get("counted") is True or _is_unknown(change):
            return
        parsed = Interaction.from_document(change.document_id, change.fields or change.before)
        record = withdraw if _is_deleted(change) else count
        ready = wired.registers.are_there()
        outcome = record(wired.documents, parsed, now=wired.now(), has_registers=ready)
    except InvalidField as error:
        if not _is_deleted(change):
            _refuse(wired, event, change, error)
        return
    _log.info(json.dumps({"message": f"interaction {outcome}", "event": event["id"], **_about(parsed)}))


def _is_deleted(change: Change) -> bool:
    return change.fields is None and bool(change.document_id)


def _is_unknown(change: Change) -> bool:
    """Deletion of a document that did not exist, of which the event knows the name alone."""
    return _is_deleted(change) and not change.before


def _refuse(wired: Services, event: CloudEvent, change: Change, error: InvalidField) -> None:
    letter = dead_letter(change.collection, change.document_id, change.fields, error, delivery=event["id"])
    wired.documents.dead_letters.put(letter, now=wired.now(), recorded_at=_stamp(change))
    _log.error(json.dumps({"message": "interaction refused", "event": event["id"], "reason": error.for_log()}))


def _stamp(change: Change) -> datetime | None:
    try:
        return fields.time(change.fields or {}, "recorded_at")
    except InvalidField:
        return None


def _about(parsed: Interaction) -> dict[str, Any]:
    return {"type": parsed.type}
