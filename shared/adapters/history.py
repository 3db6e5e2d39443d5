"""A user's history as stored: a map from a short key of each interaction to what scoring needs of it.

The key follows from the interaction's id alone, so merging is idempotent and needs neither order nor a read.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from shared.adapters import untrusted
from shared.entities import HistoryEntry, Interaction, InteractionType, fields
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.entities.profile import MAX_HISTORY
from shared.errors import InvalidField


def key_of(interaction_id: str) -> str:
    """16 hexadecimal digits of a hash after a letter, so that it is a Firestore field name without quoting."""
    return "h" + blake2b(interaction_id.encode(), digest_size=8).hexdigest()


def entry_of(interaction: Interaction) -> dict[str, Any]:
    """The entry's fields, without what is unknown."""
    return known_fields(HistoryEntry.of(interaction))


def is_remembered(interaction: Interaction) -> bool:
    """Whether it says something about an event or an organizer; searches and category clicks do not."""
    return bool(interaction.event_id or interaction.organizer_id)


def newest(user_id: str, entries: Iterable[tuple[str, Document]]) -> tuple[HistoryEntry, ...]:
    """The newest `MAX_HISTORY` entries of `(key, fields)`, newest first, ties by key; unreadable ones left out."""
    readable = untrusted.readable(f"users/{user_id}/history", entries, lambda key, data: (key, _parse(data)))
    ordered = sorted(readable, key=lambda item: item[0])
    ordered.sort(key=lambda item: item[1].occurred_at, reverse=True)
    return tuple(entry for _, entry in ordered[:MAX_HISTORY])


def _parse(data: Document) -> HistoryEntry:
    try:
        kind = InteractionType(data["type"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidField("type", data, f"an entry with a type, one of {', '.join(InteractionType)}") from error
    return HistoryEntry(
        type=kind,
        occurred_at=fields.required_time(data, "occurred_at"),
        event_id=fields.identifier(data, "event_id", required=False),
        organizer_id=fields.identifier(data, "organizer_id", required=False),
        value=fields.number(data, "value", low=0, high=1_000_000),
    )
