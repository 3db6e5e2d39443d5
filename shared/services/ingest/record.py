"""Recording of interactions: batches from clients become documents, and the trigger updates history and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from shared.entities import EventCounts, Interaction, InteractionType
from shared.errors import InvalidField
from shared.feedback.counts import addition, counts_at_once, is_too_late, partner_id, slot_of
from shared.ports import Documents, InteractionLog, Recorded

MAX_AGE: Final = timedelta(days=7)
"""Age limit of an interaction: ids of repeating types hold the day, so older days would let a user repeat it often."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rejected entry of a batch: its index, the field and the reason."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """Result of a batch: ids of the stored interactions, and the rejected entries."""

    accepted: list[str]
    rejected: list[Rejection]


class Outcome(StrEnum):
    """Outcome of a trigger's delivery of an interaction."""

    COUNTED = "counted"
    REMEMBERED = "remembered"
    KNOWN = "known"
    LATE = "late"
    FORGOTTEN = "forgotten"
    NOTHING = "nothing"


def receive(log: InteractionLog, batch: Sequence[object], *, user_id: str, now: datetime) -> Received:
    """Storage of a client's batch; entries are validated one by one, and a repeated entry stays the same document.

    All interactions are recorded as those of `user_id`. `occurred_at` defaults to `now`, must not lie in the future,
    and lies at most `MAX_AGE` in the past.
    """
    interactions, rejected = [], []
    for index, entry in enumerate(batch):
        try:
            interactions.append(_parse(entry, user_id, now))
        except InvalidField as error:
            rejected.append(Rejection(index, error.field, error.reason))
    if interactions:
        log.append(interactions, now=now, counted=False)
    return Received([interaction.interaction_id for interaction in interactions], rejected)


def count(documents: Documents, interaction: Interaction, *, now: datetime) -> Outcome:
    """Idempotent update of the user's history and, for a type that counts at once, of the event's counts.

    Repeated deliveries change nothing. Interactions of repeating types and late deliveries are counted when their slot
    is settled, see `reconcile.py`. Raises `InvalidField` for an interaction without `recorded_at`.
    """
    if interaction.recorded_at is None:
        raise InvalidField("recorded_at", None, "the server's time, which the store stamps on each document")
    added, late = EventCounts(), is_too_late(interaction.recorded_at, now)
    if counts_at_once(interaction) and not late:
        added = addition(interaction, _booking(documents.interactions, interaction))
    if not added and not interaction.is_remembered():
        return Outcome.NOTHING
    done = documents.counters.record(interaction, added, slot=slot_of(interaction.recorded_at), now=now)
    if done is not Recorded.NEW:
        return Outcome(done.value)
    if added:
        return Outcome.COUNTED
    return Outcome.LATE if late and counts_at_once(interaction) else Outcome.REMEMBERED


def _booking(log: InteractionLog, cancel: Interaction) -> Interaction | None:
    # Only a cancellation needs another document; a booking is counted without any read.
    key = partner_id(cancel) if cancel.type is InteractionType.CANCEL else None
    return log.get([key]).get(key) if key else None


def _parse(entry: object, user_id: str, now: datetime) -> Interaction:
    if not isinstance(entry, Mapping):
        raise InvalidField("interactions", entry, "an object with type, event_id and occurred_at")
    data: dict[str, Any] = {"occurred_at": now, **entry, "user_id": user_id, "recorded_at": None}
    given = Interaction.from_document("unnamed", data)
    if given.occurred_at > now:
        raise InvalidField("occurred_at", data["occurred_at"], "a time that is not in the future")
    if given.occurred_at < now - MAX_AGE:
        raise InvalidField("occurred_at", data["occurred_at"], f"a time of the last {MAX_AGE.days} days")
    return Interaction.from_document(given.expected_id(), data)
