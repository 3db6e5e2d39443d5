"""Watermarks of jobs in Firestore."""

from datetime import datetime
from typing import Final

from shared.adapters.firestore.client import Database
from shared.entities import fields

COLLECTION: Final = "bookmarks"


class FirestoreBookmarks:
    """Watermark store (`Bookmarks`) on the collection `bookmarks`, a document per job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> datetime | None:
        """Watermark of a job, the time from which its next run continues; None before its first run."""
        found = self._database.read([self._database.document(COLLECTION, name)])
        return fields.required_time(found[COLLECTION, name], "at") if found else None

    def move(self, name: str, to: datetime) -> None:
        """Set the watermark of a job to `to`."""
        batch = self._database.client.batch()
        batch.set(self._database.document(COLLECTION, name), {"at": to})
        self._database.commit(batch, f"the bookmark {name}")
