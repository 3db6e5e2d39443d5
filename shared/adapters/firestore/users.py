"""Declared profiles and histories in Firestore."""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

from shared.adapters import history, untrusted
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.adapters.firestore.friends import HISTORIES, PLANS, TELLING, declared, share_plans
from shared.adapters.firestore.histories import Histories
from shared.adapters.firestore.pages import Listing, documents, of_any_type
from shared.entities import Interaction, Profile, Touchpoint, User
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.entities.user import is_unprofiled
from shared.ports import Written

COLLECTION: Final = "users"
CHANGED: Final = Listing(COLLECTION, "updated_at")
ALL: Final = Listing(COLLECTION)
ALL_HISTORIES: Final = Listing(HISTORIES)


class FirestoreUsers:
    """User store (`UserStore`) on profiles, which users or the app write, and `histories`, which functions write."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._histories = Histories(database)

    def put(self, users: Sequence[User], *, now: datetime) -> Written:
        """Create or change declared profiles that differ, stamping `updated_at`; wishes and other fields stay."""
        wanted = {user.user_id: user for user in users}
        parts = chunks(wanted.items(), lambda item: len(repr(item)))
        return sum(in_parallel(lambda part: self._put(dict(part), now), parts), start=Written())

    def allow_profiling(self, user_id: str, *, allowed: bool, now: datetime) -> None:
        """Set or remove the wish not to be profiled, stamping `updated_at`; creates a missing profile."""
        batch = self._database.client.batch()
        changed = {"profiling": None if allowed else False, "updated_at": now}
        self._database.merge(batch, self._database.document(COLLECTION, user_id), changed)
        self._database.commit(batch, "whether a user is profiled")

    def unprofiled(self, user_ids: Sequence[str]) -> set[str]:
        """Users among `user_ids` who do not wish to be profiled, one read per user."""
        return set().union(*in_parallel(self._unprofiled, chunks(user_ids, len)))

    def remember(self, interactions: Sequence[Interaction]) -> None:
        """Merge interactions into their users' histories; idempotent, in any order."""
        self._histories.remember(interactions)

    def touchpoints(self, event_ids: Mapping[str, Collection[str]]) -> Mapping[str, Sequence[Touchpoint]]:
        """Touchpoints of users with some events, newest first, by user; one read for each user."""
        return self._histories.touchpoints(event_ids)

    def profile(self, user_id: str, *, timeout_s: float) -> Profile:
        """Profile and newest history in one read; empty for an unknown user, unreadable parts left out."""
        references = [self._database.document(collection, user_id) for collection in (COLLECTION, HISTORIES)]
        return _profile(user_id, self._database.read(references, timeout_s=timeout_s))

    def profiles(self, *, after: str = "") -> Iterator[Profile]:
        """Profiles of all users by id, merged from the listings of both collections: a read for each document."""
        # Document ids are in the order of UTF-8, which is that of Python's strings.
        merged = heapq.merge(self._named(ALL, after), self._named(ALL_HISTORIES, after), key=lambda item: item[0][1])
        for user_id, found in groupby(merged, key=lambda item: item[0][1]):
            yield _profile(user_id, dict(found))

    def share_plans(self, user_ids: Sequence[str], *, viewer: str = "") -> None:
        """Tell mutual friends of the plans of some users, and take back what others were told; idempotent."""
        in_parallel(lambda user_id: share_plans(self._database, user_id, viewer), user_ids)

    def telling(self, user_id: str) -> list[str]:
        """Users who told this user of their plans, one read per user."""
        return [key for key, _ in documents(self._database, TELLING, user_id)]

    def with_friends(self, user_ids: Sequence[str]) -> list[str]:
        """Users among `user_ids` who have declared friends, one read per user."""

        def part_of(part: Sequence[str]) -> set[str]:
            references = [self._database.document(COLLECTION, user_id) for user_id in part]
            found = self._database.read(references, only=["friends"])
            return {user_id for (_, user_id), document in found.items() if document.get("friends")}

        found = set().union(*in_parallel(part_of, chunks(user_ids, len)))
        return [user_id for user_id in user_ids if user_id in found]

    def trim_histories(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Trim the histories of the interactions' users, one read per user; returns the interactions they lack."""
        return self._histories.trim_histories(interactions)

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[User]:
        """Profiles with `updated_at` at or after `moment`, oldest first; for None all with ids after `after`, by id."""
        if moment is not None and not self._database.names.owns_profiles:
            return self._changed_by_the_app(moment)
        found = documents(self._database, ALL if moment is None else CHANGED, moment, after=after)
        return untrusted.readable(COLLECTION, found, User.read)

    def _changed_by_the_app(self, moment: datetime) -> Iterator[User]:
        """Changed profiles of which the app writes the stamp, as a time of any type."""

        def changed(found: Iterator[tuple[str, Document]]) -> Iterator[tuple[datetime, User]]:
            for user in untrusted.readable(COLLECTION, found, User.read):
                if user.updated_at is not None and user.updated_at >= moment:
                    yield user.updated_at, user

        *ordered, texts = map(changed, of_any_type(self._database, CHANGED, moment))
        for _, user in heapq.merge(*ordered, sorted(texts, key=itemgetter(0)), key=itemgetter(0)):
            yield user

    def _named(self, listing: Listing, after: str) -> Iterator[tuple[tuple[str, str], Document]]:
        """Documents of a listing by id, with the names that a batched read gives them."""
        for key, document in documents(self._database, listing, after=after):
            yield (listing.collection, key), document

    def _unprofiled(self, user_ids: Sequence[str]) -> set[str]:
        references = [self._database.document(COLLECTION, user_id) for user_id in user_ids]
        found = self._database.read(references, only=["profiling"])
        return {user_id for (_, user_id), document in found.items() if is_unprofiled(document.get("profiling"))}

    def _put(self, wanted: dict[str, User], now: datetime) -> Written:
        references = {user_id: self._database.document(COLLECTION, user_id) for user_id in wanted}
        stored = self._database.snapshots(references.values())
        batch = self._database.client.batch()
        for user_id, user in wanted.items():
            before = stored.get((COLLECTION, user_id))
            wish = self._database.fields(before).get("profiling") if before else None
            kept = replace(user, profiling=user.profiling and not is_unprofiled(wish))
            document = known_fields(kept, "user_id", "updated_at")
            self._database.bring(batch, references[user_id], document, before, now=now)
        if len(batch):
            self._database.commit(batch, f"{len(batch)} users")
        return Written(len(batch), len(wanted) - len(batch))


def _profile(user_id: str, found: Mapping[tuple[str, str], Document]) -> Profile:
    """Profile of a user from those of the two documents that exist, unreadable parts left out."""
    user, stored = declared(user_id, found), found.get((HISTORIES, user_id), {})
    return Profile(user, history.newest(user_id, stored.get("entries", {})), history.going(user, stored.get(PLANS, {})))
