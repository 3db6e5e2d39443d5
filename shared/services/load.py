"""Puts existing data into a store, in chunks that can be repeated and interrupted anywhere."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import numpy as np

from shared.entities import Interaction, InteractionType
from shared.models.popularity import popularity_weights
from shared.models.weights import CODES
from shared.ports import Documents, EventCounts, Written

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
        documents.counters.add(_counts(fresh), key=_key(chunk), now=now)
        documents.interactions.append(fresh, now=now, counted=True)
    return Written(len(fresh), len(chunk) - len(fresh))


def _key(chunk: Sequence[Interaction]) -> str:
    ids = "\n".join(one.interaction_id for one in chunk)
    return f"load-{sha256(ids.encode()).hexdigest()}"


def _counts(interactions: Sequence[Interaction]) -> dict[str, EventCounts]:
    about = [one for one in interactions if one.event_id]
    weights = popularity_weights(
        np.array([CODES[one.type] for one in about], np.int8),
        np.array([np.nan if one.value is None else one.value for one in about], np.float32),
        np.array([one.occurred_at.timestamp() for one in about], np.float64),
    )
    by_type: defaultdict[str, Counter[InteractionType]] = defaultdict(Counter)
    sums: defaultdict[str, float] = defaultdict(float)
    for one, weight in zip(about, weights.tolist(), strict=True):
        by_type[one.event_id][one.type] += 1
        sums[one.event_id] += weight
    return {event_id: EventCounts(numbers, sums[event_id]) for event_id, numbers in by_type.items()}
