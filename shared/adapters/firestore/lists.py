"""Recommended lists in Firestore, a document per user, for programs that read them there, such as for e-mails."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared.adapters.firestore import (
    bookmarks,
    counters,
    deadletters,
    events,
    forgotten,
    friends,
    interactions,
    registers,
    rules,
)
from shared.adapters.firestore.client import Database, chunks
from shared.adapters.firestore.pages import Listing, documents
from shared.errors import InvalidField

OWN: Final = frozenset(
    {
        bookmarks.COLLECTION,
        counters.COLLECTION,
        deadletters.COLLECTION,
        events.COLLECTION,
        events.CHANGES,
        forgotten.FORGOTTEN,
        friends.USERS,
        friends.HISTORIES,
        interactions.COLLECTION,
        registers.COLLECTION,
        rules.COLLECTION,
    }
)
"""Collections of other data, in which no list may be written."""
_MADE_BY: Final = "marquee"


class FirestoreLists:
    """Lists as documents `COLLECTION/{user_id}` with the fields `user_id`, `items`, `model_version`, `made_at`.

    Raises `InvalidField` for a collection that holds other documents, which would be lost.
    """

    def __init__(self, database: Database, collection: str) -> None:
        self._database = database
        self._collection = collection
        if collection in OWN or "/" in collection or collection.startswith("__"):
            raise InvalidField("--out", f"firestore:{collection}", "a collection of its own for the lists")
        for _, found in self._older(None):
            if found.get("made_by") != _MADE_BY:
                raise InvalidField("--out", f"firestore:{collection}", "an empty collection, or one of earlier lists")
            break

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
        dropped = [key for key, found in self._older(before) if found.get("made_by") == _MADE_BY]
        for part in chunks(dropped, len):
            batch = self._database.client.batch()
            for user_id in part:
                batch.delete(self._database.document(self._collection, user_id))
            self._database.commit(batch, f"{len(part)} old lists")
        return len(dropped)

    def _older(self, before: datetime | None) -> Iterator[tuple[str, dict[str, Any]]]:
        if before is None:
            return documents(self._database, Listing(self._collection), page=1)
        return documents(self._database, Listing(self._collection, "made_at", "<"), before)
