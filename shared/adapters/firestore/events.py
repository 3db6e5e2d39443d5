"""Events in Firestore."""

from collections.abc import Iterator, Sequence
from datetime import datetime
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
CHANGED: Final = Listing(COLLECTION, "updated_at")
ALL: Final = Listing(COLLECTION)


class FirestoreEvents:
    """`EventStore` on the collection `events`, which organizers' own programs write too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, events: Sequence[Event], *, now: datetime) -> Written:
        """Create or replace documents that differ, stamping `updated_at` with `now`."""
        wanted = {event.event_id: known_fields(event, "event_id", "updated_at") for event in events}
        parts = chunks(wanted.items(), lambda item: len(repr(item)))
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
        """Events with `updated_at` at or after `moment`, oldest first; for None every event behind `after`, by id."""
        found = documents(self._database, ALL if moment is None else CHANGED, moment, after=after)
        return untrusted.readable(COLLECTION, found, Event.from_document)

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
        if len(batch):
            self._database.commit(batch, f"{len(batch)} events")
        return Written(len(batch), len(wanted) - len(batch))
