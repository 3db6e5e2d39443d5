"""What users may ask about the data that is held about them: to see all of it, and that it is forgotten."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import dropwhile, islice
from typing import Any, Final

from shared.entities.fields import GeoPoint
from shared.errors import InvalidField
from shared.ports import Held, PersonalData

PAGE: Final = 5_000
_ORDER: Final = ("users", "histories", "interactions", "dead_letters")
# Clocks differ a little between those who record and those who forget.
_CLOCKS: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of a user's data: how many documents were changed, and up to when all is forgotten."""

    erased: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Export:
    """A part of what is held about a user.

    Attributes
    ----------
    documents : collection, id and fields of each.
    cursor : behind which the next part begins, None after the last.
    """

    user_id: str
    documents: list[dict[str, Any]]
    cursor: str | None


def forget(personal: PersonalData, *, user_id: str, now: datetime) -> Forgotten:
    """Delete everything about a user; what is still on its way is stopped, and copies drop theirs when next compacted.

    Counts of events stay: they say how many, not who, so nothing is taken from them, however often this is asked.
    """
    until = now + _CLOCKS
    # First the note, so that no delivery can bring back what is deleted next.
    personal.mark(user_id, at=until)
    return Forgotten(personal.erase(user_id, now=now), until)


def export(personal: PersonalData, *, user_id: str, cursor: str = "", page: int = PAGE) -> Export:
    """Everything that is held about a user, as it is, `page` documents at a time."""
    held = personal.of(user_id)
    if cursor:
        collection, _, key = cursor.partition("/")
        if collection not in _ORDER:
            raise InvalidField("cursor", cursor, "the cursor of the answer before")
        # What lay at the cursor may be gone by now; what lies behind it is the same.
        reached = _ORDER.index(collection), key
        held = dropwhile(lambda one: (_ORDER.index(one.collection), one.document_id) <= reached, held)
    found = list(islice(held, page))
    is_last = next(held, None) is None
    documents = [{"collection": one.collection, "id": one.document_id, "fields": _plain(one.fields)} for one in found]
    return Export(user_id, documents, None if is_last else _place(found[-1]))


def _place(held: Held) -> str:
    return f"{held.collection}/{held.document_id}"


def _plain(value: object) -> Any:
    """A value of a store as JSON has it, times aside."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, GeoPoint):
        return {"lat": value.latitude, "lng": value.longitude}
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, str | int | float | datetime) else repr(value)
