"""Reconciliation of event counts with the interaction documents: settles and corrects them slot by slot."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from shared.entities import EventCounts, Interaction
from shared.feedback.counts import SETTLED_AFTER, BySlot, partner_id, slot_of, start_of, tally
from shared.ports import Documents, Settlement

BOOKMARK: Final = "reconciled"
BATCH_SIZE: Final = 20_000
"""Interactions that are settled together, in whole slots: the bookmark moves after each batch."""

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MANY_CLOSED: Final = 12
"""Settled slots in a shard that justify a write of their own; fewer wait for the next write to the shard."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Report of a reconciliation run.

    Attributes
    ----------
    until : counts agree with the documents recorded before this time.
    interactions : documents read.
    settled : interactions of repeating types that were counted, which only settling does.
    lost, doubled : interactions of types that count at once which were not counted, or more than once.
    remembered : interactions that were missing in their user's history.
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
class _Batch:
    """Interactions recorded in the slots `first` to `until` - 1."""

    interactions: list[Interaction]
    first: int
    until: int


def reconcile(documents: Documents, *, now: datetime) -> Reconciliation:
    """Reconciliation of all slots since the last run that are at least `SETTLED_AFTER` old.

    A correction is also added to the slot that it corrects, and the bookmark moves past a batch only when the batch is
    fully corrected. So a run that is killed anywhere may be repeated without counting anything twice.
    """
    begin = documents.bookmarks.read(BOOKMARK) or _BEGINNING
    end = slot_of(now - SETTLED_AFTER)
    counted = _CountedSlots.read(documents, begin)
    report = Reconciliation(until=begin)
    for batch in _batches(documents.interactions.uncounted(begin), slot_of(begin), end):
        found = _settle(documents, batch, counted, now)
        report = replace(
            report,
            until=start_of(batch.until),
            interactions=report.interactions + len(batch.interactions),
            remembered=report.remembered + _remember(documents, batch.interactions, now),
            **{name: getattr(report, name) + n for name, n in found.items()},
        )
        documents.bookmarks.move(BOOKMARK, report.until)
    return report


def _batches(interactions: Iterator[Interaction], first: int, end: int) -> Iterator[_Batch]:
    """Batches of whole slots before `end`, of about `BATCH_SIZE` interactions each; the last batch reaches `end`."""
    if first >= end:
        return
    part: list[Interaction] = []
    for interaction in interactions:
        slot = slot_of(interaction.recorded_at or _BEGINNING)
        if slot >= end:
            break
        if len(part) >= BATCH_SIZE and slot > slot_of(part[-1].recorded_at or _BEGINNING):
            yield _Batch(part, first, slot)
            part, first = [], slot
        part.append(interaction)
    yield _Batch(part, first, end)


@dataclass(frozen=True, slots=True)
class _CountedSlots:
    """Counts as stored, by event, shard and slot, and the settled slots that each shard may drop."""

    slots: dict[str, dict[int, BySlot]]
    closed: dict[tuple[str, int], list[int]]

    @classmethod
    def read(cls, documents: Documents, begin: datetime) -> "_CountedSlots":
        slots: defaultdict[str, dict[int, BySlot]] = defaultdict(dict)
        closed: dict[tuple[str, int], list[int]] = {}
        first = slot_of(begin)
        # The instances that count stamp changes by their own clocks, which differ.
        for shard in documents.counters.open_since(max(begin - SETTLED_AFTER, _BEGINNING)):
            by_slot = {slot: counts for slot, counts in shard.slots.items() if slot >= first}
            slots[shard.event_id][shard.shard] = by_slot
            closed[shard.event_id, shard.shard] = [slot for slot in shard.slots if slot < first]
        return cls(dict(slots), closed)

    def of(self, event_id: str, batch: _Batch) -> BySlot:
        """Counts of an event by slot of a batch, summed over its shards."""
        parts: defaultdict[int, list[EventCounts]] = defaultdict(list)
        for by_slot in self.slots.get(event_id, {}).values():
            for slot, counts in by_slot.items():
                if batch.first <= slot < batch.until:
                    parts[slot].append(counts)
        return {slot: EventCounts.total(counts) for slot, counts in parts.items()}


def _settle(documents: Documents, batch: _Batch, counted: _CountedSlots, now: datetime) -> dict[str, int]:
    expected = tally(batch.interactions, _partners(documents, batch.interactions))
    differences = {
        event_id: _difference(expected.get(event_id, {}), counted.of(event_id, batch))
        for event_id in sorted({*expected, *counted.slots})
    }
    differences = {event_id: added for event_id, added in differences.items() if added}
    settlements = [
        Settlement(event_id, 0, added, counted.closed.pop((event_id, 0), [])) for event_id, added in differences.items()
    ]
    for (event_id, shard), closed in list(counted.closed.items()):
        if len(closed) >= _MANY_CLOSED:
            settlements.append(Settlement(event_id, shard, {}, counted.closed.pop((event_id, shard))))
    documents.counters.settle(settlements, now=now)
    return _findings(differences)


def _partners(documents: Documents, interactions: Iterable[Interaction]) -> Mapping[str, Interaction]:
    """Bookings and cancellations, by id, that match the cancellations and bookings of a batch."""
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
    for interaction in missing:
        # Not merged in bulk, since a user may have been forgotten after the documents were read.
        slot = slot_of(interaction.recorded_at or now)
        documents.counters.record(interaction, EventCounts(), slot=slot, now=now)
    return len(missing)
