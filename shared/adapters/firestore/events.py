"""Events in Firestore, with a change feed.

Programs that write events may forget to stamp the change, or stamp a wrong time, and a deleted document holds no stamp.
The server therefore keeps its own change feed, `event_changes/{event_id}`, which the `event` function writes. Nothing
is written to the events themselves, since that would trigger the function again. An entry of the feed holds only the
time; its reader fetches the current event, so late or repeated deliveries do no harm.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import untrusted
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.adapters.firestore.pages import Listing, at_once, documents, of_any_type
from shared.entities import Event, Status
from shared.entities.event import MAX_ASSUMED, known_fields
from shared.entities.fields import Document
from shared.errors import InvalidField
from shared.ports import Written

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot

COLLECTION: Final = "events"
ENDING: Final = Listing(COLLECTION, "ends_at", ">")
STARTING: Final = Listing(COLLECTION, "starts_at", ">")
CHANGES: Final = "event_changes"
CHANGED: Final = Listing(CHANGES, "changed_at")
ALL: Final = Listing(COLLECTION)
TIMES: Final = ("starts_at", "ends_at", "timezone")
# Least weight of an event in a request: at most 250 events, since each adds a document to the change feed as well.
_BYTES: Final = 16_000
_MANY: Final = 300


class FirestoreEvents:
    """Event store (`EventStore`) on the collection of events, which the app's own programs also write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, events: Sequence[Event], *, now: datetime) -> Written:
        """Create or change the events whose documents differ, stamping `updated_at` with `now`.

        Fields that are not Marquee's stay as they are. Raises `InvalidField` for a status that the schema cannot write.
        """
        wanted = {event.event_id: known_fields(event, "event_id", "updated_at") for event in events}
        parts = chunks(wanted.items(), lambda item: max(len(repr(item)), _BYTES))
        return sum(in_parallel(lambda part: self._put(dict(part), now), parts), start=Written())

    def get(self, event_id: str) -> Event | None:
        """Event by id, None for a missing document; raises `InvalidField` for an unreadable one."""
        found = self._database.read([self._database.document(COLLECTION, event_id)])
        return Event.read(event_id, found[COLLECTION, event_id]) if found else None

    def live(self, now: datetime) -> Iterator[Event]:
        """Live events: published, and over after `now` or, without an end, perhaps after it.

        Unreadable documents are logged and left out. Queries on the end and on the start, since events without an end
        go by their start, each for every type of a time. No query can select by status, since a missing status means
        `published`.
        """
        for event in untrusted.readable(COLLECTION, self._later(now), Event.read):
            over_by = event.over_by()
            if event.status is Status.PUBLISHED and over_by is not None and over_by > now:
                yield event

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[Event]:
        """Changed events since `moment`, inclusive, oldest first; for None all events with ids after `after`."""
        if moment is not None:
            return untrusted.readable(
                COLLECTION, self._changed(moment), lambda key, found: untrusted.current(key, *found)
            )
        found = documents(self._database, ALL, after=after)
        return untrusted.readable(COLLECTION, found, lambda key, data: untrusted.current(key, data, {}))

    def touch(self, event_id: str, *, now: datetime) -> None:
        """Mark an event as changed at `now` for `changed_since`, whatever its own `updated_at` is."""
        batch = self._database.client.batch()
        batch.set(self._database.document(CHANGES, event_id), {"changed_at": now})
        self._database.commit(batch, f"that {event_id} changed")

    def _changed(self, moment: datetime) -> Iterator[tuple[str, tuple[Document | None, Document]]]:
        """Changed events by id: the document, None for a deleted one, and the server's time of the change, a field."""
        changes = documents(self._database, CHANGED, moment)
        while part := list(islice(changes, _MANY)):
            stored = self._database.read(self._database.document(COLLECTION, event_id) for event_id, _ in part)
            self._database.listed += len(part)
            for event_id, change in part:
                yield event_id, (stored.get((COLLECTION, event_id)), {"updated_at": change["changed_at"]})

    def _later(self, now: datetime) -> Iterator[tuple[str, Document]]:
        ending, *of_ends = of_any_type(self._database, ENDING, now)
        starting, *of_starts = of_any_type(self._database, STARTING, now - MAX_ASSUMED)
        seen = set()
        # Few apps have times of several types: most of these queries find nothing, and wait for the network alone.
        for event_id, data in chain(ending, starting, at_once([*of_ends, *of_starts])):
            if event_id not in seen:
                seen.add(event_id)
                yield event_id, data

    def _put(self, wanted: dict[str, dict[str, Any]], now: datetime) -> Written:
        references = {event_id: self._database.document(COLLECTION, event_id) for event_id in wanted}
        stored = self._database.snapshots(references.values())
        batch = self._database.client.batch()
        written = 0
        for event_id, document in wanted.items():
            before = stored.get((COLLECTION, event_id))
            if self._database.bring(batch, references[event_id], document, before, now=now):
                batch.set(self._database.document(CHANGES, event_id), {"changed_at": now})
                written += 1
        if written:
            self._database.commit(batch, f"{written} events")
        return Written(written, len(wanted) - written)


def is_over(database: Database, snapshot: "DocumentSnapshot[Any]") -> bool:
    """End of an event by the `TIMES` of its document: True if it was over when read, False if these are unusable."""
    document = {**database.fields(snapshot)}
    document.pop("timezone", None)
    try:
        over_by = Event.from_document(snapshot.id, document).over_by()
    except InvalidField:
        return False
    return over_by is not None and over_by <= snapshot.read_time
