"""Personal data port: access to, erasure and expiry of users' stored data (GDPR)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from shared.entities import Erasures, Interaction

VISITOR_LIFE: Final = timedelta(days=30)
"""Time to live of visitors' documents, unless they are joined to a user."""


@dataclass(frozen=True, slots=True)
class PersonalDocument:
    """Personal data record: a stored document about a user, unchanged."""

    collection: str
    document_id: str
    fields: Mapping[str, Any]


class PersonalData(Protocol):
    """Personal data of a user in all collections of a store."""

    def of(self, user_id: str) -> Iterator[PersonalDocument]:
        """Documents about a user: profile, history, interactions, dead letters, in this order, each sorted by id."""

    def erase(self, user_id: str, *, now: datetime) -> int:
        """Erasure of all documents about a user and of mentions in other profiles; returns the number of changes.

        The states of the user are taken back from the counts of their events.
        """

    def discard(self, documents: Sequence[PersonalDocument], *, now: datetime) -> None:
        """Deletion of some documents, as `of` gave them; their states are taken back from the counts of their events.

        A state that a later one has replaced stays.
        """

    def expire(self, before: datetime | None, *, limit: int, now: datetime) -> int:
        """Expiry of interactions that occurred before `before`, oldest first, at most `limit`; returns their number.

        Their documents are deleted, and the entries of that time from their users' histories before. The registers of
        states become tombstones, so that the deletion is no news to anybody; counts stay, since they name nobody. For
        None nothing expires but visitors' documents and history entries of the age `VISITOR_LIFE`, which expire also
        otherwise, where the store has no policy of its own for them. Where the store has a type for times, an
        interaction with times as strings is not found.
        """

    def erase_late(self, states: Sequence[Interaction], *, now: datetime) -> None:
        """Erasure of states that were recorded while their users were erased: documents, history entries and counts.

        The entry of an earlier state of the same target goes as well. A state that a later one has replaced stays, and
        so does the later one.
        """

    def mark(self, user_id: str, *, at: datetime) -> None:
        """Note of an erasure under a pseudonym: everything recorded up to `at` is forgotten.

        It stops late deliveries of the user's interactions, and tells copies, such as the ledger, which rows to drop.
        """

    def forgotten(self, since: datetime | None = None) -> Erasures:
        """Noted erasures at or after `since`, all for None.

        Copies drop the rows of a user that were recorded up to the time.
        """

    def drop_notes(self, before: datetime) -> int:
        """Deletion of the notes of erasures before `before`; returns their number."""

    def key_former(self, *, limit: int) -> int:
        """Keyed names for the notes of earlier versions, whose names everybody could compute.

        What earlier versions left in `processed` is deleted. Returns the number of changes, at most `limit`; when it is
        less, nothing is left to change.
        """
