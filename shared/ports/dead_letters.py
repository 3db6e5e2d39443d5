"""Dead letters port: documents that cannot be processed, kept with the reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

LETTER_LIFE: Final = timedelta(days=30)
"""Time after which dead letters expire."""
DELIVERED_WITHIN: Final = timedelta(days=1)
"""Time for which a delivery is repeated at most."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Dead letter: a document that cannot be processed, with the reason.

    Attributes
    ----------
    key : primary key; a letter with the same key replaces it.
    collection, document_id : location of the document.
    user_id : owner of the document, "" when unknown.
    data : its fields as text, as far as they could be read.
    """

    key: str
    collection: str
    document_id: str
    reason: str
    user_id: str = ""
    data: str = ""


class DeadLetters(Protocol):
    """Dead letters for admins to inspect; they expire after `LETTER_LIFE`."""

    def put(self, letter: DeadLetter, *, now: datetime, recorded_at: datetime | None = None) -> None:
        """Upsert of a dead letter by its key, unless its user was erased since the document was recorded.

        `recorded_at` is the stamp of the document. Without one, it counts as recorded a day ago: deliveries are
        repeated for a day at most.
        """

    def remove(self, key: str) -> None:
        """Deletion of a dead letter; a missing letter is no error."""

    def count(self, since: datetime, until: datetime | None = None) -> int:
        """Number of dead letters put at or after `since`, and before `until` where that is given."""

    def since(self, moment: datetime) -> Iterator[DeadLetter]:
        """Dead letters put at or after `moment`, oldest first, ties by key."""

    def newest(self, limit: int) -> Sequence[tuple[datetime, DeadLetter]]:
        """Last dead letters, newest first, each with the time at which it was put; at most `limit`, 1 to 1,000."""
