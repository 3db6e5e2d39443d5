"""Event counts that interactions add, as pure functions of the stored documents, independent of trigger deliveries.

A state, the interaction of a lasting type, is counted while it is the last word of its user, family and target: a
register remembers what was added for it, so that the next state replaces it, see `ports/counters.py`. Types that
repeat, such as views, are frequent and weigh little, so they are counted when the documents of their slot are settled:
one write per event instead of one per interaction.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.entities import Erasures, EventCounts, Interaction
from shared.feedback.popularity import counts_of

SLOT: Final = timedelta(minutes=10)
"""Length of a slot: interactions are settled by ten minutes of `recorded_at`."""

SETTLED_AFTER: Final = timedelta(minutes=10)
"""Time after the end of a slot from which it may be settled: documents become readable after their stamp."""

MAX_WEIGHED: Final = 60
"""Maximum number of repeating interactions of a user in a slot that add popularity; the rest count by type only."""

MAX_WEIGHED_AGE: Final = timedelta(days=1)
"""Age when recorded up to which a repeating interaction adds popularity, since a user may choose an earlier day."""


def slot_of(moment: datetime) -> int:
    """Slot number of a time: whole slots since 1970.

    >>> slot_of(datetime(1970, 1, 1, 0, 25, tzinfo=UTC))
    2
    """
    return int(moment.timestamp() // SLOT.total_seconds())


def start_of(slot: int) -> datetime:
    """Start time of a slot, UTC."""
    return datetime.fromtimestamp(slot * SLOT.total_seconds(), UTC)


def contribution(state: Interaction) -> EventCounts:
    """Counts that a state adds to its event while it is the last word: none without an event, or of a visitor."""
    return EventCounts() if state.is_of_visitor() or not state.event_id else counts_of(state)


def loaded_counts(interaction: Interaction) -> EventCounts:
    """Counts that a bulk load adds to each event of an interaction: those of a state, or at once those that settle."""
    if not interaction.type.meaning.repeats:
        return contribution(interaction)
    return EventCounts() if interaction.is_of_visitor() else settled_counts(interaction)


def settled_counts(interaction: Interaction) -> EventCounts:
    """Counts that a repeating interaction adds to each of its events: none of a type without weight, an impression.

    Impressions are many times as frequent as all other types: their numbers would be written for nearly every event in
    every slot, and read again by every instance, which needs nothing but the weights.
    """
    counts = counts_of(interaction)
    return counts if counts.decayed else EventCounts()


def tally(interactions: Iterable[Interaction], forgotten: Erasures) -> dict[str, EventCounts]:
    """Settled counts of the repeating interactions of whole slots, by event id.

    Parameters
    ----------
    interactions : interactions recorded in those slots, in any order; each has a `recorded_at`.
    forgotten : noted erasures. What a user did on the day of an erasure or before does not count after
        it, so that an account gains nothing by erasing itself and starting again.
    """
    added: defaultdict[str, list[EventCounts]] = defaultdict(list)
    n_weighed: Counter[tuple[str, int]] = Counter()
    for interaction in sorted(interactions, key=_order):
        if not interaction.type.meaning.repeats or interaction.is_of_visitor() or _is_forgotten(interaction, forgotten):
            continue
        if not (counts := settled_counts(interaction)):
            continue
        recorded_at = recorded_time(interaction)
        sender = interaction.user_id, slot_of(recorded_at)
        is_late = recorded_at - interaction.occurred_at > MAX_WEIGHED_AGE
        n_weighed[sender] += not is_late
        if is_late or n_weighed[sender] > MAX_WEIGHED:
            counts = replace(counts, decayed={})
        for event_id in interaction.events():
            added[event_id].append(counts)
    return {event_id: EventCounts.total(counts) for event_id, counts in added.items()}


def recorded_time(interaction: Interaction) -> datetime:
    """Store's time of a stored interaction."""
    if interaction.recorded_at is None:
        raise ValueError(f"expected interactions that a store has recorded, got {interaction.interaction_id!r}")
    return interaction.recorded_at


def _is_forgotten(interaction: Interaction, forgotten: Erasures) -> bool:
    at = forgotten.at(interaction.user_id)
    return at is not None and interaction.occurred_at.date() <= at.date()


def _order(interaction: Interaction) -> tuple[datetime, str]:
    return recorded_time(interaction), interaction.interaction_id
