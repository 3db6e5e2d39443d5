"""How far jobs have come, in Firestore."""

from datetime import datetime
from typing import Final

from shared.adapters.firestore.client import Database
from shared.entities import fields

COLLECTION: Final = "bookmarks"


class FirestoreBookmarks:
    """`Bookmarks` on the collection `bookmarks`, one document a job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> datetime | None:
        """Where a job goes on, None before its first run."""
        found = self._database.read([self._database.document(COLLECTION, name)])
        return fields.required_time(found[COLLECTION, name], "at") if found else None

    def move(self, name: str, to: datetime) -> None:
        """Where it goes on next time."""
        batch = self._database.client.batch()
        batch.set(self._database.document(COLLECTION, name), {"at": to})
        self._database.commit(batch, f"the bookmark {name}")
