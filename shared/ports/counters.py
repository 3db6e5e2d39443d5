"""Counters port: event counts and popularity, updated between two trainings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.entities import EventCounts, Interaction


class Recorded(StrEnum):
    """Result of `Counters.record`: NEW was recorded, KNOWN was recorded before, FORGOTTEN has an erased user."""

    NEW = "new"
    KNOWN = "known"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """Counts by slot in a shard of an event's counts, for slots that may not be settled yet.

    Attributes
    ----------
    shard : number of the event's counts document.
    slots : counts of the interactions recorded in each slot, see `feedback/counts.py`.
    """

    event_id: str
    shard: int
    slots: Mapping[int, EventCounts]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Correction of a shard of an event's counts.

    Attributes
    ----------
    shard : number of the event's counts document.
    added : differences by slot, negative where too much was counted.
    closed : settled slots, whose separate counts are dropped.
    """

    event_id: str
    shard: int
    added: Mapping[int, EventCounts]
    closed: Sequence[int] = ()


class Counters(Protocol):
    """Event counts and popularity, sharded over documents and updated between two trainings."""

    def record(self, interaction: Interaction, added: EventCounts, *, slot: int, now: datetime) -> Recorded:
        """Idempotent write of an interaction to its user's history and its event's counts of a slot, atomically.

        Nothing happens when the interaction was added before. When its user was forgotten since it was recorded, its
        document is deleted as well. Where `added` is empty, only the history is written, which may be repeated.
        """

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Bulk increment of the counts of many events; False when it was done under this idempotency key before.

        After an interruption, a repeated call adds only what is missing.
        """

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """Counts of events updated at or after `moment`, as `(event_id, counts, updated_at)`, oldest first, ties by id.

        For None the counts of all events, in any order.
        """

    def open_since(self, moment: datetime) -> Iterator[OpenCounts]:
        """Counts by slot of the shards that changed at or after `moment`, in any order."""

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Settlement of counts: corrects totals and slots and drops closed slots, in one write for each document."""
