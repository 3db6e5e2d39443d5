"""Personal data of users in Firestore, for export, erasure and expiry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.firestore import deadletters, forgotten, interactions, users
from shared.adapters.firestore.client import Database, PreconditionLost, chunks, in_parallel, until_conditions_hold
from shared.adapters.firestore.counters import FirestoreCounters
from shared.adapters.firestore.forgotten import marker_of
from shared.adapters.firestore.friends import HISTORIES, PLANS, TELLING, TOLD, share_plans
from shared.adapters.firestore.histories import Histories
from shared.adapters.firestore.pages import PAGE, Listing, documents, snapshots
from shared.adapters.firestore.registers import COLLECTION as REGISTERS
from shared.adapters.firestore.registers import read, reference_of, write
from shared.entities import Erasures, Interaction
from shared.entities.erasures import is_former, keyed
from shared.errors import InvalidField, StoreUnavailable
from shared.feedback.counts import recorded_time
from shared.ports import PersonalDocument, Register

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, DocumentSnapshot, WriteBatch

DONE: Final = Listing(interactions.COLLECTION, "user_id", "==")
LETTERS: Final = Listing(deadletters.COLLECTION, "user_id", "==")
OLD: Final = Listing(interactions.COLLECTION, "occurred_at", "<")
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
        self._histories = Histories(database)

    def of(self, user_id: str) -> Iterator[PersonalDocument]:
        """Documents about a user: profile, unless it is the app's, history, interactions, dead letters."""
        held = (users.COLLECTION, HISTORIES) if self._database.names.owns_profiles else (HISTORIES,)
        references = [self._database.document(collection, user_id) for collection in held]
        for (collection, key), snapshot in self._database.snapshots(references).items():
            data = snapshot.to_dict() or {}
            if collection == HISTORIES:
                # What friends plan is theirs. In a profile, the field of this name is the user's own.
                data.pop(PLANS, None)
            if data:
                yield PersonalDocument(collection, key, data)
        for listing in (DONE, LETTERS):
            for key, found in documents(self._database, listing, user_id):
                yield PersonalDocument(listing.collection, key, found)

    def erase(self, user_id: str, *, now: datetime) -> int:
        """Delete the documents about a user and the user's id in friends' profiles; returns the number of changes.

        Profiles that are the app's stay as they are.
        """
        from google.cloud.firestore import ArrayRemove

        held, names = list(self.of(user_id)), self._database.names
        history = [self._database.document(HISTORIES, user_id)]
        # Without a profile or plans nobody is told of any more, so what is taken back here stays away.
        if names.owns_profiles:
            self._write([self._database.document(users.COLLECTION, user_id)], lambda batch, own: batch.delete(own))
        else:
            self._write(history, lambda batch, own: batch.set(own, {"entries": {}}, merge=["entries"]))
        share_plans(self._database, user_id)
        self.discard(
            [document for document in held if document.collection not in (users.COLLECTION, HISTORIES)], now=now
        )
        # A history that holds only plans of friends is not listed among the user's documents.
        self._write(history, lambda batch, own: batch.delete(own))
        listed = self._listed(FRIENDS, user_id) if names.owns_profiles else []
        others = [self._database.document(users.COLLECTION, key) for key in listed]
        changed = {"friends": ArrayRemove([user_id]), "updated_at": now}
        without = {names.path(users.COLLECTION, name): value for name, value in changed.items()}
        self._write(others, lambda batch, reference: batch.update(reference, without))
        telling = [self._database.document(HISTORIES, key) for key in self._listed(TELLING, user_id)]
        self._write(telling, lambda batch, reference: batch.update(reference, {TOLD: ArrayRemove([user_id])}))
        return len(held) + len(others)

    def discard(self, documents: Sequence[PersonalDocument], *, now: datetime) -> None:
        """Delete documents as `of` gave them, but no later version of a state."""
        done = [document for document in documents if document.collection == interactions.COLLECTION]
        states = [state for document in done if (state := _state(document.document_id, document.fields))]
        in_parallel(lambda part: self._erase_states(part, now), chunks(states, lambda _: _STATE_BYTES))
        ids = {state.interaction_id for state in states}
        rest = [
            self._database.document(document.collection, document.document_id)
            for document in documents
            if document.collection != interactions.COLLECTION or document.document_id not in ids
        ]
        self._write(rest, lambda batch, reference: batch.delete(reference))

    def erase_late(self, states: Sequence[Interaction], *, now: datetime) -> None:
        """Erase states that were recorded while their users were erased: documents, history entries and counts."""
        # Histories come first: as long as a document is there, the next run finds it.
        self._histories.forget(states)
        in_parallel(lambda part: self._erase_states(part, now), chunks(states, lambda _: _STATE_BYTES))

    def expire(self, before: datetime | None, *, limit: int, now: datetime) -> int:
        """Delete interactions that occurred before `before`, oldest first; a TTL policy deletes those of visitors."""
        if before is None:
            return 0
        found = list(islice(snapshots(self._database, OLD, before, page=min(limit, PAGE)), limit))
        # Histories come first: as long as a document is there, the next run finds its user.
        users = {entry.user_id for snapshot in found if (entry := _parsed(snapshot.id, snapshot.to_dict() or {}))}
        self._histories.expire(sorted(users), before)
        parts = chunks(found, lambda _: _STATE_BYTES)
        return sum(in_parallel(lambda part: self._expire(part, before, now), parts))

    def mark(self, user_id: str, *, at: datetime) -> None:
        """Mark a user as forgotten, under a pseudonym, for all interactions recorded up to `at`."""
        batch = self._database.client.batch()
        batch.set(marker_of(self._database, user_id), {"at": at})
        self._database.commit(batch, "that a user is forgotten")

    def forgotten(self, since: datetime | None = None) -> Erasures:
        """Noted erasures at or after `since`, all for None."""
        listing = forgotten.SINCE if since else forgotten.ALL
        times = {key: forgotten.at_of(data) for key, data in documents(self._database, listing, since)}
        return Erasures(times, self._database.keys)

    def drop_notes(self, before: datetime) -> int:
        """Delete the notes of erasures before `before`; returns their number."""
        found = list(snapshots(self._database, forgotten.BEFORE, before))

        def drop(part: "Sequence[DocumentSnapshot[Any]]") -> None:
            batch = self._database.client.batch()
            for snapshot in part:
                # The user may have been erased again, under the same name.
                unchanged = self._database.client.write_option(last_update_time=snapshot.update_time)
                batch.delete(snapshot.reference, option=unchanged)
            with suppress(PreconditionLost):  # the next run finds what is left
                self._database.commit(batch, f"that the notes of {len(part)} erasures are over")

        in_parallel(drop, chunks(found, lambda _: _BYTES))
        return len(found)

    def key_former(self, *, limit: int) -> int:
        """Give notes of earlier versions keyed names and delete `processed`; returns the number of changes."""
        notes = [key for key, _ in documents(self._database, forgotten.ALL) if is_former(key)][:limit]
        in_parallel(self._key_note, notes)
        marks = islice(documents(self._database, forgotten.PROCESSED), limit - len(notes))
        found = [self._database.document(forgotten.PROCESSED.collection, key) for key, _ in marks]
        self._write(found, lambda batch, reference: batch.delete(reference))
        return len(notes) + len(found)

    def _key_note(self, former: str) -> None:
        names = former, keyed(self._database.keys(), former)
        references = [self._database.document(forgotten.FORGOTTEN, name) for name in names]

        def attempt() -> None:
            found = self._database.snapshots(references)
            old, new = (found.get((forgotten.FORGOTTEN, name)) for name in names)
            if old is None:
                return
            times = [forgotten.at_of(note.to_dict() or {}) for note in (old, new) if note]
            batch = self._database.client.batch()
            self._database.replace(batch, references[1], {"at": max(times)}, new)
            batch.delete(references[0], option=self._database.client.write_option(last_update_time=old.update_time))
            self._database.commit(batch, "that a user is forgotten")

        until_conditions_hold(attempt, "rename the note of an erasure")

    def _erase_states(self, states: Sequence[Interaction], now: datetime) -> None:
        """Delete states with their counts: what is deleted, its register and the counts change in one commit."""
        wanted = [self._database.document(interactions.COLLECTION, state.interaction_id) for state in states]
        registers = [reference_of(self._database, state) for state in states]

        def attempt() -> None:
            found = self._database.snapshots([*wanted, *registers])
            batch = self._database.client.batch()
            for state, reference in zip(states, wanted, strict=True):
                document = found.get((interactions.COLLECTION, state.interaction_id))
                # What the user did since stays, in the document of the same id.
                if document and interactions.stamp_of(document) == state.recorded_at:
                    unchanged = self._database.client.write_option(last_update_time=document.update_time)
                    batch.delete(reference, option=unchanged)
            for state, after, before in self._tombstones(states, found):
                self._counters.add_change(batch, state, after, before, now)
            if len(batch):
                self._database.commit(batch, f"{len(states)} documents about a user")

        until_conditions_hold(attempt, "erase interactions")

    def _expire(self, part: "Sequence[DocumentSnapshot[Any]]", before: datetime, now: datetime) -> int:
        """Delete documents, and turn the registers of their states into tombstones, in one commit; their number."""
        for _ in range(_ROUNDS):
            if not part:
                return 0
            batch = self._database.client.batch()
            for snapshot in part:
                # A later state may have taken the place of this one.
                unchanged = self._database.client.write_option(last_update_time=snapshot.update_time)
                batch.delete(snapshot.reference, option=unchanged)
            states = [state for snapshot in part if (state := _state(snapshot.id, snapshot.to_dict() or {}))]
            found = self._database.snapshots(reference_of(self._database, state) for state in states) if states else {}
            for state, after, register in self._tombstones(states, found):
                write(self._database, batch, reference_of(self._database, state), after, register, now=now)
            try:
                self._database.commit(batch, f"{len(part)} expired interactions")
            except PreconditionLost:
                stored = self._database.snapshots(snapshot.reference for snapshot in part)
                part = [snapshot for snapshot in stored.values() if _is_before(snapshot, before)]
            else:
                return len(part)
        raise StoreUnavailable("cannot delete expired interactions: others change them; try again")

    def _tombstones(
        self, deleted: Sequence[Interaction], found: "Mapping[tuple[str, str], DocumentSnapshot[Any]]"
    ) -> "Iterator[tuple[Interaction, Register, DocumentSnapshot[Any] | None]]":
        """Changes of registers by deleted states: the state, its tombstone, and its register as in `found`."""
        done = set[str]()
        # Earlier versions kept a booking and its cancellation in two documents: the later one leaves the tombstone.
        stamped = [state for state in deleted if state.recorded_at is not None]
        for state in sorted(stamped, key=recorded_time, reverse=True):
            key = reference_of(self._database, state).id
            before = found.get((REGISTERS, key))
            if key in done or (before and not read(before).is_withdrawn_by(state)):
                continue
            done.add(key)
            yield state, Register(recorded_time(state), is_deleted=True), before

    def _listed(self, listing: Listing, user_id: str) -> list[str]:
        # Listed to the end before the first change, which would remove documents from the query's result.
        return [key for key, _ in documents(self._database, listing, user_id)]

    def _write(
        self, references: "list[DocumentReference]", change: "Callable[[WriteBatch, DocumentReference], None]"
    ) -> None:
        def commit(part: "list[DocumentReference]") -> None:
            batch = self._database.client.batch()
            for reference in part:
                change(batch, reference)
            self._database.commit(batch, f"{len(part)} documents about a user")

        in_parallel(commit, chunks(references, lambda _: _BYTES))


def _parsed(document_id: str, data: Mapping[str, Any]) -> Interaction | None:
    """Interaction in a document, None where it cannot be read."""
    try:
        return Interaction.from_document(document_id, data)
    except InvalidField:
        return None


def _state(document_id: str, data: Mapping[str, Any]) -> Interaction | None:
    """Readable interaction of a lasting type in a document, None for any other."""
    interaction = _parsed(document_id, data)
    if interaction is None or interaction.type.meaning.repeats or interaction.recorded_at is None:
        return None
    return interaction


def _is_before(snapshot: "DocumentSnapshot[Any]", before: datetime) -> bool:
    occurred_at = (snapshot.to_dict() or {}).get("occurred_at")
    return isinstance(occurred_at, datetime) and occurred_at < before
