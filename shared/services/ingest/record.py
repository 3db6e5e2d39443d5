"""Recording of interactions: batches from clients become documents, and the trigger updates history and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from shared.entities import Interaction
from shared.errors import InvalidField
from shared.feedback.accounts import MAX_AGE, is_loaded
from shared.feedback.counts import contribution
from shared.ports import Appended, Documents, InteractionLog, Recorded

MAX_AHEAD: Final = timedelta(minutes=2)
"""Time by which a client's clock may run ahead: what occurs within it, occurs now."""

_TICK: Final = timedelta(microseconds=1)
"""Least difference between the times of two states of a target in a batch."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rejected entry of a batch: its index, the field and the reason."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """Result of a batch.

    Attributes
    ----------
    accepted : ids of the accepted interactions, in their order.
    rejected : rejected entries.
    superseded : ids, among `accepted`, of states that a later one of the same target outlives.
    """

    accepted: list[str]
    rejected: list[Rejection]
    superseded: list[str]


class Outcome(StrEnum):
    """Outcome of a trigger's delivery of an interaction."""

    COUNTED = "counted"
    REMEMBERED = "remembered"
    KNOWN = "known"
    WITHDRAWN = "withdrawn"
    LEFT = "left to the next reconciliation"
    FORGOTTEN = "forgotten"
    NOTHING = "nothing"


def receive(
    log: InteractionLog, batch: Sequence[object], *, user_id: str, now: datetime, anonymous: bool = False
) -> Received:
    """Storage of a client's batch; entries are validated one by one, and a repeated entry stays the same document.

    All interactions are recorded as those of `user_id`, whose account is `anonymous` until somebody signs up for it.
    `occurred_at` defaults to `now`, lies at most `MAX_AHEAD` in the future, which counts as `now`, and at most
    `MAX_AGE` in the past. Of states of a target with equal times the later entry holds. Raises `TooMany` for states
    while the user's data is erased.
    """
    given, rejected = [], []
    for index, entry in enumerate(batch):
        try:
            given.append(_parse(entry, user_id, now, anonymous=anonymous))
        except InvalidField as error:
            rejected.append(Rejection(index, error.field, error.reason))
    interactions = _in_order(given, now)
    results = log.append(interactions, now=now) if interactions else []
    ids = [interaction.interaction_id for interaction in interactions]
    superseded = [key for key, result in zip(ids, results, strict=True) if result is Appended.SUPERSEDED]
    return Received(ids, rejected, superseded)


def count(documents: Documents, interaction: Interaction, *, now: datetime, has_registers: bool = True) -> Outcome:
    """Idempotent update of the user's history and, for a state, of the event's counts, in any order of deliveries.

    Interactions of repeating types are counted when their slot is settled, see `reconcile.py`; so are states as long as
    the store has no registers, see `upgrade.py`. A bulk load counts what it writes. Raises `InvalidField` for an
    interaction without `recorded_at`.
    """
    if interaction.recorded_at is None:
        raise InvalidField("recorded_at", None, "the server's time, which the store stamps on each document")
    if is_loaded(interaction):
        return Outcome.LEFT
    if interaction.type.meaning.repeats:
        if not interaction.is_remembered():
            return Outcome.NOTHING
        done = documents.counters.remember(interaction, now=now)
        return Outcome.REMEMBERED if done is Recorded.NEW else Outcome(done.value)
    if not has_registers:
        done = documents.counters.remember(interaction, now=now)
        return Outcome.LEFT if done is Recorded.NEW else Outcome(done.value)
    counts = contribution(interaction)
    done = documents.counters.put(interaction, counts, now=now)
    if done is not Recorded.NEW:
        return Outcome(done.value)
    return Outcome.COUNTED if counts else Outcome.REMEMBERED


def withdraw(documents: Documents, deleted: Interaction, *, now: datetime, has_registers: bool = True) -> Outcome:
    """Idempotent removal of a deleted state from the counts of its event.

    Repeating interactions stay counted, since they say how many and not who. Nothing of a visitor was counted, but the
    register expires only after a deletion.
    """
    has_register = not deleted.type.meaning.repeats and deleted.recorded_at is not None
    if not has_register or not has_registers:
        return Outcome.NOTHING
    done = documents.counters.withdraw(deleted, now=now)
    return Outcome.WITHDRAWN if done is Recorded.NEW else Outcome(done.value)


def _parse(entry: object, user_id: str, now: datetime, *, anonymous: bool) -> Interaction:
    if not isinstance(entry, Mapping):
        raise InvalidField("interactions", entry, "an object with type, event_id and occurred_at")
    data: dict[str, Any] = {
        "occurred_at": now,
        **entry,
        "user_id": user_id,
        "recorded_at": None,
        "anonymous": anonymous,
        "origin": "",
    }
    given = Interaction.from_document("unnamed", data)
    if given.occurred_at > now + MAX_AHEAD:
        raise InvalidField("occurred_at", data["occurred_at"], "a time that is not in the future")
    if given.occurred_at < now - MAX_AGE:
        raise InvalidField("occurred_at", data["occurred_at"], f"a time of the last {MAX_AGE.days} days")
    return given


def _in_order(given: Sequence[Interaction], now: datetime) -> list[Interaction]:
    """Interactions in their places, none after `now`, and each state of a target before those that follow it.

    States follow each other by the time that the client gave, and at equal times by their places. Stores order them by
    `occurred_at` alone, so earlier ones are moved back where the times are equal, or both ahead of `now`.
    """
    ordered = sorted(range(len(given)), key=lambda place: (given[place].occurred_at, place), reverse=True)
    effective: dict[int, Interaction] = {}
    following: dict[str, Interaction] = {}
    for place in ordered:
        entry = replace(given[place], occurred_at=min(given[place].occurred_at, now))
        entry = replace(entry, interaction_id=entry.expected_id())
        if not entry.type.meaning.repeats:
            after = following.get(entry.interaction_id)
            if after:
                # A repeated entry is the same state, which nothing outlives.
                is_same = replace(entry, occurred_at=after.occurred_at) == after
                latest = after.occurred_at if is_same else after.occurred_at - _TICK
                entry = replace(entry, occurred_at=min(entry.occurred_at, latest))
            following[entry.interaction_id] = entry
        effective[place] = entry
    return [effective[place] for place in range(len(given))]
