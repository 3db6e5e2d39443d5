"""Export and erasure of a user's personal data (GDPR access and right to be forgotten)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import dropwhile, islice
from typing import Any, Final

from shared.entities.fields import GeoPoint
from shared.entities.odd import Reference
from shared.errors import InvalidField
from shared.feedback.accounts import MAX_AGE
from shared.ledger.index import POINTER, Ledger
from shared.ports import TOMBSTONE_LIFE, Documents, ObjectStore, PersonalData, PersonalDocument

PAGE: Final = 5_000
"""Documents in a page of an export."""

_ORDER: Final = ("users", "histories", "interactions", "dead_letters")
CLOCKS: Final = timedelta(minutes=1)
"""Time by which the clocks of instances differ, and requests last, at most."""
_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
"""Least difference between two times in a store."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Result of an erasure: the number of changed documents, and the time up to which everything is forgotten."""

    erased: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Export:
    """Page of the export of a user's data.

    Attributes
    ----------
    documents : `collection`, `id` and `fields` of each document.
    cursor : position of the last document, after which the next page begins; None on the last page.
    """

    user_id: str
    documents: list[dict[str, Any]]
    cursor: str | None


def forget(personal: PersonalData, *, user_id: str, now: datetime) -> Forgotten:
    """Erasure of a user; late deliveries are stopped, and the ledger drops the user's rows when it is next compacted.

    Counts of events stay, since they name no users. Repeating an erasure is safe.
    """
    until = now + CLOCKS
    # The mark comes first, so that no late delivery can restore a document after its deletion.
    personal.mark(user_id, at=until)
    return Forgotten(personal.erase(user_id, now=now), until)


def drop_notes(documents: Documents, objects: ObjectStore, *, settled_until: datetime, now: datetime) -> int:
    """End of the notes of erasures that nothing depends on any more; returns their number.

    A note is kept until nothing of before the erasure can be on its way, all slots in which it counts are settled, and
    the ledger has dropped the user's rows. `settled_until` is where reconciliation stands. Raises `ArtifactError` when
    the ledger cannot be read.
    """
    before = min(now - TOMBSTONE_LIFE, settled_until - MAX_AGE - _DAY)
    blob = objects.read(POINTER)
    if blob is not None:
        dropped_until = Ledger.from_json(blob.data).forgotten_until
        if dropped_until is None:
            return 0
        before = min(before, dropped_until + _TICK)
    return documents.personal.drop_notes(before)


def export(personal: PersonalData, *, user_id: str, cursor: str = "", page: int = PAGE) -> Export:
    """Export of all documents about a user, unchanged, in pages of `page` documents."""
    stored = personal.of(user_id)
    if cursor:
        collection, _, key = cursor.partition("/")
        if collection not in _ORDER:
            raise InvalidField("cursor", cursor, "the cursor of the answer before")
        # The document at the cursor may be deleted by now; the order of those after it is the same.
        reached = _ORDER.index(collection), key
        stored = dropwhile(lambda entry: (_ORDER.index(entry.collection), entry.document_id) <= reached, stored)
    found = list(islice(stored, page))
    is_last = next(stored, None) is None
    documents = [
        {"collection": entry.collection, "id": entry.document_id, "fields": _plain(entry.fields)} for entry in found
    ]
    return Export(user_id, documents, None if is_last else _cursor(found[-1]))


def _cursor(entry: PersonalDocument) -> str:
    return f"{entry.collection}/{entry.document_id}"


def _plain(value: object) -> Any:
    """JSON value of a stored value; times stay `datetime`."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, GeoPoint):
        return {"lat": value.latitude, "lng": value.longitude}
    if isinstance(value, Reference):
        return value.path
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, str | int | float | datetime) else repr(value)
