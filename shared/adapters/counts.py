"""An event's counts as stored: `{"n": {type: how often}, "d": {landmark: units}}`, short names for fields in many."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from shared.entities import EventCounts, InteractionType

Stored = Mapping[str, Mapping[str, Any]]


def marker_of(interaction_id: str) -> str:
    """Under what it is noted that an interaction was counted: its id begins with its user's, who may be forgotten."""
    return blake2b(interaction_id.encode(), digest_size=16).hexdigest()


def to_document(counts: EventCounts) -> dict[str, dict[str, int]]:
    """The fields of counts; empty parts are left out."""
    by_type = {kind.value: n for kind, n in counts.by_type.items()}
    decayed = {f"{number}": units for number, units in counts.decayed.items()}
    return {name: part for name, part in (("n", by_type), ("d", decayed)) if part}


def from_document(document: Stored) -> EventCounts:
    """The inverse of `to_document`."""
    return EventCounts(
        {InteractionType(kind): n for kind, n in document.get("n", {}).items()},
        {int(number): units for number, units in document.get("d", {}).items()},
    )
