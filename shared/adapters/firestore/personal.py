"""Personal data of a user in Firestore, for export and erasure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from shared.adapters.firestore import deadletters, interactions, users
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.adapters.firestore.histories import HISTORIES
from shared.adapters.firestore.pages import Listing, documents
from shared.entities import fields, pseudonym
from shared.ports import PersonalDocument

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, WriteBatch

FORGOTTEN: Final = "forgotten"
ALL: Final = Listing(FORGOTTEN)
DONE: Final = Listing(interactions.COLLECTION, "user_id", "==")
LETTERS: Final = Listing(deadletters.COLLECTION, "user_id", "==")
FRIENDS: Final = Listing(users.COLLECTION, "friends", "array_contains")
_BYTES: Final = 3_000
"""Estimated size of a document, for requests within Firestore's limit."""


class FirestorePersonal:
    """Personal data store (`PersonalData`) over all collections; `forgotten` records the users who were erased."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user_id: str) -> Iterator[PersonalDocument]:
        """Documents about a user: profile, history, interactions, dead letters."""
        references = [self._database.document(collection, user_id) for collection in (users.COLLECTION, HISTORIES)]
        for (collection, key), data in self._database.read(references).items():
            yield PersonalDocument(collection, key, data)
        for listing in (DONE, LETTERS):
            for key, data in documents(self._database, listing, user_id):
                yield PersonalDocument(listing.collection, key, data)

    def erase(self, user_id: str, *, now: datetime) -> int:
        """Delete the documents about a user and the user's id in friends' profiles; returns the number of changes."""
        from google.cloud.firestore import ArrayRemove

        own = [self._database.document(held.collection, held.document_id) for held in self.of(user_id)]
        others = [self._database.document(users.COLLECTION, key) for key in self._friends(user_id)]
        without = {"friends": ArrayRemove([user_id]), "updated_at": now}
        self._write(own, lambda batch, reference: batch.delete(reference))
        self._write(others, lambda batch, reference: batch.update(reference, without))
        return len(own) + len(others)

    def mark(self, user_id: str, *, at: datetime) -> None:
        """Mark a user as forgotten, under `pseudonym(user_id)`, for all interactions recorded up to `at`."""
        batch = self._database.client.batch()
        batch.set(marker_of(self._database, user_id), {"at": at})
        self._database.commit(batch, "that a user is forgotten")

    def forgotten(self) -> Mapping[str, datetime]:
        """Times at which users were last forgotten, by pseudonym."""
        return {key: fields.required_time(data, "at") for key, data in documents(self._database, ALL)}

    def _friends(self, user_id: str) -> list[str]:
        # Listed to the end before the first change, which would remove documents from the query's result.
        return [key for key, _ in documents(self._database, FRIENDS, user_id)]

    def _write(
        self, references: "list[DocumentReference]", change: "Callable[[WriteBatch, DocumentReference], None]"
    ) -> None:
        def commit(part: "list[DocumentReference]") -> None:
            batch = self._database.client.batch()
            for reference in part:
                change(batch, reference)
            self._database.commit(batch, f"{len(part)} documents about a user")

        in_parallel(commit, chunks(references, lambda _: _BYTES))


def marker_of(database: Database, user_id: str) -> "DocumentReference":
    """Reference to the marker document of a forgotten user."""
    return database.document(FORGOTTEN, pseudonym(user_id))
