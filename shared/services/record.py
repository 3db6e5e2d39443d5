"""Takes interactions in: what clients send becomes documents, what the trigger sees becomes history and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.entities import Interaction
from shared.errors import InvalidField
from shared.models.popularity import popularity_weight
from shared.ports import Counters, InteractionLog


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


def receive(log: InteractionLog, batch: Sequence[object], *, user_id: str, now: datetime) -> Received:
    """Store a client's batch, each entry on its own; a repeat is accepted and stays one document.

    Everything is recorded as `user_id`'s; `occurred_at` defaults to `now` and may not lie ahead of it.
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


def count(counters: Counters, interaction: Interaction, *, now: datetime) -> bool:
    """Put one interaction into its user's history and its event's counts; False when that was done before."""
    return counters.record(interaction, popularity_weight(interaction), now=now)


def _parse(entry: object, user_id: str, now: datetime) -> Interaction:
    if not isinstance(entry, Mapping):
        raise InvalidField("interactions", entry, "an object with type, event_id and occurred_at")
    data: dict[str, Any] = {"occurred_at": now, **entry, "user_id": user_id, "recorded_at": None}
    given = Interaction.from_document("unnamed", data)
    if given.occurred_at > now:
        raise InvalidField("occurred_at", data["occurred_at"], "a time that is not in the future")
    return Interaction.from_document(given.expected_id(), data)
