"""Sharing of plans between mutual friends, from the documents, as part of the scheduled job."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from shared.entities import Interaction
from shared.feedback.friends import friend_ids
from shared.feedback.weights import CODES, FAMILY, IS_HIT
from shared.ports import Documents

SHARED: Final = "friends"
"""Name of the bookmark: profiles that changed before it have been looked at."""
_OVERLAP: Final = timedelta(minutes=2)
"""Overlap of two runs, since documents become readable after their stamp."""
_STEP: Final = 200
"""Changed profiles after which the bookmark moves, so that a run that is stopped loses little."""
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLANNING: Final = frozenset(FAMILY[IS_HIT].tolist())
"""Families, by code, whose states are plans or end them."""


def share_states(documents: Documents, states: Sequence[Interaction]) -> None:
    """Sharing of the plans of users who booked, saved, attended or cancelled, where they have declared friends."""
    users = sorted({state.user_id for state in states if FAMILY[CODES[state.type]] in _PLANNING})
    if users:
        documents.users.share_plans(documents.users.with_friends(users))


def share_profiles(documents: Documents, *, now: datetime) -> int:
    """Sharing of plans after changes of profiles since the last run; returns the number of profiles.

    A changed profile may begin or end friendships, so its user is told of the plans of friends, and they of the user's.
    In a run over all profiles, every friend has a turn of their own.
    """
    since = documents.bookmarks.read(SHARED) or _BEGINNING
    changed, is_whole, count = documents.users.changed_since(since), since == _BEGINNING, 0
    while part := list(islice(changed, _STEP)):
        documents.users.share_plans([user.user_id for user in part])
        for user in () if is_whole else part:
            others = {*friend_ids(user), *documents.users.telling(user.user_id)}
            documents.users.share_plans(sorted(others), viewer=user.user_id)
        count += len(part)
        if part[-1].updated_at and len(part) == _STEP:
            documents.bookmarks.move(SHARED, max(since, min(part[-1].updated_at, now - _OVERLAP)))
    documents.bookmarks.move(SHARED, max(since, now - _OVERLAP))
    return count


def stop_sharing(documents: Documents) -> None:
    """Reset of the bookmark where friends are off: what is shared then would be out of date when they are on again."""
    if documents.bookmarks.read(SHARED) not in (None, _BEGINNING):
        documents.bookmarks.move(SHARED, _BEGINNING)
