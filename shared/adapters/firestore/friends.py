"""Plans that mutual friends share in Firestore: in the history of each user, the plans of friends by `friend_key`.

The user's own history names, in `told`, the users who hold their plans. Profiles are read in the transaction that
writes, so a friendship that ends, or an erasure, meanwhile is either seen or sees what was written. Histories, which
the trigger writes often, are read outside, without locks, and once more afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.adapters import history, untrusted
from shared.adapters.firestore.client import Database, PreconditionLost, until_conditions_hold
from shared.adapters.firestore.pages import Listing
from shared.adapters.firestore.transactions import Attempt, transact
from shared.entities import User
from shared.entities.fields import Document
from shared.errors import InvalidField
from shared.feedback.friends import are_friends, friend_ids, plans

USERS: Final = "users"
HISTORIES: Final = "histories"
PLANS: Final = "friends"
TOLD: Final = "told"
TELLING: Final = Listing(HISTORIES, TOLD, "array_contains")
"""Users who told a user of their plans."""


def share_plans(database: Database, user_id: str, viewer: str = "") -> None:
    """Bring what friends are told of a user's plans to the documents, atomically; `viewer` names the only one."""
    own = HISTORIES, user_id

    def attempt() -> None:
        before = _read(database, [own]).get(own, {})
        told = transact(database, lambda tried: _share(database, tried, user_id, viewer, before), "share plans")
        after = _read(database, [own]).get(own, {})
        if after.get("entries") != before.get("entries") or set(after.get(TOLD, ())) != told:
            raise PreconditionLost("a history has changed meanwhile")

    until_conditions_hold(attempt, "share plans")


def _share(database: Database, attempt: Attempt, user_id: str, viewer: str, stored: Mapping[str, Any]) -> set[str]:
    """Writes that share the plans in a history as it was `stored`; returns those who are told from now on."""
    from google.cloud.firestore import DELETE_FIELD, ArrayRemove, ArrayUnion

    path, own = f"{PLANS}.{history.friend_key(user_id)}", database.document(HISTORIES, user_id)
    user = declared(user_id, _profiles(database, attempt, [user_id]))
    planned, told = plans(history.newest(user_id, stored.get("entries", {}))), set(stored.get(TOLD, ()))
    wanted = [other for other in friend_ids(user) if planned and viewer in ("", other)]
    profiles = _profiles(database, attempt, wanted)
    friends = {other for other in wanted if are_friends(user, declared(other, profiles))}
    outdated = (told & {viewer} if viewer else told) - friends
    for other in friends:
        shared = {PLANS: {history.friend_key(user_id): list(planned)}}
        attempt.writes.set(database.document(HISTORIES, other), shared, merge=[path])
    # A history that is gone, since its user was erased, must not come back.
    for name in _read(database, [(HISTORIES, other) for other in sorted(outdated)]):
        attempt.writes.update(database.document(*name), {path: DELETE_FIELD})
    if friends - told:
        attempt.writes.set(own, {TOLD: ArrayUnion(sorted(friends - told))}, merge=[TOLD])
    if outdated:
        attempt.writes.update(own, {TOLD: ArrayRemove(sorted(outdated))})
    return (told | friends) - outdated


def _read(database: Database, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Document]:
    return database.read(database.document(*name) for name in names) if names else {}


def _profiles(database: Database, attempt: Attempt, user_ids: Sequence[str]) -> dict[tuple[str, str], Document]:
    references = [database.document(USERS, user_id) for user_id in user_ids]
    return {(USERS, found.id): database.fields(found) for found in attempt.read(references)} if references else {}


def declared(user_id: str, found: Mapping[tuple[str, str], Document]) -> User:
    """Declared profile among the documents of a read; empty for an unknown user."""
    try:
        return User.read(user_id, found.get((USERS, user_id), {}))
    except InvalidField as error:
        return untrusted.unreadable(user_id, error)
