"""Comparison at the end of a load test: what was accepted, documents, counts and histories, which must be the same."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from benchmarks.traffic import Request
from shared.entities import Erasures, EventCounts, HistoryEntry, Interaction
from shared.feedback.counts import SETTLED_AFTER, SLOT, contribution, tally
from shared.ports import Documents
from shared.services.ingest.reconcile import Reconciliation, reconcile

_OVERLAP: Final = timedelta(minutes=1)
_CHECKED: Final = 300
"""Histories that are compared with what their users did."""
_AT_ONCE: Final = 8
"""Histories that are read at once: each takes a round trip or two."""
_TIMEOUT_S: Final = 20.0
WRONG: Final = "wrong"
"""Beginning of the names of differences, of which there must be none."""

_Act = tuple[str, str]
"""Type of an interaction and id of its event."""


@dataclass(slots=True)
class Told:
    """Answers that the clients of a load test got.

    Attributes
    ----------
    accepted : ids of interactions that the API says it has.
    unknown : user, type and event of interactions without an answer, which may have been recorded or not.
    """

    accepted: set[str] = field(default_factory=set)
    unknown: set[tuple[str, _Act]] = field(default_factory=set)

    def add(self, accepted: Collection[str], given_up: Collection[Request]) -> None:
        """Addition of answers, and of requests without any."""
        self.accepted.update(accepted)
        for request in given_up:
            body = request.body or {}
            for entry in body.get("interactions", ()):
                self.unknown.add((body["user_id"], (entry["type"], entry["event_id"])))


def settle(documents: Documents, now: datetime) -> Reconciliation:
    """Reconciliation of all that is recorded by `now`, as `monitor` makes it of each slot once that is old enough."""
    return reconcile(documents, now=now + 2 * SLOT + SETTLED_AFTER)


def counts_by_event(documents: Documents) -> dict[str, EventCounts]:
    """Counts of all events."""
    return {event_id: counts for event_id, counts, _ in documents.counters.changed_since(None)}


def compared(documents: Documents, before: Mapping[str, EventCounts], told: Told, began: datetime) -> dict[str, Any]:
    """Comparison of what clients were told with documents, and of these with counts and histories, once all is settled.

    Parameters
    ----------
    before : counts of all events at the time `began`.
    """
    stored = {entry.interaction_id: entry for entry in documents.interactions.since(began - _OVERLAP)}
    entries = list(stored.values())
    expected = _expected(entries)
    added = {
        event_id: total
        for event_id, counts in counts_by_event(documents).items()
        if (total := EventCounts.total([counts, before.get(event_id, EventCounts()).negative()]))
    }
    by_user: defaultdict[str, set[_Act]] = defaultdict(set)
    for entry in entries:
        by_user[entry.user_id].add(_act(entry))
    untold = {key for key in stored.keys() - told.accepted if not _may_be(stored[key], told)}
    return {
        "accepted": len(told.accepted),
        "documents": len(stored),
        "without an answer": len(told.unknown),
        f"{WRONG}: accepted without a document": len(told.accepted - stored.keys()),
        # A request whose answer was lost is repeated, and so accepted, or known to have none.
        f"{WRONG}: documents that nobody was told of": len(untold),
        f"{WRONG}: counts of an event": sum(
            EventCounts.total(expected.get(event_id, ())) != added.get(event_id, EventCounts())
            for event_id in expected.keys() | added.keys()
        ),
        f"{WRONG}: histories": sum(
            acts != by_user[user_id] for user_id, acts in _histories(documents, [*by_user][:_CHECKED]).items()
        ),
    }


def _expected(entries: Collection[Interaction]) -> Mapping[str, list[EventCounts]]:
    """Counts that documents add to their events, by event."""
    expected: defaultdict[str, list[EventCounts]] = defaultdict(list)
    for event_id, counts in tally(entries, Erasures()).items():
        expected[event_id].append(counts)
    for entry in entries:
        if not entry.type.meaning.repeats:
            expected[entry.event_id].append(contribution(entry))
    return expected


def _histories(documents: Documents, user_ids: Collection[str]) -> dict[str, set[_Act]]:
    def acts(user_id: str) -> set[_Act]:
        return {_act(entry) for entry in documents.users.profile(user_id, timeout_s=_TIMEOUT_S).history}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(user_ids, pool.map(acts, user_ids), strict=True))


def _act(entry: Interaction | HistoryEntry) -> _Act:
    return entry.type.value, entry.event_id


def _may_be(entry: Interaction, told: Told) -> bool:
    return (entry.user_id, _act(entry)) in told.unknown
