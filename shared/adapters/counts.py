"""Storage format of event counts: `{"n": {type: count}, "d": {landmark: units}}`.

The names are short because many documents repeat them.
"""

from collections.abc import Mapping
from typing import Any

from shared.entities import EventCounts, InteractionType, Keys
from shared.ports import Register

Stored = Mapping[str, Mapping[str, Any]]
"""Stored counts of one event."""


def register_key(keys: Keys, state_id: str) -> str:
    """Key of the register of a user, family and target: a keyed hash of their id, 40 hexadecimal digits.

    The id itself holds the user's id, which must not outlive an erasure. It does not change with a new key, since a
    register that is not found would count again.
    """
    return keys.lasting_digest("register", state_id)


def to_document(counts: EventCounts) -> dict[str, dict[str, int]]:
    """Stored fields of event counts; empty parts are left out."""
    by_type = {kind.value: n for kind, n in counts.by_type.items()}
    decayed = {f"{number}": units for number, units in counts.decayed.items()}
    return {name: part for name, part in (("n", by_type), ("d", decayed)) if part}


def from_document(document: Stored) -> EventCounts:
    """Event counts of stored fields, the inverse of `to_document`."""
    return EventCounts(
        {InteractionType(kind): n for kind, n in document.get("n", {}).items()},
        {int(number): units for number, units in document.get("d", {}).items()},
    )


def difference(before: Register | None, after: Register) -> EventCounts:
    """Counts to add to an event when a register changes."""
    return EventCounts.total([after.counts, before.counts.negative()]) if before else after.counts


def open_slots(slots: Mapping[int, Stored], since: int) -> EventCounts:
    """Sum of the counts that earlier versions kept by slot, from the slot `since` on."""
    return EventCounts.total(from_document(counts) for slot, counts in slots.items() if slot >= since)
