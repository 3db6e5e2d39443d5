"""Counts of events in Firestore, and the documents that they count."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from shared.entities import Interaction, InteractionType
from shared.feedback.counts import SETTLED_AFTER, slot_of, start_of
from shared.services.ingest.upgrade import RECONCILED
from tests.e2e.client import plain
from tests.rest import Rest
from tools.emulators.suite import PROJECT, Suite

_INSTANT: Final = timedelta(seconds=1)


def settle(suite: Suite, keys: Sequence[str], *, now: datetime) -> datetime:
    """Run of `monitor` that counts these interactions, as if recorded a while ago; returns its `until`."""
    owner = Rest(suite.firestore, PROJECT, "owner")
    # The last moment of which everything may be settled. An earlier run may have come to its end, but not further.
    recorded_at = start_of(slot_of(now - SETTLED_AFTER)) - _INSTANT
    for key in keys:
        owner.update("interactions", key, {"recorded_at": recorded_at}).raise_for_status()
    found = owner.get("bookmarks", RECONCILED)
    if found.ok and datetime.fromisoformat(plain(found.json()["fields"]["at"]) or "") > recorded_at:
        owner.update("bookmarks", RECONCILED, {"at": recorded_at}).raise_for_status()
    return datetime.fromisoformat(suite.monitor()["until"])


def counts(suite: Suite, event_id: str) -> Counter[str]:
    """Numbers of an event by type of the interaction, over all documents of its counts."""
    found: Counter[str] = Counter()
    for fields in _fields(suite, "event_counts", event_id):
        numbers = fields["n"]["mapValue"].get("fields", {}) if "n" in fields else {}
        found += Counter({kind: int(plain(number)) for kind, number in numbers.items()})
    return found


def documents(suite: Suite, event_id: str, until: datetime) -> Counter[str]:
    """Numbers of stored interactions by type that the counts of an event hold once all before `until` is settled.

    What visitors do teaches nothing, and impressions are not counted.
    """
    found = [
        {name: plain(value) for name, value in fields.items()} for fields in _fields(suite, "interactions", event_id)
    ]
    return Counter(row["type"] for row in found if _is_counted(row, until))


def _is_counted(row: dict[str, Any], until: datetime) -> bool:
    kind = InteractionType(row["type"])
    recorded_at = datetime.fromisoformat(row["recorded_at"])
    given = {"type": kind, "user_id": row["user_id"], "anonymous": row.get("anonymous", False)}
    if kind is InteractionType.IMPRESSION or Interaction(interaction_id="", occurred_at=until, **given).is_of_visitor():
        return False
    return not kind.meaning.repeats or row.get("counted", False) or recorded_at < until


def _fields(suite: Suite, collection: str, event_id: str) -> list[dict[str, Any]]:
    """Fields of the documents about an event, in the values of Firestore's REST API."""
    answer = Rest(suite.firestore, PROJECT, "owner").query(collection, ("event_id", "EQUAL", event_id))
    answer.raise_for_status()
    return [row["document"]["fields"] for row in answer.json() if "document" in row]
