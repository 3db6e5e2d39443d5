"""Interaction log in Firestore."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import untrusted
from shared.adapters.firestore.client import Database, PreconditionLost, chunks, in_parallel
from shared.adapters.firestore.forgotten import FORGOTTEN, add_guard, markers_of
from shared.adapters.firestore.pages import Listing, documents
from shared.adapters.states import outlived, refuse_while_erased, results_of, stamp_over, users_of_states
from shared.entities import Interaction, fields
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.errors import InvalidField, StoreUnavailable
from shared.feedback.states import last_words
from shared.ports import VISITOR_LIFE, Appended

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot, WriteBatch

COLLECTION: Final = "interactions"
RECORDED: Final = Listing(COLLECTION, "recorded_at")
ALL: Final = Listing(COLLECTION)
_BYTES: Final = 3_000
"""Estimated size of a document; no interaction is larger."""
_ROUNDS: Final = 5
"""Attempts to write a batch while others write some of its documents."""


class FirestoreInteractions:
    """Interaction log (`InteractionLog`) on the collection `interactions`, which clients also write directly."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, interactions: Sequence[Interaction], *, now: datetime) -> Sequence[Appended]:
        """Store interactions stamped `recorded_at=now`, the last state of each target; the result of each."""
        parts = chunks(last_words(interactions).values(), lambda _: _BYTES)
        stored = in_parallel(lambda part: self._append(part, now), parts)
        return results_of(interactions, {key: result for part in stored for key, result in part.items()})

    def known(self, interaction_ids: Sequence[str]) -> set[str]:
        """Known interaction ids: those of `interaction_ids` that have a document."""
        return set().union(*in_parallel(self._there, chunks(interaction_ids, lambda _: _BYTES)))

    def get(self, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Interactions by id; ids without a readable document are left out."""

        def read(keys: Sequence[str]) -> list[tuple[str, Document]]:
            references = [self._database.document(COLLECTION, key) for key in keys]
            return [(key, data) for (_, key), data in self._database.read(references).items()]

        parts = in_parallel(read, chunks(interaction_ids, lambda _: _BYTES))
        found = untrusted.readable(COLLECTION, chain.from_iterable(parts), Interaction.from_document)
        return {interaction.interaction_id: interaction for interaction in found}

    def uncounted(self, moment: datetime) -> Iterator[Interaction]:
        """Uncounted interactions recorded at or after `moment`, oldest first: those that their writer did not count."""
        found = (item for item in documents(self._database, RECORDED, moment) if item[1].get("counted") is not True)
        return untrusted.readable(COLLECTION, found, Interaction.from_document)

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        """Interactions recorded at or after `moment`, oldest first; for None all with ids after `after`, by id."""
        found = documents(self._database, ALL if moment is None else RECORDED, moment, after=after)
        return untrusted.readable(COLLECTION, found, Interaction.from_document)

    def _append(self, part: Sequence[Interaction], now: datetime) -> dict[str, Appended]:
        """Results by id; reads only after a conflict, since most interactions are new."""
        users = users_of_states(part)
        markers = [marker for user_id in users for marker in markers_of(self._database, user_id)]
        found: dict[tuple[str, str], DocumentSnapshot[Any]] = {}
        for number in range(_ROUNDS):
            batch = self._database.client.batch()
            results = {}
            for entry in part:
                before = found.get((COLLECTION, entry.interaction_id))
                results[entry.interaction_id] = result_of(entry, before)
                if results[entry.interaction_id] is Appended.NEW:
                    write(self._database, batch, entry, before, stamp(entry, before, now), counted=False)
            if not len(batch):
                return results
            for marker in markers:
                if (FORGOTTEN, marker.id) not in found:
                    add_guard(self._database, batch, marker)
            try:
                self._database.commit(batch, f"{len(part)} interactions")
            except PreconditionLost:
                wanted = [self._database.document(COLLECTION, entry.interaction_id) for entry in part]
                # Mostly a document exists already; notes are read when that is not why the first attempt failed.
                found = self._database.snapshots([*wanted, *(markers if number else ())])
                for marker in markers:
                    if note := found.get((FORGOTTEN, marker.id)):
                        refuse_while_erased(fields.time(note.to_dict() or {}, "at"), now)
            else:
                return results
        raise StoreUnavailable(f"cannot write {len(part)} interactions: others write the same ones; try again")

    def _there(self, interaction_ids: Sequence[str]) -> set[str]:
        references = [self._database.document(COLLECTION, key) for key in interaction_ids]
        return {key for _, key in self._database.read(references, only=["recorded_at"])}


def result_of(interaction: Interaction, before: "DocumentSnapshot[Any] | None") -> Appended:
    """Result of storing an interaction over the stored document of its id; NEW also over one that cannot be read."""
    stored = readable(before)
    return Appended.NEW if stored is None or interaction.replaces(stored) else outlived(interaction, stored)


def readable(before: "DocumentSnapshot[Any] | None") -> Interaction | None:
    """Interaction of a stored document, None where there is none or it cannot be read."""
    if before is None:
        return None
    try:
        return Interaction.from_document(before.id, before.to_dict() or {})
    except InvalidField as error:
        untrusted.warn(COLLECTION, before.id, error)
        return None


def stamp_of(before: "DocumentSnapshot[Any]") -> datetime | None:
    """Stamp of a stored document, None where it has none."""
    try:
        return fields.time(before.to_dict() or {}, "recorded_at")
    except InvalidField:
        return None


def stamp(interaction: Interaction, before: "DocumentSnapshot[Any] | None", now: datetime) -> datetime:
    """Time to stamp an interaction with that is written over a stored document: `now`, unless that tells them apart."""
    at = stamp_of(before) if before else None
    return stamp_over(at, interaction, readable(before), now) if at else now


def write(
    database: Database,
    batch: "WriteBatch",
    interaction: Interaction,
    before: "DocumentSnapshot[Any] | None",
    recorded_at: datetime,
    *,
    counted: bool,
) -> None:
    """Add an interaction to `batch`, on the condition that its document is still as in `before`, or absent.

    Only documents that a bulk load counted, and that clients cannot change, have a field for it: clients may not write
    over a field that is not theirs.
    """
    document = known_fields(interaction, "interaction_id", "recorded_at") | {"recorded_at": recorded_at}
    if counted:
        document["counted"] = True
    if interaction.is_of_visitor():
        document["expires_at"] = recorded_at + VISITOR_LIFE
    database.replace(batch, database.document(COLLECTION, interaction.interaction_id), document, before)
