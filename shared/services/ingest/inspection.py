"""Inspection of changed documents for odd values, as part of the scheduled job."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.entities import User
from shared.ports import Documents
from shared.services.odd_documents import OddDocuments, OddEvents, OddUsers

_EVENTS: Final = "inspected_events"
_USERS: Final = "inspected_users"
"""Names of bookmarks: documents that changed before them were in a report."""
_OVERLAP: Final = timedelta(minutes=2)
"""Overlap of two runs, since documents become readable after their stamp."""
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STEP: Final = 1_000
"""Profiles after which the bookmark moves, so that a run that is stopped loses little."""


def inspect(documents: Documents, *, now: datetime) -> OddDocuments:
    """Report of the documents that changed since the last run, at first of all; what changed lately may come twice.

    Profiles without `updated_at` are in the reports of trainings only.
    """
    since = documents.bookmarks.read(_EVENTS)
    events = OddEvents.of(documents.events.changed_since(since))
    documents.bookmarks.move(_EVENTS, _later(since, now))
    start = documents.bookmarks.read(_USERS)
    users = OddUsers.of(_moving(documents, start, now))
    documents.bookmarks.move(_USERS, _later(start, now))
    return OddDocuments(events, users).named(documents.names)


def _later(since: datetime | None, now: datetime) -> datetime:
    return max(since or _BEGINNING, now - _OVERLAP)


def _moving(documents: Documents, since: datetime | None, now: datetime) -> Iterator[User]:
    """Changed profiles; the bookmark moves with them."""
    for number, user in enumerate(documents.users.changed_since(since or _BEGINNING), 1):
        yield user
        if number % _STEP == 0 and user.updated_at:
            documents.bookmarks.move(_USERS, max(since or _BEGINNING, min(user.updated_at, now - _OVERLAP)))
