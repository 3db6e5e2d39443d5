"""Takes interactions in: what clients send becomes documents, what the trigger sees becomes history and counts."""

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


@dataclass(frozen=True, slots=True)
class Rejection:
    """An entry of a batch that was not taken: its place, the field and why."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a batch: ids that are stored now, and what was rejected."""

    accepted: list[str]
    rejected: list[Rejection]


class Outcome(StrEnum):
    """What became of a delivery."""

    COUNTED = "counted"
    REMEMBERED = "remembered"
    KNOWN = "known"
    LATE = "late"
    FORGOTTEN = "forgotten"
    NOTHING = "nothing"


def receive(log: InteractionLog, batch: Sequence[object], *, user_id: str, now: datetime) -> Received:
    """Store a client's batch, each entry on its own; a repeat is accepted and stays one document.

    Everything is recorded as `user_id`'s; `occurred_at` defaults to `now` and lies at most `MAX_AGE` before it: since
    ids hold the day, old days would let one user do the same thing many times at once.
    """
    interactions, rejected = [], []
    for index, entry in enumerate(batch):
        try:
            interactions.append(_parse(entry, user_id, now))
        except InvalidField as error:
            rejected.append(Rejection(index, error.field, error.reason))
    if interactions:
        log.append(interactions, now=now, counted=False)
    return Received([one.interaction_id for one in interactions], rejected)


def count(documents: Documents, interaction: Interaction, *, now: datetime) -> Outcome:
    """Put an interaction into its user's history and, where its type counts at once, into its event's counts.

    Delivered again, or late, it changes nothing that it should not; what is not counted here counts when its slot is
    settled.
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
    # Only a cancellation needs to know another document; a booking is counted without any read.
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
