"""Puts existing data into a store, in chunks that can be repeated and interrupted anywhere."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from shared.entities import EventCounts, Interaction
from shared.feedback.counts import addition, partner_id
from shared.ports import Documents, Written

CHUNK: Final = 10_000
"""Interactions to load at once: enough that a user's and an event's come together, few enough to repeat."""


def load_interactions(documents: Documents, chunk: Sequence[Interaction], *, now: datetime) -> Written:
    """Store a chunk of interactions with what follows from them: histories and counts.

    The documents come last: as long as any is missing the chunk may be given again, and nothing counts twice, since
    histories merge by id and counts are added under the chunk's own key. Chunks must be the same when they are given
    again, as those of an unchanged file are.
    """
    known = documents.interactions.known([one.interaction_id for one in chunk])
    fresh = list({one.interaction_id: one for one in chunk if one.interaction_id not in known}.values())
    if fresh:
        documents.users.remember(fresh)
        documents.counters.add(_counts(documents, fresh, now), key=_key(chunk), now=now)
        documents.interactions.append(fresh, now=now, counted=True)
    return Written(len(fresh), len(chunk) - len(fresh))


def _key(chunk: Sequence[Interaction]) -> str:
    ids = "\n".join(one.interaction_id for one in chunk)
    return f"load-{sha256(ids.encode()).hexdigest()}"


def _counts(documents: Documents, interactions: Sequence[Interaction], now: datetime) -> dict[str, EventCounts]:
    recorded = {one.interaction_id: replace(one, recorded_at=now) for one in interactions}
    partners = {one.interaction_id: key for one in interactions if (key := partner_id(one))}
    earlier = documents.interactions.get([key for key in partners.values() if key not in recorded])
    added: defaultdict[str, list[EventCounts]] = defaultdict(list)
    for key, one in recorded.items():
        partner = partners.get(key, "")
        counts = addition(one, recorded.get(partner) or earlier.get(partner))
        for event_id in one.events():
            added[event_id].append(counts)
    return {event_id: EventCounts.total(parts) for event_id, parts in added.items()}
