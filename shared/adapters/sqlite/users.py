"""Declared profiles and histories in SQLite."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from shared.adapters import history, untrusted
from shared.adapters.sqlite.database import PAGE, Database, differing, encode, iso, parsed
from shared.entities import Interaction, Profile, Touchpoint, User
from shared.entities.event import known_fields
from shared.entities.profile import MAX_HISTORY, OUTLASTING
from shared.errors import InvalidField
from shared.feedback.friends import are_friends, friend_ids, plans
from shared.ports import Written

_LASTING = json.dumps(list(OUTLASTING))
"""Types of entries that outlast the newest `MAX_HISTORY`."""

DEADLINE_S = 20.0
"""Seconds that a profile may take for which no request waits, as Firestore's reads may."""

_FRIEND = "@"
"""Prefix that tells friends from the keys of history entries."""

_UNPROFILED = (
    "SELECT user_id FROM users WHERE user_id IN (SELECT value FROM json_each(?))"
    " AND document -> 'profiling' NOT IN ('true', 'null', '\"\"')"
)
"""Query for the users who do not wish to be profiled; its parameter is a JSON list of ids."""


class SqliteUsers:
    """User store (`UserStore`) on an SQLite file; histories have a table of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, users: Sequence[User], *, now: datetime) -> Written:
        """Create or replace declared profiles that differ, stamping `updated_at`; histories and wishes stay."""
        with self._database.transaction() as connection:
            kept = {
                user_id for (user_id,) in connection.execute(_UNPROFILED, (encode([user.user_id for user in users]),))
            }
            wanted = [replace(user, profiling=user.profiling and user.user_id not in kept) for user in users]
            documents = {user.user_id: encode(known_fields(user, "user_id", "updated_at")) for user in wanted}
            changed = differing(
                connection,
                "SELECT user_id, document FROM users WHERE user_id IN (SELECT value FROM json_each(?))",
                documents,
            )
            connection.executemany(
                "INSERT OR REPLACE INTO users (user_id, document, updated_at) VALUES (?, ?, ?)",
                [(key, text, iso(now)) for key, text in changed.items()],
            )
        return Written(len(changed), len(documents) - len(changed))

    def allow_profiling(self, user_id: str, *, allowed: bool, now: datetime) -> None:
        """Set or remove the wish not to be profiled, stamping `updated_at`; creates a missing profile."""
        known = {} if allowed else {"profiling": False}
        # In a merge patch (RFC 7396), null removes a field.
        patch = {"profiling": None if allowed else False}
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO users (user_id, document, updated_at) VALUES (?, ?, ?) ON CONFLICT (user_id)"
                " DO UPDATE SET document = json_patch(document, ?), updated_at = excluded.updated_at",
                (user_id, encode(known), iso(now), encode(patch)),
            )

    def unprofiled(self, user_ids: Sequence[str]) -> set[str]:
        """Users among `user_ids` who do not wish to be profiled."""
        return {user_id for (user_id,) in self._database.rows(_UNPROFILED, (encode(list(user_ids)),))}

    def remember(self, interactions: Sequence[Interaction]) -> None:
        """Merge interactions into their users' histories; idempotent, in any order."""
        with self._database.transaction() as connection:
            remember(connection, interactions)

    def profile(self, user_id: str, *, timeout_s: float) -> Profile:
        """Profile and newest history; empty for an unknown user, unreadable parts left out."""
        # Both in one statement, so that the deadline covers both.
        rows = self._database.rows(
            "SELECT NULL, document FROM users WHERE user_id = :user UNION ALL SELECT key, entry FROM"
            " (SELECT key, entry FROM history WHERE user_id = :user ORDER BY occurred_at DESC, key LIMIT :newest)"
            " UNION ALL SELECT key, entry FROM"
            " (SELECT key, entry FROM history WHERE user_id = :user ORDER BY occurred_at DESC, key"
            " LIMIT -1 OFFSET :newest) WHERE entry ->> 'type' IN (SELECT value FROM json_each(:lasting))"
            " UNION ALL SELECT :friend || friend_id, plans FROM friends_plans WHERE user_id = :user",
            {"user": user_id, "newest": MAX_HISTORY, "lasting": _LASTING, "friend": _FRIEND},
            timeout_s=timeout_s,
        )
        user = User(user_id=user_id)
        entries = {key: text for key, text in rows if key is not None and not key.startswith(_FRIEND)}
        shared = {
            history.friend_key(key.removeprefix(_FRIEND)): json.loads(text)
            for key, text in rows
            if key is not None and key.startswith(_FRIEND)
        }
        for text in (text for key, text in rows if key is None):
            user = _read(user_id, text)
        return Profile(user, history.newest(user_id, entries), history.going(user, shared))

    def profiles(self, *, after: str = "") -> Iterator[Profile]:
        """Profiles of all users by id, each read as `profile` reads it."""
        while True:
            page = self._database.rows(
                "SELECT user_id FROM users WHERE user_id > :after"
                " UNION SELECT user_id FROM history WHERE user_id > :after ORDER BY user_id LIMIT :page",
                {"after": after, "page": PAGE},
            )
            for (user_id,) in page:
                yield self.profile(user_id, timeout_s=DEADLINE_S)
            if len(page) < PAGE:
                return
            (after,) = page[-1]

    def share_plans(self, user_ids: Sequence[str], *, viewer: str = "") -> None:
        """Tell mutual friends of the plans of some users, and take back what others were told; idempotent."""
        for user_id in user_ids:
            with self._database.transaction() as connection:
                share_plans(connection, user_id, viewer)

    def telling(self, user_id: str) -> list[str]:
        """Users who told this user of their plans."""
        rows = self._database.rows("SELECT friend_id FROM friends_plans WHERE user_id = ?", (user_id,))
        return [friend_id for (friend_id,) in rows]

    def with_friends(self, user_ids: Sequence[str]) -> list[str]:
        """Users among `user_ids` who have declared friends."""
        sql = (
            "SELECT user_id FROM users WHERE user_id IN (SELECT value FROM json_each(?))"
            " AND json_array_length(document, '$.friends') > 0"
        )
        found = {user_id for (user_id,) in self._database.rows(sql, (encode(list(user_ids)),))}
        return [user_id for user_id in user_ids if user_id in found]

    def trim_histories(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Interactions that their users' histories lack; nothing is trimmed, since a table may grow."""
        wanted = [interaction for interaction in interactions if interaction.is_remembered()]
        keys = [(interaction.user_id, history.key_of(interaction)) for interaction in wanted]
        there = {
            tuple(row)
            for row in self._database.rows(
                "SELECT user_id, key FROM history WHERE (user_id, key) IN"
                " (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
                (encode(keys),),
            )
        }
        return [interaction for interaction, key in zip(wanted, keys, strict=True) if key not in there]

    def touchpoints(self, event_ids: Mapping[str, Collection[str]]) -> Mapping[str, Sequence[Touchpoint]]:
        """Touchpoints of users with some events, newest first, by user."""
        rows = self._database.rows(
            "SELECT user_id, key, entry FROM history WHERE user_id IN (SELECT value FROM json_each(:users))"
            " AND entry ->> 'event_id' IN (SELECT value FROM json_each(:events)) ORDER BY user_id",
            {"users": encode([*event_ids]), "events": encode([*set().union(*event_ids.values())])},
        )
        entries = {user_id: {key: text for _, key, text in found} for user_id, found in groupby(rows, itemgetter(0))}
        return {user_id: history.touchpoints(user_id, found, event_ids[user_id]) for user_id, found in entries.items()}

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[User]:
        """Profiles with `updated_at` at or after `moment`, oldest first; for None all with ids after `after`, by id."""
        rows = self._database.stamped("users", "user_id", "updated_at", moment, after)
        documents = ((key, {"document": text, "updated_at": updated_at}) for _, key, updated_at, text in rows)
        return untrusted.readable("users", documents, parsed(User.read))


def share_plans(connection: sqlite3.Connection, user_id: str, viewer: str = "") -> None:
    """Bring what friends are told of a user's plans to the documents, within the caller's transaction."""
    user = _declared(connection, user_id)
    told = {key for (key,) in connection.execute("SELECT user_id FROM friends_plans WHERE friend_id = ?", (user_id,))}
    wanted = [friend for key in friend_ids(user) if are_friends(user, friend := _declared(connection, key))]
    rows = connection.execute("SELECT key, entry FROM history WHERE user_id = ?", (user_id,)).fetchall()
    planned = encode(plans(history.newest(user_id, dict(rows))))
    friends = {friend.user_id for friend in wanted} if planned != "[]" else set()
    if viewer:
        told, friends = told & {viewer}, friends & {viewer}
    connection.executemany(
        "DELETE FROM friends_plans WHERE user_id = ? AND friend_id = ?", [(key, user_id) for key in told - friends]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO friends_plans (user_id, friend_id, plans) VALUES (?, ?, ?)",
        [(key, user_id, planned) for key in friends],
    )


def _declared(connection: sqlite3.Connection, user_id: str) -> User:
    row = connection.execute("SELECT document FROM users WHERE user_id = ?", (user_id,)).fetchone()
    return _read(user_id, row[0]) if row else User(user_id=user_id)


def _read(user_id: str, text: str) -> User:
    try:
        return parsed(User.read)(user_id, {"document": text})
    except InvalidField as error:
        return untrusted.unreadable(user_id, error)


def remember(connection: sqlite3.Connection, interactions: Sequence[Interaction]) -> None:
    """Merge interactions into their users' histories within the caller's transaction; idempotent."""
    connection.executemany(
        "INSERT OR REPLACE INTO history (user_id, key, occurred_at, entry) VALUES (?, ?, ?, ?)",
        [
            (
                interaction.user_id,
                history.key_of(interaction),
                iso(interaction.occurred_at),
                history.text_of(interaction),
            )
            for interaction in interactions
            if interaction.is_remembered()
        ],
    )
