"""Event counts in Firestore."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import counts as stored
from shared.adapters import history
from shared.adapters.firestore import interactions, personal
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.adapters.firestore.histories import Histories
from shared.adapters.firestore.pages import Listing, documents
from shared.adapters.firestore.spread import SHARDS, Spread, name_of
from shared.entities import EventCounts, Interaction, fields
from shared.ports import OpenCounts, Recorded, Settlement

if TYPE_CHECKING:
    from google.cloud.firestore import WriteBatch

COLLECTION: Final = "event_counts"
PROCESSED: Final = "processed"
CHANGED: Final = Listing(COLLECTION, "updated_at")
ALL: Final = Listing(COLLECTION)
# Deliveries are repeated for a day; Firestore deletes a marker at some time after it expires.
_MARKER_LIFE: Final = timedelta(days=30)
_BYTES: Final = 2_000
"""Estimated size of a document of counts, for requests within Firestore's limit."""


class FirestoreCounters:
    """Event counters (`Counters`) on the collections `event_counts` and `processed`; recording reads no document."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._histories = Histories(database)
        self._spread = Spread()

    def record(self, interaction: Interaction, added: EventCounts, *, slot: int, now: datetime) -> Recorded:
        """Record an interaction in its user's history and its event's counts: atomic and idempotent."""
        from google.api_core.exceptions import AlreadyExists

        try:
            self._record(interaction, added, slot, now, guarded=True)
        except AlreadyExists:
            forgotten_at = self._forgotten_at(interaction.user_id)
            if forgotten_at is None:
                return Recorded.KNOWN
            if interaction.recorded_at is None or interaction.recorded_at <= forgotten_at:
                self._drop(interaction)
                return Recorded.FORGOTTEN
            try:
                self._record(interaction, added, slot, now, guarded=False)
            except AlreadyExists:
                return Recorded.KNOWN
        return Recorded.NEW

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Add to the counts of many events, idempotent by `key`; False when all were added under this key before.

        Each commit marks its part of the key, so repeating an interrupted call adds only the missing parts.
        """
        parts = chunks(sorted(counts.items(), key=lambda item: item[0]), lambda _: _BYTES)
        added = in_parallel(lambda part: self._add_part(part[1], f"{key}-{part[0]}", now), enumerate(parts))
        return any(added)

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """Changed counts: `(event_id, counts, updated_at)` of events counted at or after `moment`; all for None.

        Oldest first. The counts of a hot event are sharded over several documents; its unchanged shards are read too.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {}
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

    def open_since(self, moment: datetime) -> Iterator[OpenCounts]:
        """Unsettled counts by slot of the shards that changed at or after `moment`, in any order."""
        for _, data in documents(self._database, CHANGED, moment):
            slots = {int(key[1:]): stored.from_document(counts) for key, counts in data.get("slots", {}).items()}
            yield OpenCounts(data["event_id"], data["shard"], slots)

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Correct counts, both the totals and those by slot, and drop closed slots."""

        def commit(part: Sequence[Settlement]) -> None:
            batch = self._database.client.batch()
            for settlement in part:
                self._settle(batch, settlement, now)
            # Increments are not idempotent: a retry could count twice. The next run corrects a commit that failed.
            self._database.commit(batch, f"corrections of {len(part)} events", is_repeatable=False)

        in_parallel(commit, chunks(settlements, lambda _: _BYTES))

    def _record(self, interaction: Interaction, added: EventCounts, slot: int, now: datetime, *, guarded: bool) -> None:
        batch = self._database.client.batch()
        needs_flag = False
        if guarded:
            # A precondition without a read: the batch fails if the marker of a forgotten user exists.
            absent = self._database.client.write_option(exists=False)
            batch.delete(personal.marker_of(self._database, interaction.user_id), option=absent)
        if interaction.is_remembered():
            entry = {history.key_of(interaction.interaction_id): history.text_of(interaction)}
            self._histories.merge(batch, interaction.user_id, entry)
        if added:
            marker = self._database.document(PROCESSED, stored.marker_of(interaction.interaction_id))
            batch.create(marker, {"expires_at": now + _MARKER_LIFE})
            shard = self._spread.choose(interaction.event_id)
            self._add(batch, interaction.event_id, shard, added, {slot: added}, now)
            if needs_flag := self._spread.needs_flag(interaction.event_id, shard):
                first = {"event_id": interaction.event_id, "shard": 0, "updated_at": now, "spread": True}
                batch.set(self._database.document(COLLECTION, interaction.event_id), first, merge=True)
        if len(batch):
            self._database.commit(batch, f"the counts of {interaction.interaction_id}")
        if needs_flag:
            self._spread.mark_flagged(interaction.event_id)

    def _forgotten_at(self, user_id: str) -> datetime | None:
        marker = personal.marker_of(self._database, user_id)
        found = self._database.read([marker])
        return fields.required_time(found[personal.FORGOTTEN, marker.id], "at") if found else None

    def _drop(self, interaction: Interaction) -> None:
        batch = self._database.client.batch()
        batch.delete(self._database.document(interactions.COLLECTION, interaction.interaction_id))
        self._database.commit(batch, "a late interaction of a forgotten user")

    def _complete(self, found: dict[str, dict[str, dict[str, Any]]]) -> None:
        """Read the missing shards of those events whose counts are sharded."""
        firsts = [event_id for event_id, parts in found.items() if event_id not in parts]
        self._read_into(found, [(event_id, event_id) for event_id in firsts])
        spread = [event_id for event_id, parts in found.items() if parts.get(event_id, {}).get("spread")]
        rest = [(event_id, name_of(event_id, shard)) for event_id in spread for shard in range(1, SHARDS)]
        self._read_into(found, [(event_id, name) for event_id, name in rest if name not in found[event_id]])

    def _read_into(self, found: dict[str, dict[str, dict[str, Any]]], wanted: Sequence[tuple[str, str]]) -> None:
        def read(part: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
            return self._database.read(self._database.document(COLLECTION, name) for _, name in part)

        for documents_read in in_parallel(read, chunks(wanted, lambda _: _BYTES)):
            for (_, name), data in documents_read.items():
                found[data["event_id"]][name] = data

    def _add_part(self, part: Sequence[tuple[str, EventCounts]], key: str, now: datetime) -> bool:
        from google.api_core.exceptions import AlreadyExists

        batch = self._database.client.batch()
        batch.create(self._database.document(PROCESSED, key), {"expires_at": now + _MARKER_LIFE})
        for event_id, added in part:
            self._add(batch, event_id, 0, added, {}, now)
        try:
            self._database.commit(batch, f"the counts of {len(part)} events")
        except AlreadyExists:
            return False
        return True

    def _add(
        self,
        batch: "WriteBatch",
        event_id: str,
        shard: int,
        added: EventCounts,
        by_slot: Mapping[int, EventCounts],
        now: datetime,
    ) -> None:
        changes = _changes(added, by_slot) | {"event_id": event_id, "shard": shard, "updated_at": now}
        batch.set(self._database.document(COLLECTION, name_of(event_id, shard)), changes, merge=True)

    def _settle(self, batch: "WriteBatch", settlement: Settlement, now: datetime) -> None:
        from google.cloud.firestore import DELETE_FIELD

        event_id, shard, added = settlement.event_id, settlement.shard, settlement.added
        changes = _changes(EventCounts.total(added.values()), added)
        for slot in settlement.closed:
            changes.setdefault("slots", {})[_slot(slot)] = DELETE_FIELD
        if any(added.values()):
            changes |= {"event_id": event_id, "shard": shard, "updated_at": now}
        batch.set(self._database.document(COLLECTION, name_of(event_id, shard)), changes, merge=True)


def _slot(slot: int) -> str:
    return f"s{slot}"


def _changes(added: EventCounts, by_slot: Mapping[int, EventCounts]) -> dict[str, Any]:
    slots = {_slot(slot): _increments(counts) for slot, counts in by_slot.items() if counts}
    return {**_increments(added), **({"slots": slots} if slots else {})}


def _increments(counts: EventCounts) -> dict[str, Any]:
    from google.cloud.firestore import Increment

    return {
        # Merging an empty map would replace the stored one; `to_document` leaves empty parts out.
        part: {key: Increment(n) for key, n in values.items()}
        for part, values in stored.to_document(counts).items()
    }
