"""Event counts in Firestore."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import counts as stored
from shared.adapters import history
from shared.adapters.firestore import bookmarks, interactions
from shared.adapters.firestore.client import (
    Database,
    PreconditionLost,
    Refused,
    chunks,
    in_parallel,
    until_conditions_hold,
)
from shared.adapters.firestore.forgotten import add_guard, forgotten_at, markers_of
from shared.adapters.firestore.histories import Histories
from shared.adapters.firestore.pages import Listing, documents
from shared.adapters.firestore.registers import COLLECTION as REGISTERS
from shared.adapters.firestore.registers import read, reference_of, reference_to, write
from shared.adapters.firestore.spread import FLAGS, Spread, name_of, shards_of
from shared.adapters.states import TICK, replaced_counts
from shared.entities import EventCounts, Interaction, fields
from shared.entities.fields import Document
from shared.errors import StoreUnavailable
from shared.feedback.counts import recorded_time
from shared.ports import Appended, Counted, Fence, Progress, Recorded, Register

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot, WriteBatch

COLLECTION: Final = "event_counts"
CHANGED: Final = Listing(COLLECTION, "updated_at")
ALL: Final = Listing(COLLECTION)
_BYTES: Final = 2_000
"""Estimated size of a document of counts, for requests within Firestore's limit."""
_LOADED: Final = 20_000
"""Estimated size of a loaded interaction, a document, a register and counts: some 200 in a commit."""
_ROUNDS: Final = 10
"""Attempts to change a register while others change it."""


class FirestoreCounters:
    """Event counters (`Counters`) on the collections `event_counts` and `counted`; a first state reads no document."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._histories = Histories(database)
        self._spread = Spread()

    def put(self, state: Interaction, counts: EventCounts, *, now: datetime) -> Recorded:
        """Bring history and counts to a state: atomic and idempotent."""
        after = Register(recorded_time(state), counts)
        before: DocumentSnapshot[Any] | None = None
        for _ in range(_ROUNDS):
            try:
                self._change(state, after, before, now, is_remembered=True)
            except PreconditionLost:
                found = self._database.snapshots([reference_of(self._database, state)])
                before = next(iter(found.values()), None)
                if before is not None and not read(before).is_older_than(state):
                    return Recorded.KNOWN
            else:
                return Recorded.NEW
        raise StoreUnavailable("cannot count an interaction: others change the same; try again")

    def withdraw(self, deleted: Interaction, *, now: datetime) -> Recorded:
        """Take a deleted state back from the counts of its event; idempotent."""
        after = Register(recorded_time(deleted), is_deleted=True)

        def attempt() -> Recorded:
            found = self._database.snapshots([reference_of(self._database, deleted)])
            before = next(iter(found.values()), None)
            if before is not None and not read(before).is_withdrawn_by(deleted):
                return Recorded.KNOWN
            self._change(deleted, after, before, now, is_remembered=False)
            return Recorded.NEW

        return until_conditions_hold(attempt, "take back a deleted interaction")

    def remember(self, interaction: Interaction, *, now: datetime) -> Recorded:
        """Write a repeating interaction to its user's history; idempotent."""
        try:
            self._merge_entry(interaction, is_guarded=True)
        except PreconditionLost:
            erased_at = forgotten_at(self._database, interaction.user_id)
            if erased_at and recorded_time(interaction) <= erased_at:
                return self._drop(interaction, erased_at, now)
            self._merge_entry(interaction, is_guarded=False)
        return Recorded.NEW

    def load(self, interactions: Sequence[Counted], *, now: datetime) -> Sequence[Appended]:
        """Store interactions with their registers and counts, in commits of some 200."""
        # In order of events, so that a commit changes the counts of few.
        ordered = sorted(enumerate(interactions), key=lambda item: (item[1][0].events(), item[0]))
        parts = list(chunks(ordered, lambda _: _LOADED))
        found = in_parallel(lambda part: self._load([counted for _, counted in part], now), parts)
        results = {
            number: result
            for part, done in zip(parts, found, strict=True)
            for (number, _), result in zip(part, done, strict=True)
        }
        return [results[number] for number in range(len(interactions))]

    def registers(self, states: Sequence[Interaction]) -> Mapping[str, Register]:
        """Registers of some states by `expected_id`, as far as they exist."""

        def part_of(part: Sequence[Interaction]) -> dict[str, Register]:
            found = self._database.snapshots(reference_of(self._database, state) for state in part)
            by_key = {reference_of(self._database, state).id: state.expected_id() for state in part}
            return {by_key[key]: read(snapshot) for (_, key), snapshot in found.items()}

        distinct = {state.expected_id(): state for state in states}
        parts = in_parallel(part_of, chunks(distinct.values(), lambda _: _BYTES))
        return {key: register for part in parts for key, register in part.items()}

    def adopt(self, registers: Mapping[str, Register]) -> None:
        """Create registers for what is counted already; existing ones stay."""

        def create(part: Sequence[tuple[str, Register]]) -> None:
            missing = dict(part)
            for _ in range(_ROUNDS):
                batch = self._database.client.batch()
                for state_id, register in missing.items():
                    write(self._database, batch, reference_to(self._database, state_id), register, None)
                try:
                    if missing:
                        self._database.commit(batch, f"{len(missing)} registers")
                except PreconditionLost:
                    keys = {reference_to(self._database, state_id).id: state_id for state_id in missing}
                    there = self._database.read(self._database.document(REGISTERS, key) for key in keys)
                    for _, key in there:
                        del missing[keys[key]]
                else:
                    return
            raise StoreUnavailable("cannot write registers: others write the same; try again")

        in_parallel(create, chunks(registers.items(), lambda _: _BYTES))

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """Changed counts: `(event_id, counts, updated_at)` of events counted at or after `moment`; all for None.

        Oldest first. The counts of a hot event are sharded over several documents; its unchanged shards are read too.
        """
        found: dict[str, dict[str, Document]] = {}
        for key, data in documents(self._database, ALL if moment is None else CHANGED, moment):
            found.setdefault(data["event_id"], {})[key] = data
        if moment is not None:
            self._complete(found)
        totals = [
            (
                max(fields.required_time(data, "updated_at") for data in parts.values()),
                event_id,
                EventCounts.total(stored.from_document(data) for data in parts.values()),
            )
            for event_id, parts in found.items()
        ]
        for updated_at, event_id, counts in sorted(totals, key=lambda total: total[:2]):
            yield event_id, counts, updated_at

    def settle(self, added: Mapping[str, EventCounts], fence: Fence, progress: Progress, *, now: datetime) -> Fence:
        """Add to the counts of many events and move the bookmark, atomically."""
        batch = self._database.client.batch()
        bookmarks.add_advance(self._database, batch, fence, progress)
        for event_id, counts in added.items():
            self._add(batch, event_id, 0, counts, now)
        try:
            results = self._database.commit(batch, f"the counts of {len(added)} events")
        except PreconditionLost as error:
            raise bookmarks.lost(fence) from error
        return bookmarks.advanced(fence, progress, results)

    def drop_slots(self, since_slot: int, *, now: datetime) -> int:
        """Take back what the slots of earlier versions hold from `since_slot` on, and drop all slots."""
        names = [name for name, data in documents(self._database, ALL) if data.get("slots")]
        return sum(in_parallel(lambda name: self._drop_slots(name, since_slot, now), names))

    def _drop_slots(self, name: str, since_slot: int, now: datetime) -> bool:
        from google.cloud.firestore import DELETE_FIELD

        reference = self._database.document(COLLECTION, name)

        def attempt() -> bool:
            before = self._database.snapshots([reference]).get((COLLECTION, name))
            data = (before and before.to_dict()) or {}
            if before is None or not data.get("slots"):
                return False
            slots = {int(key[1:]): counts for key, counts in data["slots"].items()}
            changes = _increments(stored.open_slots(slots, since_slot).negative())
            flat = {f"{part}.`{key}`": value for part, values in changes.items() for key, value in values.items()}
            batch = self._database.client.batch()
            unchanged = self._database.client.write_option(last_update_time=before.update_time)
            batch.update(reference, {**flat, "slots": DELETE_FIELD, "updated_at": now}, option=unchanged)
            self._database.commit(batch, "the slots of an event")
            return True

        return until_conditions_hold(attempt, "drop the slots of an event")

    def _change(
        self,
        state: Interaction,
        after: Register,
        before: "DocumentSnapshot[Any] | None",
        now: datetime,
        *,
        is_remembered: bool,
    ) -> None:
        def change() -> None:
            batch = self._database.client.batch()
            level = self.add_change(batch, state, after, before, now)
            if is_remembered:
                self._add_entry(batch, state)
            self._database.commit(batch, "the counts of an event")
            if level:
                self._spread.mark_flagged(state.event_id, level)

        self._with_room(state.user_id, change)

    def _merge_entry(self, interaction: Interaction, *, is_guarded: bool) -> None:
        def merge() -> None:
            batch = self._database.client.batch()
            if is_guarded:
                for marker in markers_of(self._database, interaction.user_id):
                    add_guard(self._database, batch, marker)
            self._add_entry(batch, interaction)
            self._database.commit(batch, "a history")

        self._with_room(interaction.user_id, merge)

    def _with_room(self, user_id: str, write: Callable[[], None]) -> None:
        """Write with an entry of a history, again after trimming one that is too large for another entry."""
        try:
            write()
        except Refused:
            self._histories.trim([user_id])
            write()

    def add_change(
        self,
        batch: "WriteBatch",
        state: Interaction,
        after: Register,
        before: "DocumentSnapshot[Any] | None",
        now: datetime,
    ) -> int:
        """Add the change of a register, and of the counts of its event, to `batch`.

        Returns the level of which the change tells readers, of counts that are spread over several documents; 0 for
        none.
        """
        write(self._database, batch, reference_of(self._database, state), after, before, now=now)
        added = stored.difference(read(before) if before else None, after)
        if not added:
            return 0
        event_id = state.event_id
        shard = self._spread.choose(event_id)
        self._add(batch, event_id, shard, added, now)
        if level := self._spread.missing_level(event_id, shard):
            first = {"event_id": event_id, "shard": 0, "updated_at": now, FLAGS[level]: True}
            batch.set(self._database.document(COLLECTION, event_id), first, merge=True)
        return level

    def _add_entry(self, batch: "WriteBatch", interaction: Interaction) -> None:
        if interaction.is_remembered():
            entry = {history.key_of(interaction): history.text_of(interaction)}
            self._histories.merge(batch, interaction.user_id, entry)

    def _load(self, part: Sequence[Counted], now: datetime) -> list[Appended]:
        documents_found: dict[tuple[str, str], DocumentSnapshot[Any]] = {}
        for _ in range(_ROUNDS):
            batch = self._database.client.batch()
            results, added = [], dict[str, list[EventCounts]]()
            for interaction, counts in part:
                result, changes = self._add_loaded(batch, interaction, counts, documents_found, now)
                results.append(result)
                for event_id, changed in changes:
                    if changed:
                        added.setdefault(event_id, []).append(changed)
            for event_id, parts in added.items():
                self._add(batch, event_id, 0, EventCounts.total(parts), now)
            try:
                if len(batch):
                    self._database.commit(batch, f"{len(part)} interactions")
            except PreconditionLost:
                wanted = [self._database.document(interactions.COLLECTION, entry.interaction_id) for entry, _ in part]
                states = [entry for entry, _ in part if not entry.type.meaning.repeats]
                wanted += [reference_of(self._database, state) for state in states]
                documents_found = self._database.snapshots(wanted)
            else:
                return results
        raise StoreUnavailable(f"cannot load {len(part)} interactions: others write the same ones; try again")

    def _add_loaded(
        self,
        batch: "WriteBatch",
        interaction: Interaction,
        counts: EventCounts,
        found: "Mapping[tuple[str, str], DocumentSnapshot[Any]]",
        now: datetime,
    ) -> tuple[Appended, list[tuple[str, EventCounts]]]:
        """Addition of an interaction to `batch`; the result, and the counts to add by event id."""
        before = found.get((interactions.COLLECTION, interaction.interaction_id))
        is_state = not interaction.type.meaning.repeats
        register = found.get((REGISTERS, reference_of(self._database, interaction).id)) if is_state else None
        result = interactions.result_of(interaction, before)
        if result is not Appended.NEW:
            return result, []
        stamp = interactions.stamp(interaction, before, now)
        if register:
            stamp = max(stamp, read(register).version + TICK)
        interactions.write(self._database, batch, interaction, before, stamp, counted=not is_state)
        if not is_state:
            return result, replaced_counts(interaction, counts, interactions.readable(before))
        after = Register(stamp, counts)
        write(self._database, batch, reference_of(self._database, interaction), after, register, now=now)
        changed = stored.difference(read(register) if register else None, after)
        return result, [(event_id, changed) for event_id in interaction.events()]

    def _drop(self, interaction: Interaction, erased_at: datetime, now: datetime) -> Recorded:
        """Deletion of a document of before an erasure, with what was counted for it.

        Once the document is gone, the erasure does not find it. A document in which the user did the same again stays.
        """
        reference = self._database.document(interactions.COLLECTION, interaction.interaction_id)
        counted = [] if interaction.type.meaning.repeats else [reference_of(self._database, interaction)]

        def attempt() -> Recorded:
            batch = self._database.client.batch()
            for (collection, _), found in self._database.snapshots([reference, *counted]).items():
                if collection == REGISTERS:
                    register = read(found)
                    if not register.is_deleted and register.version <= erased_at:
                        deleted = Register(register.version, is_deleted=True)
                        self.add_change(batch, interaction, deleted, found, now)
                    continue
                recorded_at = interactions.stamp_of(found)
                if recorded_at is None or recorded_at <= erased_at:
                    unchanged = self._database.client.write_option(last_update_time=found.update_time)
                    batch.delete(reference, option=unchanged)
            if len(batch):
                self._database.commit(batch, "a late interaction of a forgotten user")
            return Recorded.FORGOTTEN

        return until_conditions_hold(attempt, "delete a late interaction of a forgotten user")

    def _complete(self, found: dict[str, dict[str, Document]]) -> None:
        """Read the missing shards of those events whose counts are sharded."""
        firsts = [event_id for event_id, parts in found.items() if event_id not in parts]
        self._read_into(found, [(event_id, event_id) for event_id in firsts])
        read = {event_id: parts[event_id] for event_id, parts in found.items() if event_id in parts}
        rest = [(event_id, name_of(event_id, shard)) for event_id, data in read.items() for shard in shards_of(data)]
        self._read_into(found, [(event_id, name) for event_id, name in rest if name not in found[event_id]])

    def _read_into(self, found: dict[str, dict[str, Document]], wanted: Sequence[tuple[str, str]]) -> None:
        def read(part: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Document]:
            return self._database.read(self._database.document(COLLECTION, name) for _, name in part)

        for documents_read in in_parallel(read, chunks(wanted, lambda _: _BYTES)):
            for (_, name), data in documents_read.items():
                found[data["event_id"]][name] = data

    def _add(self, batch: "WriteBatch", event_id: str, shard: int, added: EventCounts, now: datetime) -> None:
        changes = _increments(added) | {"event_id": event_id, "shard": shard, "updated_at": now}
        batch.set(self._database.document(COLLECTION, name_of(event_id, shard)), changes, merge=True)


def _increments(counts: EventCounts) -> dict[str, Any]:
    from google.cloud.firestore import Increment

    return {
        # Merging an empty map would replace the stored one; `to_document` leaves empty parts out.
        part: {key: Increment(n) for key, n in values.items()}
        for part, values in stored.to_document(counts).items()
    }
