"""All that Firestore holds about one user."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from shared.adapters.firestore import deadletters, interactions, users
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.adapters.firestore.histories import HISTORIES
from shared.adapters.firestore.pages import Listing, documents
from shared.entities import fields, pseudonym
from shared.ports import Held

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, WriteBatch

FORGOTTEN: Final = "forgotten"
ALL: Final = Listing(FORGOTTEN)
DONE: Final = Listing(interactions.COLLECTION, "user_id", "==")
LETTERS: Final = Listing(deadletters.COLLECTION, "user_id", "==")
FRIENDS: Final = Listing(users.COLLECTION, "friends", "array_contains")
_BYTES: Final = 3_000


class FirestorePersonal:
    """`PersonalData` over all collections, with `forgotten` for those who are no more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user_id: str) -> Iterator[Held]:
        """Every document about a user: profile, history, interactions, dead letters."""
        places = [self._database.document(collection, user_id) for collection in (users.COLLECTION, HISTORIES)]
        for (collection, key), data in self._database.read(places).items():
            yield Held(collection, key, data)
        for listing in (DONE, LETTERS):
            for key, data in documents(self._database, listing, user_id):
                yield Held(listing.collection, key, data)

    def erase(self, user_id: str, *, now: datetime) -> int:
        """Delete every document about a user, and what others' profiles say of them; returns how many it changed."""
        from google.cloud.firestore import ArrayRemove

        own = [self._database.document(one.collection, one.document_id) for one in self.of(user_id)]
        others = [self._database.document(users.COLLECTION, key) for key in self._friends(user_id)]
        without = {"friends": ArrayRemove([user_id]), "updated_at": now}
        self._write(own, lambda batch, place: batch.delete(place))
        self._write(others, lambda batch, place: batch.update(place, without))
        return len(own) + len(others)

    def mark(self, user_id: str, *, at: datetime) -> None:
        """Note under `pseudonym(user_id)` that what was recorded up to `at` is forgotten."""
        batch = self._database.client.batch()
        batch.set(place_of(self._database, user_id), {"at": at})
        self._database.commit(batch, "that a user is forgotten")

    def forgotten(self) -> Mapping[str, datetime]:
        """When users were last forgotten, by pseudonym."""
        return {key: fields.required_time(data, "at") for key, data in documents(self._database, ALL)}

    def _friends(self, user_id: str) -> list[str]:
        # Listed to its end before the first change, which would take documents out of the list.
        return [key for key, _ in documents(self._database, FRIENDS, user_id)]

    def _write(
        self, places: "list[DocumentReference]", change: "Callable[[WriteBatch, DocumentReference], None]"
    ) -> None:
        def commit(part: "list[DocumentReference]") -> None:
            batch = self._database.client.batch()
            for place in part:
                change(batch, place)
            self._database.commit(batch, f"{len(part)} documents about a user")

        in_parallel(commit, chunks(places, lambda _: _BYTES))


def place_of(database: Database, user_id: str) -> "DocumentReference":
    """Where it says that a user was forgotten."""
    return database.document(FORGOTTEN, pseudonym(user_id))
