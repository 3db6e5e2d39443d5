"""Plans that mutual friends share in Firestore: in the history of each user, the plans of friends by `friend_key`.

The user's own history names, in `told`, the users who hold their plans. Profiles are read in the transaction that
writes, so a friendship that ends, or an erasure, meanwhile is either seen or sees what was written.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import history, untrusted
from shared.adapters.firestore.client import Database
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
_Found = dict[tuple[str, str], dict[str, Any]]


def share_plans(database: Database, user_id: str, viewer: str = "") -> None:
    """Bring what friends are told of a user's plans to the documents, atomically; `viewer` names the only one."""
    from google.cloud.firestore import transactional

    def attempt(transaction: "Transaction") -> None:
        _share(database, transaction, user_id, viewer)

    with unavailable(f"cannot share plans of {USERS}/{user_id}"):
        try:
            transactional(attempt)(database.client.transaction())
        except ValueError as error:  # the library gives up after five attempts
            raise StoreUnavailable("cannot share plans: others change the same profiles; try again") from error


def _share(database: Database, transaction: "Transaction", user_id: str, viewer: str) -> None:
    from google.cloud.firestore import DELETE_FIELD

    key, own = history.friend_key(user_id), database.document(HISTORIES, user_id)
    found = _read(database, transaction, [(USERS, user_id), (HISTORIES, user_id)])
    user, stored = _declared(user_id, found), found.get((HISTORIES, user_id), {})
    told = set(stored.get(TOLD, ()))
    planned = plans(history.newest(user_id, stored.get("entries", {})))
    wanted = [other for other in friend_ids(user) if planned and viewer in ("", other)]
    profiles = _read(database, transaction, [(USERS, other) for other in wanted])
    friends = {other for other in wanted if are_friends(user, _declared(other, profiles))}
    outdated = (told & {viewer} if viewer else told) - friends
    there = _read(database, transaction, [(HISTORIES, other) for other in sorted(outdated)])
    for other in friends:
        path = f"{PLANS}.{key}"
        transaction.set(database.document(HISTORIES, other), {PLANS: {key: list(planned)}}, merge=[path])
    for _, other in there:
        transaction.update(database.document(HISTORIES, other), {f"{PLANS}.{key}": DELETE_FIELD})
    now_told = (told - outdated) | friends
    if now_told != told:
        transaction.set(own, {TOLD: sorted(now_told)}, merge=[TOLD])


def _read(database: Database, transaction: "Transaction", names: Sequence[tuple[str, str]]) -> _Found:
    if not names:
        return {}
    references = [database.document(*name) for name in names]
    snapshots = transaction.get_all(references, timeout=database.deadline_s)
    return {(found.reference.parent.id, found.id): found.to_dict() or {} for found in snapshots if found.exists}


def _declared(user_id: str, found: _Found) -> User:
    try:
        return untrusted.declared(user_id, found.get((USERS, user_id), {}))
    except InvalidField as error:
        untrusted.warn(USERS, user_id, error)
        return User(user_id=user_id)
