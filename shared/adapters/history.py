"""Storage format of a user's history: a map from a short key of each interaction to its history entry, as JSON text.

The key is a hash of the interaction's id, so merging is idempotent and needs neither order nor a read. An entry is a
text rather than a map because Firestore's library takes three times as long to read 500 maps, 41 ms instead of 14.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Final

from shared.adapters import untrusted
from shared.entities import HistoryEntry, Interaction, InteractionType, Touchpoint, User, fields
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.entities.profile import MAX_HISTORY, OUTLASTING, is_touchpoint
from shared.entities.provenance import is_token
from shared.errors import InvalidField
from shared.feedback.friends import counts, friend_ids
from shared.feedback.weights import CODES

MAX_BYTES: Final = 900_000
"""Size limit of a trimmed history: a Firestore document has up to 1 MiB, and grows until it is trimmed."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC), 0
_PARSED: Final = 10_000
"""Entries that are kept parsed, since most requests are of users who came before: some 5 MB, without any user's id."""


def key_of(interaction: Interaction) -> str:
    """Key of a history entry: "h" and 16 hexadecimal digits of a hash, a Firestore field name that needs no quotes.

    All states of a user, family and target have the same key, so a later one replaces the entry.
    """
    name = interaction.interaction_id if interaction.type.meaning.repeats else interaction.expected_id()
    return "h" + blake2b(name.encode(), digest_size=8).hexdigest()


def friend_key(user_id: str) -> str:
    """Key of a friend's plans in a user's history: "f" and 16 hexadecimal digits of a hash, see `key_of`."""
    return "f" + blake2b(user_id.encode(), digest_size=8).hexdigest()


def going(user: User, shared: Mapping[str, Sequence[str]]) -> tuple[tuple[str, int], ...]:
    """Friends who go, by event, of a user with plans by `friend_key`: of the friends whom the user still declares."""
    if not shared:
        return ()
    return counts(shared.get(friend_key(friend_id), ()) for friend_id in friend_ids(user))


def text_of(interaction: Interaction) -> str:
    """History entry of an interaction as JSON, without unknown fields; equal entries give equal texts.

    A touchpoint has the list that it followed from as well, which lists are made without.
    """
    entry = known_fields(HistoryEntry.of(interaction))
    entry["occurred_at"] = interaction.occurred_at.astimezone(UTC).isoformat(timespec="microseconds")
    # Clients may send any text, which would only make the history longer.
    if is_touchpoint(interaction.type) and is_token(interaction.recommendation_id):
        entry["list"] = interaction.recommendation_id
        if interaction.position is not None:
            entry["position"] = interaction.position
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def newest(user_id: str, entries: Mapping[str, str]) -> tuple[HistoryEntry, ...]:
    """Newest history entries: `MAX_HISTORY` of any type and older ones as `OUTLASTING` keeps them, newest first.

    Of several states of a target only the last counts: earlier versions kept a booking beside its cancellation. Ties
    go by key; unreadable entries are logged and left out.
    """
    return tuple(entry for _, entry in _newest(user_id, entries))


def touchpoints(user_id: str, entries: Mapping[str, str], event_ids: Collection[str]) -> tuple[Touchpoint, ...]:
    """Touchpoints with some events in a history, newest first, ties by key; unreadable entries are logged and left out.

    Of an event with an earlier state that earlier versions kept, too, there are two bookings.
    """
    documents = ((key, {"entry": text}) for key, text in entries.items())
    readable = untrusted.readable("histories", documents, lambda key, data: (key, _touchpoint(data["entry"])))
    found = [(key, point) for key, point in readable if is_touchpoint(point.type) and point.event_id in event_ids]
    return tuple(point for _, point in sorted(found, key=lambda item: (-item[1].occurred_at.timestamp(), item[0])))


def outdated(
    user_id: str, entries: Mapping[str, str], over: Callable[[Collection[str]], Collection[str]] | None = None
) -> list[str]:
    """Keys of outdated entries, those that `newest` does not return; empty unless the history is too long.

    With `over`, which returns those of some event ids that can no longer be shown, also what exceeds `MAX_BYTES`: first
    all older entries about such events, then the newest of the older ones, since what was taken stays taken.
    """
    if len(entries) <= MAX_HISTORY:
        return []
    kept = _newest(user_id, entries)
    if over and _size(entries, kept) > MAX_BYTES:
        older = kept[MAX_HISTORY:]
        gone = over({entry.event_id for _, entry in older if entry.event_id})
        kept = kept[:MAX_HISTORY]
        room = MAX_BYTES - _size(entries, kept)
        for item in reversed([item for item in older if item[1].event_id not in gone]):
            room -= _size(entries, [item])
            if room < 0:
                break
            kept.append(item)
    keys = {key for key, _ in kept}
    return [key for key in entries if key not in keys]


def latest(entries: Mapping[str, str]) -> datetime:
    """Time of the latest of some entries; at least one."""
    return max(time_of(text) for text in entries.values())


def expired(entries: Mapping[str, str], before: datetime) -> list[str]:
    """Keys of expired entries, those of interactions that occurred before `before`."""
    return [key for key, text in entries.items() if time_of(text) < before]


def time_of(text: str) -> datetime:
    """Time at which the interaction of an entry occurred."""
    return datetime.fromisoformat(json.loads(text)["occurred_at"])


def _newest(user_id: str, entries: Mapping[str, str]) -> list[tuple[str, HistoryEntry]]:
    documents = ((key, {"entry": text}) for key, text in entries.items())
    readable = untrusted.readable("histories", documents, lambda key, data: (key, _entry(data["entry"])))
    # The sort is stable, also in reverse: first by key, then newest first.
    ordered = _last_words(
        sorted(sorted(readable, key=itemgetter(0)), key=lambda item: item[1].occurred_at, reverse=True)
    )
    kept, left = ordered[:MAX_HISTORY], dict(OUTLASTING)
    for item in ordered[MAX_HISTORY:]:
        if left.get(item[1].type, 0) > 0:
            left[item[1].type] -= 1
            kept.append(item)
    return kept


def _size(entries: Mapping[str, str], kept: Collection[tuple[str, HistoryEntry]]) -> int:
    """Bytes that some entries take in a Firestore document."""
    return sum(len(key) + len(entries[key].encode()) + 2 for key, _ in kept)


def _last_words(ordered: list[tuple[str, HistoryEntry]]) -> list[tuple[str, HistoryEntry]]:
    """Entries without the earlier states of a target, in their order."""
    last: dict[tuple[str, str], str] = {}
    states: dict[tuple[str, str], tuple[datetime, int]] = {}
    targets = [None if entry.type.meaning.repeats else _target(entry) for _, entry in ordered]
    for (key, entry), target in zip(ordered, targets, strict=True):
        state = entry.occurred_at, CODES[entry.type]
        if target is not None and state > states.get(target, _NEVER):
            states[target], last[target] = state, key
    return [item for item, target in zip(ordered, targets, strict=True) if target is None or last[target] == item[0]]


def _target(entry: HistoryEntry) -> tuple[str, str]:
    return entry.type.family, entry.organizer_id if entry.type.meaning.target == "organizer_id" else entry.event_id


def _touchpoint(text: str) -> Touchpoint:
    kind, data = _fields(text)
    return Touchpoint(
        type=kind,
        occurred_at=fields.required_time(data, "occurred_at"),
        event_id=fields.identifier(data, "event_id", required=False),
        recommendation_id=fields.identifier(data, "list", required=False),
        position=fields.integer(data, "position", low=0, high=10_000),
    )


def _fields(text: str) -> tuple[InteractionType, Document]:
    data: Document = {}
    try:
        data = json.loads(text)
        return InteractionType(data["type"]), data
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidField("type", text, f"an entry with a type, one of {', '.join(InteractionType)}") from error


def _entry(text: object) -> HistoryEntry:
    # What is no text may have no hash to look it up by.
    if not isinstance(text, str):
        raise InvalidField("entry", text, "text")
    return _parse(text)


@lru_cache(_PARSED)
def _parse(text: str) -> HistoryEntry:
    kind, data = _fields(text)
    return HistoryEntry(
        type=kind,
        occurred_at=fields.required_time(data, "occurred_at"),
        event_id=fields.identifier(data, "event_id", required=False),
        organizer_id=fields.identifier(data, "organizer_id", required=False),
        value=fields.number(data, "value", low=0, high=1_000_000),
    )
