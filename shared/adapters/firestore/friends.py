"""Plans that mutual friends share in Firestore: in the history of each user, the plans of friends by `friend_key`.

The user's own history names, in `told`, the users who hold their plans. Profiles are read in the transaction that
writes, so a friendship that ends, or an erasure, meanwhile is either seen or sees what was written. Histories, which
the trigger writes often, are read outside, without locks, and once more afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import history, untrusted
from shared.adapters.firestore.client import Database, PreconditionLost, until_conditions_hold
from shared.adapters.firestore.pages import Listing
from shared.adapters.unavailable import unavailable
from shared.entities import User
from shared.errors import InvalidField, StoreUnavailable
from shared.feedback.friends import are_friends, friend_ids, plans

if TYPE_CHECKING:
    from google.cloud.firestore import Transaction

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
        told = _transaction(database, user_id, viewer, before)
        after = _read(database, [own]).get(own, {})
        if after.get("entries") != before.get("entries") or set(after.get(TOLD, ())) != told:
            raise PreconditionLost("a history has changed meanwhile")

    until_conditions_hold(attempt, "share plans")


def _transaction(database: Database, user_id: str, viewer: str, stored: Mapping[str, Any]) -> set[str]:
    """Transaction that shares the plans in a history as it was `stored`; returns those who are told from now on."""
    from google.api_core.exceptions import NotFound
    from google.cloud.firestore import transactional

    with unavailable("cannot share plans"):
        try:
            share = transactional(lambda transaction: _share(database, transaction, user_id, viewer, stored))
            told: set[str] = share(database.client.transaction())
        except NotFound as error:
            raise PreconditionLost(str(error)) from error
        except ValueError as error:  # the library gives up after five attempts
            raise StoreUnavailable("cannot share plans: others change the same profiles; try again") from error
    return told


def _share(
    database: Database, transaction: "Transaction", user_id: str, viewer: str, stored: Mapping[str, Any]
) -> set[str]:
    from google.cloud.firestore import DELETE_FIELD, ArrayRemove, ArrayUnion

    path, own = f"{PLANS}.{history.friend_key(user_id)}", database.document(HISTORIES, user_id)
    user = _declared(user_id, _read(database, [(USERS, user_id)], transaction))
    planned, told = plans(history.newest(user_id, stored.get("entries", {}))), set(stored.get(TOLD, ()))
    wanted = [other for other in friend_ids(user) if planned and viewer in ("", other)]
    profiles = _read(database, [(USERS, other) for other in wanted], transaction)
    friends = {other for other in wanted if are_friends(user, _declared(other, profiles))}
    outdated = (told & {viewer} if viewer else told) - friends
    for other in friends:
        shared = {PLANS: {history.friend_key(user_id): list(planned)}}
        transaction.set(database.document(HISTORIES, other), shared, merge=[path])
    # A history that is gone, since its user was erased, must not come back.
    for name in _read(database, [(HISTORIES, other) for other in sorted(outdated)]):
        transaction.update(database.document(*name), {path: DELETE_FIELD})
    if friends - told:
        transaction.set(own, {TOLD: ArrayUnion(sorted(friends - told))}, merge=[TOLD])
    if outdated:
        transaction.update(own, {TOLD: ArrayRemove(sorted(outdated))})
    return (told | friends) - outdated


def _read(
    database: Database, names: Sequence[tuple[str, str]], transaction: "Transaction | None" = None
) -> dict[tuple[str, str], dict[str, Any]]:
    references = [database.document(*name) for name in names]
    if transaction is None or not names:
        return database.read(references) if names else {}
    snapshots = transaction.get_all(references, timeout=database.deadline_s)
    return {(found.reference.parent.id, found.id): found.to_dict() or {} for found in snapshots if found.exists}


def _declared(user_id: str, found: Mapping[tuple[str, str], dict[str, Any]]) -> User:
    try:
        return untrusted.declared(user_id, found.get((USERS, user_id), {}))
    except InvalidField as error:
        untrusted.warn(USERS, user_id, error)
        return User(user_id=user_id)
