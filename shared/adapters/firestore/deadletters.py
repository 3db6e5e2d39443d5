"""Dead letters in Firestore: documents that can never be used."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Final

from shared.adapters.firestore.client import Database, PreconditionLost
from shared.adapters.firestore.forgotten import add_guard, forgotten_at, markers_of
from shared.adapters.firestore.pages import Listing, counted, documents, newest
from shared.entities.fields import Document
from shared.ports import DELIVERED_WITHIN, LETTER_LIFE, DeadLetter

COLLECTION: Final = "dead_letters"
PUT: Final = Listing(COLLECTION, "at")
_FIELDS: Final = [field.name for field in fields(DeadLetter) if field.name != "key"]


class FirestoreDeadLetters:
    """Dead letter store (`DeadLetters`) on the collection `dead_letters`, where Firestore deletes expired documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, letter: DeadLetter, *, now: datetime, recorded_at: datetime | None = None) -> None:
        """Keep a dead letter, replacing the letter with the same key, unless its user was erased since."""
        try:
            self._put(letter, now, is_guarded=bool(letter.user_id))
        except PreconditionLost:
            erased_at = forgotten_at(self._database, letter.user_id)
            if erased_at is None or erased_at < (recorded_at or now - DELIVERED_WITHIN):
                self._put(letter, now, is_guarded=False)

    def _put(self, letter: DeadLetter, now: datetime, *, is_guarded: bool) -> None:
        document = {name: getattr(letter, name) for name in _FIELDS} | {"at": now, "expires_at": now + LETTER_LIFE}
        batch = self._database.client.batch()
        batch.set(self._database.document(COLLECTION, letter.key), document)
        for marker in markers_of(self._database, letter.user_id) if is_guarded else ():
            add_guard(self._database, batch, marker)
        self._database.commit(batch, "a dead letter")

    def remove(self, key: str) -> None:
        """Drop a dead letter; a missing letter is no error."""
        batch = self._database.client.batch()
        batch.delete(self._database.document(COLLECTION, key))
        self._database.commit(batch, "that a dead letter is gone")

    def count(self, since: datetime, until: datetime | None = None) -> int:
        """Number of dead letters put at or after `since`, and before `until` where that is given."""
        return counted(self._database, PUT, since, below=until)

    def since(self, moment: datetime) -> Iterator[DeadLetter]:
        """Dead letters put at or after `moment`, oldest first, ties by key."""
        for key, data in documents(self._database, PUT, moment):
            yield _letter(key, data)

    def newest(self, limit: int) -> list[tuple[datetime, DeadLetter]]:
        """Last dead letters, newest first, each with the time at which it was put."""
        return [(data["at"], _letter(key, data)) for key, data in newest(self._database, PUT, limit)]


def _letter(key: str, data: Document) -> DeadLetter:
    return DeadLetter(key=key, **{name: data[name] for name in _FIELDS})
