"""Counters port: event counts and popularity, updated between two trainings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from shared.entities import EventCounts, Interaction
from shared.ports.bookmarks import Fence, Progress
from shared.ports.stores import Appended

TOMBSTONE_LIFE: Final = timedelta(days=30)
"""Life of the register of a deleted document: deliveries are repeated for a day at most."""

Counted = tuple[Interaction, EventCounts]
"""Interaction with the counts that it adds to each of its events."""


class Recorded(StrEnum):
    """Result of recording: NEW was recorded, KNOWN needs no change, FORGOTTEN has an erased user."""

    NEW = "new"
    KNOWN = "known"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Register:
    """Register of a state: what the counts of its event hold for a user, family and target.

    Attributes
    ----------
    version : `recorded_at` of the state.
    counts : the numbers that were added for it, which the next state takes back.
    is_deleted : whether the document of that version was deleted.
    """

    version: datetime
    counts: EventCounts = field(default_factory=EventCounts)
    is_deleted: bool = False

    def is_older_than(self, state: Interaction) -> bool:
        """Order of versions: True if `state`, a stored interaction, was recorded later."""
        return state.recorded_at is not None and self.version < state.recorded_at

    def is_withdrawn_by(self, deleted: Interaction) -> bool:
        """Order of versions: True if the deletion of `deleted`, a stored interaction, is news to this register."""
        at = deleted.recorded_at
        return at is not None and (self.version < at or (self.version == at and not self.is_deleted))


class Counters(Protocol):
    """Event counts and popularity, sharded over documents and updated between two trainings."""

    def put(self, state: Interaction, counts: EventCounts, *, now: datetime) -> Recorded:
        """Idempotent update of a user's history and of the counts of the event to a state, atomically.

        What the register holds for its user, family and target is taken back, and `counts` added. Nothing happens when
        the register is not older than `state.recorded_at`, as after the erasure of its document. A state recorded while
        its user was erased counts until `PersonalData.erase_late` finds it.
        """

    def withdraw(self, deleted: Interaction, *, now: datetime) -> Recorded:
        """Idempotent removal of a deleted state from the counts of its event; histories do not change."""

    def remember(self, interaction: Interaction, *, now: datetime) -> Recorded:
        """Idempotent write of a repeating interaction to its user's history.

        When the user was forgotten since it was recorded, its document is deleted instead.
        """

    def load(self, interactions: Sequence[Counted], *, now: datetime) -> Sequence[Appended]:
        """Bulk write of interactions with distinct ids, stamped `recorded_at=now`, their registers and counts.

        Stores as `InteractionLog.append` does, and counts what is new in the same commits, so nothing counts twice.
        An earlier row that replaces a loaded one of a repeating type keeps its `recorded_at`, and its counts replace
        those of the other. Histories do not change.
        """

    def registers(self, states: Sequence[Interaction]) -> Mapping[str, Register]:
        """Registers of the users, families and targets of some states, by `expected_id`, as far as they exist."""

    def adopt(self, registers: Mapping[str, Register]) -> None:
        """Creation of registers, by `expected_id`, for what is counted already; existing ones stay."""

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """Counts of events updated at or after `moment`, as `(event_id, counts, updated_at)`, oldest first, ties by id.

        For None the counts of all events, in any order.
        """

    def settle(self, added: Mapping[str, EventCounts], fence: Fence, progress: Progress, *, now: datetime) -> Fence:
        """Addition to the counts of many events, and the move of the fence's bookmark to `progress`, atomically.

        At most `MAX_SETTLED` events. Returns the fence for the next step; raises `Conflict`, and changes nothing, when
        another run has claimed the bookmark since.
        """

    def drop_slots(self, since_slot: int, *, now: datetime) -> int:
        """Removal of the counts by slot of earlier versions; returns the number of changed documents.

        What the slots from `since_slot` on hold is taken back from the counts: it is counted again from documents.
        """


MAX_SETTLED = 200
"""Limit of events in one step of settling, within the size of a Firestore commit."""
