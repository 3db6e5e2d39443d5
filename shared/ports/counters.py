"""Event counts and popularity between two trainings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.entities import EventCounts, Interaction


class Recorded(StrEnum):
    """What became of an interaction that was handed to `Counters.record`."""

    NEW = "new"
    KNOWN = "known"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """What one document of an event's counts holds of stretches of time that may not be settled yet.

    Attributes
    ----------
    shard : which of the event's documents it is.
    slots : what was counted as recorded in each slot, see `feedback/counts.py`.
    """

    event_id: str
    shard: int
    slots: Mapping[int, EventCounts]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is to change in one document of an event's counts.

    Attributes
    ----------
    added : corrections by slot.
    closed : slots that nobody needs to tell apart any more.
    """

    event_id: str
    shard: int
    added: Mapping[int, EventCounts]
    closed: Sequence[int] = ()


class Counters(Protocol):
    """Event counts and popularity between two trainings."""

    def record(self, interaction: Interaction, added: EventCounts, *, slot: int, now: datetime) -> Recorded:
        """Remember an interaction in its user's history and add to its event's counts of a slot, atomically and once.

        Nothing happens when it was added before. When its user was forgotten since it was recorded, its document goes
        as well. Where `added` is empty it is only remembered, which may be repeated.
        """

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Add to the counts of many events; False when that was done under this key before.

        After an interruption the same call adds what is missing.
        """

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """`(event_id, counts, updated_at)` of events counted at or after `moment`, oldest first, ties by id.

        For None all of them, in any order.
        """

    def open_since(self, moment: datetime) -> Iterator[OpenCounts]:
        """What documents that changed at or after `moment` hold by slot, in any order."""

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Correct counts, both in all and by slot, and drop closed slots; each document's changes are one write."""
