"""Full content of a document store, for comparison of two stores."""

from dataclasses import replace
from typing import Any

from shared.entities import Profile
from shared.ports import Documents


def state(documents: Documents) -> dict[str, Any]:
    """Stored events, users, interactions, counts and histories, without the times of storage."""
    interactions = {
        interaction.interaction_id: replace(interaction, recorded_at=None)
        for interaction in documents.interactions.since(None)
    }
    users = {user.user_id: user for user in documents.users.changed_since(None)}
    user_ids = sorted({*users, *(interaction.user_id for interaction in interactions.values())})
    return {
        "events": {event.event_id: replace(event, updated_at=None) for event in documents.events.changed_since(None)},
        "users": users,
        "interactions": interactions,
        "counts": {
            event_id: (dict(counts.by_type), round(counts.popularity, 9))
            for event_id, counts, _ in documents.counters.changed_since(None)
        },
        "histories": {user_id: _history(documents.users.profile(user_id, timeout_s=10)) for user_id in user_ids},
    }


def _history(profile: Profile) -> list[str]:
    # The order of entries with equal times is undefined.
    return sorted(map(repr, profile.history))
