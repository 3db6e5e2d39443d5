"""Bulk load of existing interactions, in idempotent chunks that may be interrupted anywhere."""

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
"""Interactions in a chunk: enough to combine writes of a user and of an event, few enough to repeat after a crash."""


def load_interactions(documents: Documents, chunk: Sequence[Interaction], *, now: datetime) -> Written:
    """Bulk load of a chunk of interactions with the histories and counts that follow from them.

    Documents are written last: as long as any is missing the chunk may be loaded again, and nothing counts twice, since
    histories merge by id and counts are added under the chunk's own idempotency key. A repeated chunk must hold the
    same interactions, as a chunk of an unchanged file does.
    """
    known = documents.interactions.known([interaction.interaction_id for interaction in chunk])
    by_id = {interaction.interaction_id: interaction for interaction in chunk}
    fresh = [interaction for key, interaction in by_id.items() if key not in known]
    if fresh:
        documents.users.remember(fresh)
        documents.counters.add(_counts(documents, fresh, now), key=_key(chunk), now=now)
        documents.interactions.append(fresh, now=now, counted=True)
    return Written(len(fresh), len(chunk) - len(fresh))


def _key(chunk: Sequence[Interaction]) -> str:
    ids = "\n".join(interaction.interaction_id for interaction in chunk)
    return f"load-{sha256(ids.encode()).hexdigest()}"


def _counts(documents: Documents, interactions: Sequence[Interaction], now: datetime) -> dict[str, EventCounts]:
    recorded = {interaction.interaction_id: replace(interaction, recorded_at=now) for interaction in interactions}
    partners = {interaction.interaction_id: key for interaction in interactions if (key := partner_id(interaction))}
    earlier = documents.interactions.get([key for key in partners.values() if key not in recorded])
    added: defaultdict[str, list[EventCounts]] = defaultdict(list)
    for key, interaction in recorded.items():
        partner = partners.get(key, "")
        counts = addition(interaction, recorded.get(partner) or earlier.get(partner))
        for event_id in interaction.events():
            added[event_id].append(counts)
    return {event_id: EventCounts.total(counts) for event_id, counts in added.items()}
