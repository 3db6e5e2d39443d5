"""Recommended lists in Firestore, a document per user, for programs that read them there, such as for e-mails."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared.adapters.firestore.client import Database, chunks
from shared.adapters.firestore.pages import Listing, documents
from shared.errors import InvalidField

_MADE_BY: Final = "marquee"


class FirestoreLists:
    """Lists as documents `COLLECTION/{user_id}` with the fields `user_id`, `items`, `model_version`, `made_at`."""

    def __init__(self, database: Database, collection: str) -> None:
        self._database = database
        self._collection = collection

    def check(self, field: str) -> None:
        """Check of the collection; raises `InvalidField` for `field` where other documents are or belong in it."""
        name, names = self._collection, self._database.names
        # A name of Marquee's own for a collection leads to the one that the app has for it.
        if name in names.collections or names.collection(name) != name or "/" in name or name.startswith("__"):
            raise InvalidField(field, f"firestore:{name}", "a collection of its own for the lists")
        for _, found in documents(self._database, Listing(name), page=1):
            if found.get("made_by") != _MADE_BY:
                raise InvalidField(field, f"firestore:{name}", "an empty collection, or one of earlier lists")
            # The lists are written together, so one tells of all.
            return

    def put(self, lists: Sequence[tuple[str, Mapping[str, Any]]], *, now: datetime) -> None:
        """Replacement of the lists of some users, given as ids and fields."""
        for part in chunks(lists, lambda item: len(repr(item))):
            batch = self._database.client.batch()
            for user_id, fields in part:
                reference = self._database.document(self._collection, user_id)
                batch.set(reference, {"user_id": user_id, **fields, "made_at": now, "made_by": _MADE_BY})
            self._database.commit(batch, f"{len(part)} lists")

    def drop_older(self, before: datetime) -> int:
        """Deletion of lists that were made before `before`, of users who are gone; returns their number."""
        older = documents(self._database, Listing(self._collection, "made_at", "<"), before)
        dropped = [key for key, found in older if found.get("made_by") == _MADE_BY]
        for part in chunks(dropped, len):
            batch = self._database.client.batch()
            for user_id in part:
                batch.delete(self._database.document(self._collection, user_id))
            self._database.commit(batch, f"{len(part)} old lists")
        return len(dropped)
