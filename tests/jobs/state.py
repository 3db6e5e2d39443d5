"""Everything that a store holds, to compare two of them."""

from dataclasses import replace
from typing import Any

from shared.entities import Profile
from shared.ports import Documents


def state(documents: Documents) -> dict[str, Any]:
    """What is stored, without the times at which it was."""
    interactions = {one.interaction_id: replace(one, recorded_at=None) for one in documents.interactions.since(None)}
    users = {user.user_id: user for user in documents.users.changed_since(None)}
    people = sorted({*users, *(one.user_id for one in interactions.values())})
    return {
        "events": {one.event_id: replace(one, updated_at=None) for one in documents.events.changed_since(None)},
        "users": users,
        "interactions": interactions,
        "counts": {
            event_id: (dict(counts.by_type), round(counts.popularity, 9))
            for event_id, counts, _ in documents.counters.changed_since(None)
        },
        "histories": {user_id: _history(documents.users.profile(user_id, timeout_s=10)) for user_id in people},
    }


def _history(profile: Profile) -> list[str]:
    # Entries of the same second come in any order.
    return sorted(map(repr, profile.history))
