"""Event counts that interactions add, as a pure function of the stored documents, independent of trigger deliveries.

Types that happen once for a user and an event are counted by their trigger. Types that repeat, such as views, are
frequent and weigh little, so they are counted when the documents of their slot are settled: one write per event
instead of one per interaction. Settling computes the counts of a slot from the documents alone, so it also corrects
deliveries that were lost.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.entities import EventCounts, Interaction, InteractionType, is_anonymous
from shared.feedback.popularity import counts_of

SLOT: Final = timedelta(minutes=10)
"""Length of a slot: counts are kept and settled by ten minutes of `recorded_at`."""

COUNTED_UNTIL: Final = timedelta(minutes=5)
"""Time after the end of its slot until which a delivery is counted by its trigger; later ones are left to settling."""

SETTLED_AFTER: Final = timedelta(minutes=10)
"""Time after the end of a slot from which it may be settled: `COUNTED_UNTIL` and more than a function may run."""

MAX_WEIGHED: Final = 60
"""Maximum number of repeating interactions of a user in a slot that add popularity; the rest count by type only."""

_UNDOES: Final = {kind: InteractionType(kind.meaning.undoes) for kind in InteractionType if kind.meaning.undoes}
_PARTNERS: Final = _UNDOES | {undone: kind for kind, undone in _UNDOES.items()}

BySlot = dict[int, EventCounts]
"""Counts of an event by slot number."""


def slot_of(moment: datetime) -> int:
    """Slot number of a time: whole slots since 1970.

    >>> slot_of(datetime(1970, 1, 1, 0, 25, tzinfo=UTC))
    2
    """
    return int(moment.timestamp() // SLOT.total_seconds())


def start_of(slot: int) -> datetime:
    """Start time of a slot, UTC."""
    return datetime.fromtimestamp(slot * SLOT.total_seconds(), UTC)


def counts_at_once(interaction: Interaction) -> bool:
    """Trigger counting: True for an interaction of a non-repeating type with an event and a signed-in user.

    A delivery that is too late, see `is_too_late`, is left to settling even so.
    """
    return bool(interaction.event_id) and not interaction.type.meaning.repeats and not is_anonymous(interaction.user_id)


def is_too_late(recorded_at: datetime, now: datetime) -> bool:
    """Lateness of a delivery at `now`: True if the slot of `recorded_at` may be settled before it is counted."""
    return now > start_of(slot_of(recorded_at) + 1) + COUNTED_UNTIL


def partner_id(interaction: Interaction) -> str | None:
    """Id of the cancellation of a booking, or of the booking of a cancellation; None for other types."""
    kind = _PARTNERS.get(interaction.type)
    return kind and replace(interaction, type=kind).expected_id()


def addition(interaction: Interaction, partner: Interaction | None) -> EventCounts:
    """Counts that an interaction adds to its event, given the booking or cancellation that is its partner.

    A cancellation undoes a booking that occurred before it. The one of the two that was recorded later accounts for
    this: a cancellation subtracts the counts of the booking, a booking adds nothing.
    """
    counts = counts_of(interaction)
    if partner is None or (partner.user_id, partner.event_id) != (interaction.user_id, interaction.event_id):
        return counts
    is_cancel, is_booking = (interaction.type is kind for kind in (InteractionType.CANCEL, InteractionType.BOOKING))
    if is_cancel and _is_undone(partner, interaction) and not _is_recorded_before(interaction, partner):
        return EventCounts.total([counts, counts_of(partner).negative()])
    if is_booking and _is_undone(interaction, partner) and _is_recorded_before(partner, interaction):
        return EventCounts()
    return counts


def tally(interactions: Iterable[Interaction], partners: Mapping[str, Interaction]) -> dict[str, BySlot]:
    """Settled counts of whole slots, by event id and slot number.

    Parameters
    ----------
    interactions : all interactions recorded in those slots, in any order; each has a `recorded_at`.
    partners : the bookings and cancellations that exist for `partner_id` of these interactions, by id, from any slot.
    """
    added: defaultdict[str, defaultdict[int, list[EventCounts]]] = defaultdict(lambda: defaultdict(list))
    n_weighed: Counter[tuple[str, int]] = Counter()
    for interaction in sorted(interactions, key=_order):
        slot = slot_of(_recorded_at(interaction))
        if is_anonymous(interaction.user_id):
            continue
        counts = addition(interaction, partners.get(partner_id(interaction) or ""))
        if interaction.type.meaning.repeats and counts.decayed:
            n_weighed[interaction.user_id, slot] += 1
            if n_weighed[interaction.user_id, slot] > MAX_WEIGHED:
                counts = replace(counts, decayed={})
        for event_id in interaction.events():
            added[event_id][slot].append(counts)
    return {
        event_id: {slot: EventCounts.total(counts) for slot, counts in by_slot.items()}
        for event_id, by_slot in added.items()
    }


def _is_undone(booking: Interaction, cancel: Interaction) -> bool:
    return booking.occurred_at <= cancel.occurred_at


def _is_recorded_before(first: Interaction, second: Interaction) -> bool:
    return _recorded_at(first) < _recorded_at(second)


def _order(interaction: Interaction) -> tuple[datetime, str]:
    return _recorded_at(interaction), interaction.interaction_id


def _recorded_at(interaction: Interaction) -> datetime:
    if interaction.recorded_at is None:
        raise ValueError(f"expected interactions that a store has recorded, got {interaction.interaction_id!r}")
    return interaction.recorded_at
