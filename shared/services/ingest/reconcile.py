"""Makes counts what the documents say, slot by slot: adds what triggers leave to it, mends what they got wrong."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from shared.entities import EventCounts, Interaction
from shared.feedback.counts import SETTLED_AFTER, BySlot, partner_id, slot_of, start_of, tally
from shared.ports import Documents, Settlement

BOOKMARK: Final = "reconciled"
WINDOW: Final = 20_000
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A slot that is settled costs nothing where it lies, so it goes with the next write or when many have gathered.
_MANY_CLOSED: Final = 12


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a run found and did.

    Attributes
    ----------
    until : counts are those of the documents recorded before.
    interactions : documents read.
    settled : interactions of repeating types that were counted, as is meant to be.
    lost, doubled : interactions of other types that had not been counted, or more often than once.
    remembered : interactions that their user's history lacked.
    events : events whose counts changed.
    """

    until: datetime
    interactions: int = 0
    settled: int = 0
    lost: int = 0
    doubled: int = 0
    remembered: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class _Window:
    interactions: list[Interaction]
    first: int
    until: int


def reconcile(documents: Documents, *, now: datetime) -> Reconciliation:
    """Settle all slots since the last run that are old enough.

    Corrections are also noted in the slots that they correct, and the bookmark moves behind a window only when all of
    it is corrected: a run that is killed anywhere is repeated without counting anything twice.
    """
    begin = documents.bookmarks.read(BOOKMARK) or _BEGINNING
    end = slot_of(now - SETTLED_AFTER)
    held = _Held.read(documents, begin)
    report = Reconciliation(until=begin)
    for window in _windows(documents.interactions.uncounted(begin), slot_of(begin), end):
        found = _settle(documents, window, held, now)
        report = replace(
            report,
            until=start_of(window.until),
            interactions=report.interactions + len(window.interactions),
            remembered=report.remembered + _remember(documents, window.interactions, now),
            **{name: getattr(report, name) + n for name, n in found.items()},
        )
        documents.bookmarks.move(BOOKMARK, report.until)
    return report


def _windows(interactions: Iterator[Interaction], first: int, end: int) -> Iterator[_Window]:
    """Whole slots before `end`, in parts of about `WINDOW` interactions; the last one reaches to `end`."""
    if first >= end:
        return
    part: list[Interaction] = []
    for one in interactions:
        slot = slot_of(one.recorded_at or _BEGINNING)
        if slot >= end:
            break
        if len(part) >= WINDOW and slot > slot_of(part[-1].recorded_at or _BEGINNING):
            yield _Window(part, first, slot)
            part, first = [], slot
        part.append(one)
    yield _Window(part, first, end)


@dataclass(frozen=True, slots=True)
class _Held:
    """What counts hold by event, shard and slot, and which slots each shard may drop."""

    slots: dict[str, dict[int, BySlot]]
    closed: dict[tuple[str, int], list[int]]

    @classmethod
    def read(cls, documents: Documents, begin: datetime) -> "_Held":
        slots: defaultdict[str, dict[int, BySlot]] = defaultdict(dict)
        closed: dict[tuple[str, int], list[int]] = {}
        first = slot_of(begin)
        # Whoever counts stamps the time by its own clock.
        for one in documents.counters.open_since(max(begin - SETTLED_AFTER, _BEGINNING)):
            slots[one.event_id][one.shard] = {slot: counts for slot, counts in one.slots.items() if slot >= first}
            closed[one.event_id, one.shard] = [slot for slot in one.slots if slot < first]
        return cls(dict(slots), closed)

    def of(self, event_id: str, window: _Window) -> BySlot:
        """What all shards of an event hold of the slots of a window."""
        parts: defaultdict[int, list[EventCounts]] = defaultdict(list)
        for by_slot in self.slots.get(event_id, {}).values():
            for slot, counts in by_slot.items():
                if window.first <= slot < window.until:
                    parts[slot].append(counts)
        return {slot: EventCounts.total(counts) for slot, counts in parts.items()}


def _settle(documents: Documents, window: _Window, held: _Held, now: datetime) -> dict[str, int]:
    expected = tally(window.interactions, _partners(documents, window.interactions))
    differences = {
        event_id: _difference(expected.get(event_id, {}), held.of(event_id, window))
        for event_id in sorted({*expected, *held.slots})
    }
    differences = {event_id: added for event_id, added in differences.items() if added}
    settlements = [
        Settlement(event_id, 0, added, held.closed.pop((event_id, 0), [])) for event_id, added in differences.items()
    ]
    for (event_id, shard), closed in list(held.closed.items()):
        if len(closed) >= _MANY_CLOSED:
            settlements.append(Settlement(event_id, shard, {}, held.closed.pop((event_id, shard))))
    documents.counters.settle(settlements, now=now)
    return _findings(differences)


def _partners(documents: Documents, interactions: Iterable[Interaction]) -> Mapping[str, Interaction]:
    """The bookings and cancellations that belong to those of a window."""
    wanted = [key for key in map(partner_id, interactions) if key]
    return documents.interactions.get(wanted) if wanted else {}


def _difference(expected: Mapping[int, EventCounts], actual: Mapping[int, EventCounts]) -> BySlot:
    by_slot = {
        slot: EventCounts.total([expected.get(slot, EventCounts()), actual.get(slot, EventCounts()).negative()])
        for slot in {*expected, *actual}
    }
    return {slot: added for slot, added in by_slot.items() if added}


def _findings(differences: Mapping[str, BySlot]) -> dict[str, int]:
    changes = [
        (kind, n) for by_slot in differences.values() for added in by_slot.values() for kind, n in added.by_type.items()
    ]
    return {
        "settled": sum(n for kind, n in changes if kind.meaning.repeats),
        "lost": sum(n for kind, n in changes if not kind.meaning.repeats and n > 0),
        "doubled": -sum(n for kind, n in changes if not kind.meaning.repeats and n < 0),
        "events": len(differences),
    }


def _remember(documents: Documents, interactions: list[Interaction], now: datetime) -> int:
    missing = documents.users.trim_histories(interactions)
    for one in missing:
        # Not merged in bulk, since a user may have been forgotten after the documents were read.
        documents.counters.record(one, EventCounts(), slot=slot_of(one.recorded_at or now), now=now)
    return len(missing)
