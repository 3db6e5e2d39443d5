"""Positions of jobs in Firestore."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.firestore.client import Database, until_conditions_hold
from shared.entities import fields
from shared.errors import Conflict
from shared.ports import Fence, Progress

if TYPE_CHECKING:
    from google.cloud.firestore import WriteBatch
    from google.cloud.firestore_v1.types import WriteResult

COLLECTION: Final = "bookmarks"
_ROUNDS: Final = 5
"""Attempts to claim a bookmark while other runs claim it."""


class FirestoreBookmarks:
    """Bookmarks (`Bookmarks`) on the collection `bookmarks`, a document per job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> datetime | None:
        """Time up to which a job is done, from which its next run continues; None before its first run."""
        found = self._database.read([self._database.document(COLLECTION, name)])
        return fields.time(found.get((COLLECTION, name), {}), "at")

    def move(self, name: str, to: datetime) -> None:
        """Set the bookmark of a job to `to`."""
        batch = self._database.client.batch()
        batch.set(self._database.document(COLLECTION, name), {"at": to})
        self._database.commit(batch, f"the bookmark {name}")

    def claim(self, name: str) -> Fence:
        """Claim a bookmark for a run, which ends the claims of all others."""
        reference = self._database.document(COLLECTION, name)

        def attempt() -> Fence:
            before = self._database.snapshots([reference]).get((COLLECTION, name))
            stored = (before and before.to_dict()) or {}
            progress = Progress(fields.time(stored, "at"), fields.time(stored, "until"), stored.get("after", ""))
            batch = self._database.client.batch()
            self._database.replace(batch, reference, _document(progress), before)
            [result] = self._database.commit(batch, f"the bookmark {name}")
            return Fence(name, progress, result.update_time)

        return until_conditions_hold(attempt, f"claim the bookmark {name}", rounds=_ROUNDS)


def add_advance(database: Database, batch: "WriteBatch", fence: Fence, progress: Progress) -> None:
    """Add the move of a claimed bookmark to `batch`, as its first write."""
    claimed: Any = fence.token
    option = database.client.write_option(last_update_time=claimed)
    batch.update(database.document(COLLECTION, fence.name), _document(progress), option=option)


def advanced(fence: Fence, progress: Progress, results: "list[WriteResult]") -> Fence:
    """Fence after the commit of a batch that began with `add_advance`."""
    return Fence(fence.name, progress, results[0].update_time)


def lost(fence: Fence) -> Conflict:
    """Error of a run whose bookmark another one has claimed."""
    return Conflict(f"{fence.name}: another run has begun and goes on from here")


def _document(progress: Progress) -> dict[str, Any]:
    # Firestore gives a document that does not change no new update time, on which the fence depends.
    return {"at": progress.at, "until": progress.until, "after": progress.after, "run": uuid.uuid4().hex}
