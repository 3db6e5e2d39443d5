"""What interactions add to the counts of events: a pure function of the documents, whatever triggers did.

Types that happen once for a user and an event count when their trigger comes. Types that repeat, such as views, are
many and say little each, so they count when the documents of their slot are settled, one write an event instead of one
each. Settling works out what every slot should hold from the documents alone, so it also mends what triggers missed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.entities import EventCounts, Interaction, InteractionType, is_anonymous
from shared.feedback.popularity import counts_of

SLOT: Final = timedelta(minutes=10)
COUNTED_UNTIL: Final = timedelta(minutes=5)
"""After the end of its slot a delivery is too late to count, and left to settling."""

SETTLED_AFTER: Final = timedelta(minutes=10)
"""After its end a slot may be settled: later than any delivery counts, by more than a function may run."""

MAX_WEIGHED: Final = 60
"""Of what one user repeats in one slot, this many make events more popular; the others only count by type."""

_UNDOES: Final = {kind: InteractionType(kind.meaning.undoes) for kind in InteractionType if kind.meaning.undoes}
_PARTNERS: Final = _UNDOES | {undone: kind for kind, undone in _UNDOES.items()}

BySlot = dict[int, EventCounts]


def slot_of(moment: datetime) -> int:
    """The number of the slot that a moment lies in.

    >>> slot_of(datetime(1970, 1, 1, 0, 25, tzinfo=UTC))
    2
    """
    return int(moment.timestamp() // SLOT.total_seconds())


def start_of(slot: int) -> datetime:
    """When a slot begins."""
    return datetime.fromtimestamp(slot * SLOT.total_seconds(), UTC)


def counts_at_once(one: Interaction) -> bool:
    """Whether its trigger counts it, unless that comes too late."""
    return bool(one.event_id) and not one.type.meaning.repeats and not is_anonymous(one.user_id)


def is_too_late(recorded_at: datetime, now: datetime) -> bool:
    """Whether the slot of what was recorded then may be settled before a delivery at `now` has counted it."""
    return now > start_of(slot_of(recorded_at) + 1) + COUNTED_UNTIL


def partner_id(one: Interaction) -> str | None:
    """The id of the cancellation of a booking, and of the booking of a cancellation; None for other types."""
    kind = _PARTNERS.get(one.type)
    return kind and replace(one, type=kind).expected_id()


def addition(one: Interaction, partner: Interaction | None) -> EventCounts:
    """What an interaction adds to its event, given the booking or the cancellation that belongs to it.

    A cancellation undoes a booking that was made before it. Whichever of the two was recorded later does so: the
    cancellation by taking the booking back, the booking, which then comes too late, by adding nothing.
    """
    counts = counts_of(one)
    if partner is None or (partner.user_id, partner.event_id) != (one.user_id, one.event_id):
        return counts
    if one.type is InteractionType.CANCEL and _is_undone(partner, one) and not _is_recorded_before(one, partner):
        return EventCounts.total([counts, counts_of(partner).negative()])
    if one.type is InteractionType.BOOKING and _is_undone(one, partner) and _is_recorded_before(partner, one):
        return EventCounts()
    return counts


def tally(interactions: Iterable[Interaction], partners: Mapping[str, Interaction]) -> dict[str, BySlot]:
    """What the counts of each event should hold of whole slots.

    Parameters
    ----------
    interactions : all that was recorded in those slots.
    partners : bookings and cancellations by id, as far as there are any, whenever they were recorded.
    """
    parts: defaultdict[str, defaultdict[int, list[EventCounts]]] = defaultdict(lambda: defaultdict(list))
    weighed: Counter[tuple[str, int]] = Counter()
    for one in sorted(interactions, key=_order):
        slot = slot_of(_recorded_at(one))
        if is_anonymous(one.user_id):
            continue
        counts = addition(one, partners.get(partner_id(one) or ""))
        if one.type.meaning.repeats and counts.decayed:
            weighed[one.user_id, slot] += 1
            if weighed[one.user_id, slot] > MAX_WEIGHED:
                counts = replace(counts, decayed={})
        for event_id in one.events():
            parts[event_id][slot].append(counts)
    return {
        event_id: {slot: EventCounts.total(added) for slot, added in by_slot.items()}
        for event_id, by_slot in parts.items()
    }


def _is_undone(booking: Interaction, cancel: Interaction) -> bool:
    return booking.occurred_at <= cancel.occurred_at


def _is_recorded_before(first: Interaction, second: Interaction) -> bool:
    return _recorded_at(first) < _recorded_at(second)


def _order(one: Interaction) -> tuple[datetime, str]:
    return _recorded_at(one), one.interaction_id


def _recorded_at(one: Interaction) -> datetime:
    if one.recorded_at is None:
        raise ValueError(f"expected interactions that a store has recorded, got {one.interaction_id!r}")
    return one.recorded_at
