"""Alerts of a deployment: what the scheduled job measures against thresholds, and the log lines of what it finds.

An episode is stored before it is logged, and marked as logged after that. So of two runs at once only one logs it, and
one that a killed run has not logged is left to the next.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from shared.entities.alert import ALERT_RULES
from shared.errors import ArtifactError
from shared.monitoring.alerts import Episode, Episodes
from shared.ports import ObjectStore

STATE: Final = "monitoring/alerts.json"
"""Object of the open episodes, and of those closed lately."""
RAISED: Final = "alert raised"
CLOSED: Final = "alert closed"
"""Messages of the log lines."""
_log = logging.getLogger(__name__)


def watch(
    objects: ObjectStore, values: Mapping[str, float], thresholds: Mapping[str, float], *, now: datetime
) -> Episodes:
    """Episodes after a look at the quantities, see `Episodes.after`; those that begin or end are logged.

    Raises `Conflict` when another run looks at the same time.
    """
    blob = objects.read(STATE)
    before = Episodes()
    if blob:
        try:
            before = Episodes.from_json(blob.data, STATE)
        except ArtifactError as error:
            _log.warning(json.dumps({"message": "alerts begin anew", "reason": error.for_log()}))
    generation = blob.generation if blob else 0
    found = before.after(values, thresholds, now)
    if found != before:
        generation = objects.write(STATE, _json(found), generation=generation)
    if not (untold := found.untold()):
        return found
    for episode in untold:
        _tell(episode)
    told = found.told()
    objects.write(STATE, _json(told), generation=generation)
    return told


def _tell(episode: Episode) -> None:
    rule = ALERT_RULES.get(episode.alert)
    line = {
        "message": RAISED if episode.is_open() else CLOSED,
        "alert": episode.alert,
        "describes": rule.describes if rule else "",
        "value": episode.value,
        "threshold": episode.threshold,
        "unit": episode.unit,
        "since": episode.since.isoformat(),
    }
    _log.log(logging.WARNING if episode.is_open() else logging.INFO, json.dumps(line))


def _json(episodes: Episodes) -> bytes:
    return json.dumps(episodes.to_document()).encode()
