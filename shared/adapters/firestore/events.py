"""Events in Firestore, and which of them changed when.

Whoever writes an event may forget to say so, or be wrong about the time, and nobody can say it in a document that was
deleted. So the server keeps its own note of each change, `event_changes/{event_id}`, which the `event` function writes.
Nothing is written to the events themselves, which would start that function again. A note holds the time alone; who
reads it fetches the event as it is now, so that late or repeated deliveries do no harm.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from shared.adapters import untrusted
from shared.adapters.firestore.client import Database, chunks, in_parallel, without_stamp
from shared.adapters.firestore.pages import Listing, documents
from shared.entities import Event, Status
from shared.entities.event import known_fields
from shared.ports import Written

COLLECTION: Final = "events"
ENDING: Final = Listing(COLLECTION, "ends_at", ">")
STARTING: Final = Listing(COLLECTION, "starts_at", ">")
CHANGES: Final = "event_changes"
CHANGED: Final = Listing(CHANGES, "changed_at")
ALL: Final = Listing(COLLECTION)
# At most this many events in a request, each with the note of its change.
_BYTES: Final = 16_000
_MANY: Final = 300


class FirestoreEvents:
    """`EventStore` on the collection `events`, which organizers' own programs write too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, events: Sequence[Event], *, now: datetime) -> Written:
        """Create or replace documents that differ, stamping `updated_at` with `now`."""
        wanted = {event.event_id: known_fields(event, "event_id", "updated_at") for event in events}
        parts = chunks(wanted.items(), lambda item: max(len(repr(item)), _BYTES))
        return sum(in_parallel(lambda part: self._put(dict(part), now), parts), start=Written())

    def get(self, event_id: str) -> Event | None:
        """One event, None when there is none; raises `InvalidField` when its document cannot be read."""
        found = self._database.read([self._database.document(COLLECTION, event_id)])
        return Event.from_document(event_id, found[COLLECTION, event_id]) if found else None

    def live(self, now: datetime) -> Iterator[Event]:
        """Published events that end, or else start, after `now`; unreadable ones are logged.

        Two queries on what every dated document has: a status that is missing means `published`, which no query finds,
        and a missing end lets the start decide.
        """
        for event in untrusted.readable(COLLECTION, self._later(now), Event.from_document):
            over_at = event.over_at()
            if event.status is Status.PUBLISHED and over_at is not None and over_at > now:
                yield event

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[Event]:
        """Events that changed at or after `moment`, oldest first; for None readable ones behind `after`, by id."""
        if moment is None:
            found = documents(self._database, ALL, after=after)
            return untrusted.readable(COLLECTION, found, Event.from_document)
        return self._changed(moment)

    def touch(self, event_id: str, *, now: datetime) -> None:
        """Let `changed_since` tell of this event as changed now, whoever wrote its document and whatever it says."""
        batch = self._database.client.batch()
        batch.set(self._database.document(CHANGES, event_id), {"changed_at": now})
        self._database.commit(batch, f"that {event_id} changed")

    def _changed(self, moment: datetime) -> Iterator[Event]:
        """The events as they are now; `updated_at` is when the server saw the change."""
        changes = documents(self._database, CHANGED, moment)
        while part := list(islice(changes, _MANY)):
            stored = self._database.read(self._database.document(COLLECTION, event_id) for event_id, _ in part)
            self._database.listed += len(part)
            self._database.listed += len(part)
            for event_id, change in part:
                stamp = {"updated_at": change["changed_at"]}
                yield untrusted.current(event_id, stored.get((COLLECTION, event_id)), stamp)

    def _later(self, now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        seen = set()
        for listing in (ENDING, STARTING):
            for event_id, data in documents(self._database, listing, now):
                if event_id not in seen:
                    seen.add(event_id)
                    yield event_id, data

    def _put(self, wanted: dict[str, dict[str, Any]], now: datetime) -> Written:
        places = {event_id: self._database.document(COLLECTION, event_id) for event_id in wanted}
        stored = self._database.read(places.values())
        batch = self._database.client.batch()
        for event_id, document in wanted.items():
            if without_stamp(stored.get((COLLECTION, event_id))) != document:
                batch.set(places[event_id], {**document, "updated_at": now})
                batch.set(self._database.document(CHANGES, event_id), {"changed_at": now})
        written = len(batch) // 2
        if written:
            self._database.commit(batch, f"{written} events")
        return Written(written, len(wanted) - written)
