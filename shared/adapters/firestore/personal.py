"""Personal data of a user in Firestore, for export and erasure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from shared.adapters.firestore import deadletters, forgotten, interactions, users
from shared.adapters.firestore.client import Database, PreconditionLost, chunks, in_parallel
from shared.adapters.firestore.counters import FirestoreCounters
from shared.adapters.firestore.forgotten import marker_of
from shared.adapters.firestore.histories import HISTORIES
from shared.adapters.firestore.pages import Listing, documents
from shared.adapters.firestore.registers import COLLECTION as REGISTERS
from shared.adapters.firestore.registers import read, reference_of
from shared.entities import Interaction, fields
from shared.errors import InvalidField, StoreUnavailable
from shared.ports import PersonalDocument, Register

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, WriteBatch

DONE: Final = Listing(interactions.COLLECTION, "user_id", "==")
LETTERS: Final = Listing(deadletters.COLLECTION, "user_id", "==")
FRIENDS: Final = Listing(users.COLLECTION, "friends", "array_contains")
_BYTES: Final = 3_000
"""Estimated size of a document, for requests within Firestore's limit."""
_STATE_BYTES: Final = 20_000
"""Estimated size of the deletion of a state, with its register and counts: some 200 in a commit."""
_ROUNDS: Final = 10
"""Attempts to delete states while others change them."""


class FirestorePersonal:
    """Personal data store (`PersonalData`) over all collections; `forgotten` records the users who were erased."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counters = FirestoreCounters(database)

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

        held = list(self.of(user_id))
        states = [state for document in held if (state := _state(document))]
        in_parallel(lambda part: self._erase_states(part, now), chunks(states, lambda _: _STATE_BYTES))
        own = [self._database.document(document.collection, document.document_id) for document in held]
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

    def forgotten(self, since: datetime | None = None) -> Mapping[str, datetime]:
        """Times at which users were last forgotten, by pseudonym; those at or after `since`, all for None."""
        listing = forgotten.SINCE if since else forgotten.ALL
        return {key: fields.required_time(data, "at") for key, data in documents(self._database, listing, since)}

    def _erase_states(self, states: "list[Interaction]", now: datetime) -> None:
        """Delete states with their counts: what is deleted, its register and the counts change in one commit."""
        for _ in range(_ROUNDS):
            wanted = [self._database.document(interactions.COLLECTION, state.interaction_id) for state in states]
            found = self._database.snapshots([*wanted, *(reference_of(self._database, state) for state in states)])
            registers = {key: snapshot for (collection, key), snapshot in found.items() if collection == REGISTERS}
            batch = self._database.client.batch()
            done = set[str]()
            for state, reference in zip(states, wanted, strict=True):
                batch.delete(reference)
                document = found.get((interactions.COLLECTION, state.interaction_id))
                stamp = interactions.stamp_of(document) if document else state.recorded_at
                deleted = replace(state, recorded_at=stamp)
                key = reference_of(self._database, state).id
                before = registers.get(key)
                # Earlier versions kept a booking and its cancellation in two documents.
                if key in done or (before and not read(before).is_withdrawn_by(deleted)):
                    continue
                done.add(key)
                after = Register(interactions.version(deleted), is_deleted=True)
                self._counters.add_change(batch, deleted, after, before, now)
            try:
                self._database.commit(batch, f"{len(states)} documents about a user")
            except PreconditionLost:
                continue
            return
        raise StoreUnavailable("cannot erase interactions: others change them; try again")

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


def _state(document: PersonalDocument) -> Interaction | None:
    """Readable interaction of a lasting type in a document, None for any other."""
    if document.collection != interactions.COLLECTION:
        return None
    try:
        interaction = Interaction.from_document(document.document_id, document.fields)
    except InvalidField:
        return None
    return None if interaction.type.meaning.repeats or interaction.recorded_at is None else interaction
