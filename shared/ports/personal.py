"""Personal data port: access to and erasure of a user's stored data (GDPR)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


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

    def mark(self, user_id: str, *, at: datetime) -> None:
        """Erasure mark (tombstone) under `pseudonym(user_id)`: everything recorded up to `at` is forgotten.

        It stops late deliveries of the user's interactions, and tells copies, such as the ledger, which rows to drop.
        """

    def forgotten(self, since: datetime | None = None) -> Mapping[str, datetime]:
        """Erasure times by pseudonym, those at or after `since`, all for None.

        Copies drop the rows of a user that were recorded up to the time.
        """
